"""Pages as notes: reading order, tasks, tables, code, formulas, files, ink; and their hash."""

from __future__ import annotations

import re

import pytest
from lxml import html as lxml_html

from bloop_onenote import ink
from bloop_onenote.blocks import read
from bloop_onenote.mathml import latex
from bloop_onenote.rendering import Writing, wanted
from bloop_sdk import MalformedRecordError
from plugins.notes.onenote.tests.fake_pages import FakePage

RESOURCES = "https://graph.example/v1.0/me/onenote/resources"


def page(body, note_of=lambda _href: None):
    """A page with some input HTML, as it is read."""
    html = FakePage("p", "T", body).rendered(ids=True, resources=RESOURCES)
    return read(html, "p", note_of)


MIXED = """
<h1>Title</h1><p>Plain <b>bold</b> <i>slanted</i> <u>under</u> <del>gone</del> a*b_c [x] # 1.</p>
<p data-tag="to-do">open</p><p data-tag="to-do:completed">done <b>now</b></p>
<ul><li>one</li><li>two<ul><li>deep</li></ul></li></ul><ol><li>first</li><li>second</li></ol>
<p style="font-family:Consolas">if x:<br />\xa0\xa0return</p><p style="font-family:Consolas">end</p>
<table><tr><td>A</td><td>B | C</td></tr><tr><td>1</td><td>2</td></tr></table>
<p>costs $5 and $6, but $x_1^2$ <span style="background-color:yellow">marked</span></p>
<p>line<br /><br />after a gap</p><p>$$\\sum_i x_i$$</p>
<img src="resource:r1" data-fullres-src-type="image/png" alt="a [wave]" />
<object data="resource:r2" data-attachment="my file.pdf" type="application/pdf" />
"""


def test_two_renderings_of_a_page_are_one_text_and_say_the_same():
    one = FakePage("p", "T", MIXED)
    renderings = [one.rendered(ids=True, resources=RESOURCES) for _ in range(4)]
    assert len(set(renderings)) == 4, "the fake renders them differently"
    found = [read(text, "p", lambda _href: None) for text in renderings]
    one.patch([{"target": "title", "action": "replace", "content": "T"}])  # Gives it new ids.
    found.append(read(one.rendered(ids=True, resources=RESOURCES), "p", lambda _href: None))
    assert {one.normal for one in found} == {found[0].normal}
    assert {one.html for one in found} == {found[0].html}
    assert {one.markdown for one in found} == {found[0].markdown}
    assert "id=" not in found[0].normal.replace("data-id", "")
    changed = read(renderings[0].replace("slanted", "slant"), "p", lambda _href: None)
    assert changed.normal != found[0].normal


def test_all_that_markdown_has_a_word_for_is_in_it():
    found = page(MIXED)
    for text in (
        "# Title",
        "Plain **bold** *slanted* <u>under</u> ~~gone~~ a\\*b_c \\[x\\] # 1.",
        "- [ ] open\n- [x] done **now**",
        "- one\n- two\n  - deep",
        "1. first\n2. second",
        "```\nif x:\n  return\nend\n```",
        "| A | B \\| C |\n| --- | --- |\n| 1 | 2 |",
        "costs $5 and $6, but $x_1^2$ ==marked==",
        "$$\\sum_i x_i$$",
        "bloop:file:p/r1)",
        "[my file.pdf](bloop:file:p/r2)",
    ):
        assert text in found.markdown
    assert "☑ done <b>now</b>" in found.html and "\\(x_1^2\\)" in found.html
    files = found.found.resources
    assert (files["r1"].name, files["r1"].media_type) == ("a wave.png", "image/png")
    assert (files["r2"].name, files["r2"].media_type) == ("my file.pdf", "application/pdf")


def test_markdown_falls_into_the_blocks_that_it_was_made_of():
    found = page(MIXED)
    pieces = [one.key for block in found.blocks for one in wanted(block.markdown, Writing({}))]
    assert [one.key for one in wanted(found.markdown, Writing({}))] == pieces


def test_what_stands_freely_is_read_from_top_to_bottom():
    found = page(
        '<div style="position:absolute;top:300px;left:10px"><p>third</p></div>'
        '<div style="position:absolute;top:100.4px;left:400px"><p>second</p></div>'
        '<div style="position:absolute;top:100.1px;left:10px"><p>first</p></div>'
        '<img style="position:absolute;top:500px;left:0px" src="resource:r" alt="last" />'
    )
    order = ["first", "second", "third", "![last](bloop:file:p/r)"]
    assert found.markdown.split("\n\n") == order
    assert found.blocks[-1].fixed and not found.blocks[0].fixed


def test_tags_are_the_notes_and_boxes_are_tasks():
    found = page(
        '<p data-tag="important">a</p><p data-tag="question, idea">b</p>'
        '<p data-tag="call-back:completed">c</p><ul><li><span data-tag="to-do">d</span></li></ul>'
    )
    assert list(found.found.tags) == ["important", "question", "idea", "call-back"]
    assert "- [x] c" in found.markdown and "- [ ] d" in found.markdown


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        ("<mfrac><mi>a</mi><mi>b</mi></mfrac>", r"\frac{a}{b}"),
        ("<msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><mi>α</mi>", r"x^{2}+\alpha"),
        ("<msqrt><mi>x</mi></msqrt>", r"\sqrt{x}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
        (
            "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>",
            r"\sum_{i=1}^{n}",
        ),
        ("<mi>sin</mi><mo>\u2061</mo><mi>x</mi>", r"\sin x"),
        ("<mover><mi>v</mi><mo>→</mo></mover>", r"\vec{v}"),
        ("<mfenced open='[' close=']'><mi>a</mi><mi>b</mi></mfenced>", r"\left[a,b\right]"),
        ("<mtext>if</mtext>", r"\text{if}"),
        ("<unheardof><mi>q</mi></unheardof>", "q"),
        (
            "<semantics><mi>z</mi><annotation encoding='x-tex'>z_0</annotation></semantics>",
            "z_0",
        ),
    ],
)
def test_mathml_becomes_latex(mathml, tex):
    assert latex(lxml_html.fragment_fromstring(f"<math>{mathml}</math>")) == tex


def test_a_formula_stands_in_its_paragraph():
    found = page("<p>so <math><msup><mi>e</mi><mi>x</mi></msup></math> grows &lt; fast</p>")
    assert found.markdown == "so $e^{x}$ grows < fast"
    assert found.html == "<p>so \\(e^{x}\\) grows &lt; fast</p>"


def test_signs_of_our_own_in_a_text_are_none():
    assert page("<p>a\ue000b\ue0020\ue003c</p>").markdown == "ab0c"


INKML = """<?xml version="1.0" encoding="utf-8"?>
<inkml:ink xmlns:inkml="http://www.w3.org/2003/InkML"><inkml:definitions>
<inkml:context xml:id="ctx0"><inkml:inkSource xml:id="s0"><inkml:traceFormat>
<inkml:channel name="X" type="integer"/><inkml:channel name="Y" type="integer"/>
<inkml:channel name="F" type="integer"/></inkml:traceFormat></inkml:inkSource></inkml:context>
<inkml:brush xml:id="br0"><inkml:brushProperty name="color" value="#C00000"/>
<inkml:brushProperty name="width" value="0.05" units="cm"/></inkml:brush></inkml:definitions>
<inkml:traceGroup>%s</inkml:traceGroup></inkml:ink>"""
STROKES = (
    '<inkml:trace xml:id="t%d" contextRef="#ctx0" brushRef="#br0">'
    "1000 1000 5, 2000 1500 9</inkml:trace><inkml:trace>3000 3000 1</inkml:trace>"
)


def test_ink_is_an_image_whatever_its_strokes_are_called():
    one = ink.drawing((INKML % (STROKES % 1)).encode())
    two = ink.drawing((INKML % (STROKES % 2)).encode())
    assert one is not None and one == two
    assert one.strokes == 2
    assert 'stroke="#C00000" stroke-width="1.9"' in one.svg.decode()
    assert re.search(r'points="10.0,10.0 47.8,28.9"', one.svg.decode())
    assert ink.drawing((INKML % "").encode()) is None


def test_ink_that_is_a_trap_is_refused():
    bomb = b'<!DOCTYPE x [<!ENTITY a "1 1,"><!ENTITY b "&a;&a;">]><ink><trace>&b;</trace></ink>'
    assert ink.drawing(bomb) is None, "no entity is resolved"
    with pytest.raises(MalformedRecordError):
        ink.drawing(b"<ink><trace>1 1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html><body>Maintenance</body></html>",
        '<html><body data-absolute-enabled="true"><p>half',
        "{}",
    ],
    ids=["empty", "maintenance", "half", "json"],
)
def test_what_is_no_page_of_onenote_is_not_taken_for_one(text):
    with pytest.raises(MalformedRecordError):
        read(text, "p", lambda _href: None)


def test_odd_html_is_read_as_far_as_it_goes():
    nested = "<ul>" + "<li>x<ul>" * 60 + "</ul></li>" * 60 + "</ul>"
    assert page(nested).markdown.count("x") == 60
    assert page("<p>tab\tand \0 nul</p>".replace("\0", "")).markdown == "tab and nul"
    assert page("<p></p><p>\xa0</p><br />").blocks == []
    listed = page("<ol><li>a</li><ol><li>b</li></ol></ol>")
    assert listed.markdown == "1. a\n   1. b"
