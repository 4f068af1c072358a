"""Texts full of Markdown's own signs: a page falls apart as its Markdown does."""

from __future__ import annotations

import random
from html import escape

import pytest

from bloop_onenote.blocks import read
from bloop_onenote.patches import commands
from bloop_onenote.rendering import Writing, wanted
from bloop_sdk.markdown import Links, render
from plugins.notes.onenote.tests.fake_pages import FakePage

RESOURCES = "https://graph.example/v1.0/me/onenote/resources"
WORDS = [
    *("a", "b*c", "_x_", "x_y", "[l]", "(p)", "1.", "2)", "-", "+", "#", "##", "> q", "`c`", "é"),
    *("~~t~~", "==h==", "$5", "$x$", "$$y$$", "|", "\\", "<b>", "&amp;", "&", "![i]", "***", "---"),
    *(
        "===",
        "http://a.b",
        "a  b",
        "[ ]",
        "[x]",
        "^",
        "~",
        "<!-- c -->",
        "<",
        "%%c%%",
        "[[w]]",
        "=",
    ),
]
MARKS = ["b", "i", "u", "del", "sub", "sup"]


class Writer:
    """Somebody who writes whatever comes to mind; the same for the same number."""

    def __init__(self, number: int) -> None:
        self.dice = random.Random(number)

    def text(self) -> str:
        words = (self.dice.choice(WORDS) for _ in range(self.dice.randint(1, 6)))
        return escape(" ".join(words), quote=False)

    def inline(self, depth: int = 0) -> str:
        parts = []
        for _ in range(self.dice.randint(1, 3)):
            text, kind = self.text(), self.dice.randrange(20)
            if kind < 5 and depth < 2:
                mark = self.dice.choice(MARKS)
                text = f"<{mark}>{self.inline(depth + 1)}</{mark}>"
            elif kind == 6:
                text = f'<span style="background-color:yellow">{text}</span>'
            elif kind == 7:
                text = f'<a href="https://e.example/1">{text}</a>'
            elif kind == 8:
                text += f"<br />{self.text()}"
            elif kind == 9:
                text = f'<span style="font-family:Consolas">{text}</span>'
            parts.append(text)
        return self.dice.choice(["", " "]).join(parts)

    def block(self) -> str:
        kind = self.dice.randrange(10)
        if kind < 4:
            return f"<p>{self.inline()}</p>"
        if kind == 4:
            return f"<h2>{self.inline()}</h2>"
        if kind == 5:
            return f'<p data-tag="to-do">{self.inline()}</p>'
        if kind == 6:
            return f"<ul><li>{self.inline()}</li><li>{self.inline()}</li></ul>"
        if kind == 7:
            return f"<ol><li>{self.inline()}</li></ol>"
        if kind == 8:
            cells = f"<td>{self.inline()}</td><td>{self.inline()}</td>"
            return f"<table><tr>{cells}</tr><tr>{cells}</tr></table>"
        return f'<p style="font-family:Consolas">{self.text()}<br />{self.text()}</p>'


@pytest.mark.parametrize("number", range(40))
def test_an_edit_of_an_odd_page_touches_nothing_else(number):
    writer = Writer(number)
    page = FakePage("p", "T", "".join(writer.block() for _ in range(1 + number % 5)))

    def now():
        html = page.rendered(ids=True, resources=RESOURCES)
        return read(html, "p", lambda _href: None)

    before = now()
    pieces = [one.key for block in before.blocks for one in wanted(block.markdown, Writing({}))]
    assert [one.key for one in wanted(before.markdown, Writing({}))] == pieces
    assert commands(before, before.markdown, Writing({})) == []
    text = f"{before.markdown}\n\nbehind it"
    page.patch(commands(before, text, Writing({})))
    assert now().markdown == text
    assert len(page.patches) == 1


def test_what_has_a_meaning_in_notes_alone_keeps_its_signs():
    page = FakePage("p", "T", "<p>100%% sure #a</p><p>m ^2</p>")
    found = read(page.rendered(ids=True, resources=RESOURCES), "p", lambda _href: None)
    links = Links(lambda _target: None)
    shown = render(found.markdown, links)
    assert ("100%% sure #a" in shown, "m ^2" in shown, links.tags) == (True, True, {})
