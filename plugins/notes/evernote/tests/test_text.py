"""What Evernote's texts become in Markdown and HTML."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bloop_evernote.enml import Media, Surroundings, convert

TODO = '<en-todo checked="{}"/>'
ALONE = Surroundings(
    media=lambda digest, mime: None,
    link=lambda guid, title: None,
    picture=lambda number, mime, data: pytest.fail("there is no picture"),
    rest=lambda shown: [],
    tasks={},
)


def markdown(body: str) -> str:
    made = convert(f"<en-note>{body}</en-note>", ALONE)
    assert made.lost == []
    return made.markdown


@pytest.mark.parametrize(
    ("enml", "expected"),
    [
        # Evernote 5 and 6: boxes at the beginning of lines, with or without divs.
        (
            f"<div>{TODO.format('true')}a</div><div>{TODO.format('false')}b</div>",
            "- [x] a\n- [ ] b",
        ),
        (f"{TODO.format('true')}a<br/>{TODO.format('false')}b<br/>", "- [x] a\n- [ ] b"),
        ("<div><en-todo/>a<br/><en-todo/>b</div><div>c</div>", "- [ ] a\n- [ ] b\n\nc"),
        (f"<div>see {TODO.format('true')} here</div>", "see ☑ here"),
        (f"<ul><li><i><b>{TODO.format('true')}</b></i>a</li></ul>", "- [x] a"),
        ("<table><tr><td><en-todo/>a</td></tr></table>", "| ☐ a |\n| --- |"),
        # Evernote 10: marks in styles.
        (
            (
                '<div style="--en-codeblock:true;--en-syntaxLanguage:python;">'
                "<div>a = 1</div><div><br/>"
                "</div><div>  b</div></div>"
            ),
            "```python\na = 1\n\n  b\n```",
        ),
        ('<div style="-en-codeblock: true"><div>```</div></div>', "````\n```\n````"),
        (
            '<div style="--en-mermaidblock:true"><div>graph TD</div></div>',
            "```mermaid\ngraph TD\n```",
        ),
        ('<div style="--en-formulablock:true"><div>a_1^2 &lt; b</div></div>', "$$\na_1^2 < b\n$$"),
        (
            '<div style="--en-callout:true; --en-emoji:💡;"><div>hint</div></div>',
            "> [!tip]\n> hint",
        ),
        (
            '<div style="--en-callout:true; --en-emoji:🔥;"><div>hot</div></div>',
            "> [!note]\n> 🔥 hot",
        ),
        (
            (
                '<div style="--en-toggle:true; --en-isCollapsed:true">'
                '<div style="--en-toggleSummary:true">'
                'more</div><div style="--en-toggleContent:true"><div>in it</div></div></div>'
            ),
            "**more**\n\nin it",
        ),
        ('a <span style="-evernote-highlight:true; background-color:#FFFAA5;">b</span>', "a ==b=="),
        (
            '<span style="font-weight:bold">b</span> <span style="font-style: italic;">i</span>',
            "**b** *i*",
        ),
        ('<span style="text-decoration: line-through;">gone</span>', "~~gone~~"),
        ('<div>use <font face="Courier New">x</font> here</div>', "use `x` here"),
        # Lists whose sublists stand beside their items, also before any.
        ("<ol><li>a</li><ul><li>b</li></ul><li>c</li></ol>", "1. a\n   - b\n2. c"),
        ("<ul><ul><li>deep</li></ul></ul>", "- - deep"),
        (
            (
                "<table><tbody><tr><td><div>a|b</div></td><td>c</td></tr><tr><td>1</td><td>2</td></tr></tbody>"
                "</table>"
            ),
            "| a\\|b | c |\n| --- | --- |\n| 1 | 2 |",
        ),
        # Nothing in a text is taken for Markdown.
        (
            "<div># no heading</div><div>1. no list</div><div>- no item</div>",
            "\\# no heading\n\n1\\. no list\n\n\\- no item",
        ),
        (
            "<div>[x](y) *a* `b` ==c== &lt;b&gt; $5$ snake_case _d_</div>",
            "\\[x\\](y) \\*a\\* \\`b\\` \\==c\\== \\<b> \\$5\\$ snake_case \\_d\\_",
        ),
        (
            "<div>&gt;a</div><div>5%%% b%%</div><div>#c ^d</div>",
            r"\>a|5\%\%% b\%%|\#c \^d".replace("|", "\n\n"),
        ),
        # A page of Evernote's own is none of its notes.
        (
            '<a href="https://www.evernote.com/client/web">a</a>',
            "[a](https://www.evernote.com/client/web)",
        ),
        ("<div>a<br/>--</div>", "a\\\n\\--"),
        ("<div>&amp;amp; R&amp;D&nbsp;&eacute; &unknown;</div>", "\\&amp; R&D é \\&unknown;"),
        ("<div>a</div><!-- no word --><script>alert(1)</script><?pi?>", "a"),
        ("", ""),
        ("no end <b>here", "no end **here**"),
    ],
)
def test_enml_as_markdown(enml, expected):
    assert markdown(enml) == expected


def test_html_keeps_formulas_languages_and_toggles():
    html = convert(
        '<en-note><div style="--en-formulablock:true">x &lt; 1</div>'
        '<div style="--en-codeblock:true;--en-codeblockLanguage:Python">a</div>'
        '<div style="--en-toggle:true"><div style="--en-toggleSummary:true">s</div></div>'
        "</en-note>",
        ALONE,
    ).html
    assert "\\[x &lt; 1\\]" in html
    assert '<code class="language-python">a</code>' in html
    assert '<details open=""><summary>s</summary></details>' in html


def test_a_picture_is_as_large_as_evernote_shows_it():
    shown = replace(ALONE, media=lambda digest, mime: Media("p", "p.png", "image/png"))
    sizes = ['width="40.5px"', 'width="50%"', 'width="1" style="width:auto"', 'style="width:9px"']
    body = "".join(f'<en-media hash="0" type="image/png" {size}/>' for size in sizes)
    html = convert(f"<en-note>{body}</en-note>", shown).html
    assert re.findall(r'png"([^>]*)>', html) == [' width="40"', "", "", ' width="9"']


def test_html_is_escaped_and_keeps_attributes():
    html = convert(
        '<en-note><p class="a b" title="&quot;&lt;">1 &lt; 2 &amp; 3<br/></p></en-note>', ALONE
    ).html
    assert html == '<p class="a b" title="&quot;&lt;">1 &lt; 2 &amp; 3<br></p>'


def test_what_nobody_knows_and_nobody_sees_is_named():
    made = convert(
        '<en-note><div style="--en-hologram:true">a</div>'
        '<div style="display:none !important">secret</div>'
        '<en-crypt hint="pet">RU5D</en-crypt><en-media hash="00" type="image/png"/></en-note>',
        ALONE,
    )
    assert made.lost == [
        "what Evernote marks as 'hologram'",
        "text that Evernote hides",
        "an encrypted section: kept, but opened only in Evernote",
        "an attachment that the export lacks: image/png 00",
    ]
    assert "secret" not in made.html + made.markdown
    assert "RU5D" not in made.html + made.markdown
    assert "(hint: pet)" in made.markdown


def test_depth_is_bounded_and_its_text_stays():
    made = convert("<en-note>" + "<div>" * 5000 + "deep" + "</div>" * 5000 + "</en-note>", ALONE)
    assert made.lost == ["4901 elements nested deeper than 100 levels: their text stays"]
    assert made.markdown == "deep"
    assert made.html.count("<div>") == 99


MARKS = [
    "<div>",
    "</div>",
    "<li>",
    "<ul>",
    "</ul>",
    "<en-todo/>",
    "<br/>",
    "<td>",
    "<table>",
    "a",
    " ",
    "*",
    "`",
    '<span style="--en-highlight:yellow">',
    "</span>",
    "<en-media hash='0'/>",
    '<div style="-en-codeblock:true">',
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "&",
    "<",
    "\n",
    '<div style="--en-toggle:1">',
    '<div style="--en-callout:1">',
    '<a href="evernote:///v">',
    '<font face="Menlo">',
    "<en-crypt>",
    '<div style="display:none">',
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(MARKS), max_size=25).map("".join))
def test_any_text_is_read(body):
    made = convert(f"<en-note>{body}</en-note>", ALONE)
    assert isinstance(made.html + made.markdown, str)
    assert made.html == convert(f"<en-note>{body}</en-note>", ALONE).html
