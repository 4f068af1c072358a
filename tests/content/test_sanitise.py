from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.content.links import resolve_html, resolve_json
from bloop.content.notes.merge import Text
from bloop.content.notes.texts import text_of
from bloop.content.redact import learner_view
from bloop.content.sanitise import sanitise
from bloop.content.texts import html_of_markdown, markdown_of_html, text_of_html

KEPT = [
    '<p style="color:red">x</p>',
    '<table><tbody><tr><td rowspan="2">1</td></tr></tbody></table>',
    '<math display="block"><mfrac><mi>a</mi><mn>2</mn></mfrac></math>',
    '<math><mi>x</mi><annotation encoding="application/x-tex">x</annotation></math>',
    '<img src="bloop:file:a%20b.png" alt="a">',
    '<img src="data:image/png;base64,AAAA">',
    '<pre><code class="language-python">x</code></pre>',
    '<p>A class = a <a href="#" target="_blank" rel="noopener noreferrer">set</a></p>',
    '<a href="#user-content-top" rel="noopener noreferrer">up</a>',
    '<video src="bloop:file:v" controls=""></video>',
]


@pytest.mark.parametrize("html", KEPT)
def test_what_lessons_are_made_of_is_kept(html):
    assert sanitise(html) == html


HARMFUL = [
    ("<script>alert(1)</script>", ""),
    ("<p onclick=alert(1)>x</p>", "<p>x</p>"),
    ('<a href="javascript:x">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<a href="data:text/html,x">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<a href=" \x01data:text/html,x">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<a href="d&#97;t&Tab;a:text/html,x">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<img src="data:image/svg+xml;base64,AAAA">', "<img>"),
    (
        '<a href="/files/1" target="_top">x</a>',
        '<a href="/files/1" rel="noopener noreferrer">x</a>',
    ),
    ('<a href="#top">x</a>', '<a href="#user-content-top" rel="noopener noreferrer">x</a>'),
    ('<img src="../secret.png">', "<img>"),
    ('<p style="position:fixed;background:url(//x)">x</p>', '<p style="">x</p>'),
    ('<p data-track="1" class="modal">x</p>', "<p>x</p>"),
    ("<p CLASS\n=modal>x</p>", "<p>x</p>"),
    ('<b id="user">x</b>', '<b id="user-content-user">x</b>'),
    ("<iframe srcdoc='<script>x</script>'></iframe>", ""),
    ("<form action=/x><input name=a></form>", ""),
    ("<svg onload=alert(1)><a>x</a></svg>", ""),
    ("<style>p{}</style><base href=//x>", ""),
]


@pytest.mark.parametrize(("html", "clean"), HARMFUL)
def test_what_harms_is_taken_out(html, clean):
    assert sanitise(html) == clean


def test_frames_of_known_video_sites_stand_in_a_sandbox_and_others_become_links():
    known = sanitise('<iframe src="https://www.youtube.com/embed/x?a=1&b=2" onload=x></iframe>')
    assert known.startswith('<iframe src="https://www.youtube.com/embed/x?a=1&amp;b=2" sandbox=')
    assert "onload" not in known

    other = sanitise('<iframe src="https://evil.example/"></iframe>')
    link = '<a href="https://evil.example/" rel="noopener noreferrer">evil.example</a>'
    assert other == f"<p>{link}</p>"


@given(st.text("<>\"'=/ &;abiframescriptsonclick:#-", max_size=60))
def test_sanitising_again_changes_nothing(html):
    once = sanitise(html)

    assert sanitise(once) == once


@pytest.mark.parametrize("html", [html for html, _ in HARMFUL] + KEPT)
def test_sanitising_again_changes_nothing_of_the_above(html):
    assert sanitise(sanitise(html)) == sanitise(html)


def test_links_between_things_become_addresses_of_this_hub():
    html = '<a href="bloop:page:a b#x">p</a> <img src="bloop:file:d/ä&amp;b.png"> bloop:page:z'
    html = html.replace("a b", "a%20b")

    assert resolve_html(html, "C") == (
        '<a href="/lessons/C/page/a%20b#user-content-x">p</a> '
        '<img src="/files/C/d/%C3%A4%26b.png"> bloop:page:z'
    )
    body = b'{"html":"<a href=\\"bloop:page:p1\\">x</a>","title":"bloop:page:p1"}'
    assert resolve_json(body, "C") == (
        b'{"html":"<a href=\\"/lessons/C/page/p1\\">x</a>","title":"bloop:page:p1"}'
    )


def test_texts_are_derived():
    html = "<h1>T</h1><p>a <b>b</b>c</p><ul><li>x</li><li>y</li></ul>tail"

    assert text_of_html(html) == "T\na bc\nx\ny\ntail"
    assert markdown_of_html(html) == "# T\n\na **b**c\n\n- x\n- y\n\ntail"
    assert text_of_html("<math><mi>x</mi><annotation>\\x</annotation></math>") == "x"
    assert text_of_html(" ") == ""
    assert html_of_markdown("a<script>b</script> ~~c~~") == "<p>a <s>c</s></p>\n"


def test_formulas_and_code_come_back_as_they_were_written():
    for text in ("What is $x_1^2$, *a* < b?", "$$\\frac{a_1}{b}$$", "```python\nx_1 = 2*3\n```"):
        assert markdown_of_html(html_of_markdown(text)) == text
    assert markdown_of_html("<p>\ue0001\ue000</p>") == "1"  # What stands for a formula meanwhile.


def choice(id_, html, weight, group=None):
    return {
        "id": id_,
        "html": html,
        "weight": weight,
        "feedback_html": "because",
        "group": group,
        "low": 1.0,
        "high": 2.0,
    }


CHOICES = {
    "choice": (
        [choice("a", "x", 100), choice("b", "y", 0)],
        [{"id": "a", "html": "x"}, {"id": "b", "html": "y"}],
    ),
    "blank": ([choice("a", "answer", 100)], []),
    "numeric": ([choice("a", "1.5", 100)], []),
    "opaque": ([choice("a", "answer", 100)], []),
    "matching": (
        [choice("1", "two", 100, "2"), choice("2", "one", 100, "1")],
        [{"html": "one"}, {"html": "two"}],
    ),
    "blanks": (
        [
            choice("a", "typed", 100, "first"),
            choice("b", "in", 0, "next"),
            choice("c", "out", 100, "next"),
        ],
        [{"id": "b", "html": "in", "group": "next"}, {"id": "c", "html": "out", "group": "next"}],
    ),
}


@pytest.mark.parametrize("kind", CHOICES)
def test_a_learners_quiz_holds_no_answer(kind):
    choices, shown = CHOICES[kind]
    question = {
        "id": "q",
        "kind": kind,
        "title": "",
        "html": "?",
        "points": 1,
        "choices": choices,
        "feedback_html": "because",
        "correct_html": "yes",
        "incorrect_html": "no",
        "case_sensitive": False,
        "raw_type": None,
    }

    view = learner_view("quiz", {"questions": [question], "attempts": 2})

    assert view["attempts"] == 2
    assert view["questions"][0]["choices"] == shown
    text = str(view)
    assert not any(word in text for word in ("weight", "because", "yes", "100", "answer", "low"))
    assert learner_view("page", {}) is None


def test_a_note_without_what_its_author_notes_aside():
    assert learner_view("note", {"markdown": "100% plain", "tags": ["a"]}) is None
    for text in ("a %%secret%%", "a <!-- secret -->"):
        view = learner_view("note", {"markdown": text, "tags": ["a"]})
        assert text_of({"title": "T", "html": "<p>a</p>", "data": view}) == Text("T", "a", ("a",))
