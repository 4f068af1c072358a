"""A file is taken out of a note's text, however the text shows it; nothing else is."""

from __future__ import annotations

import pytest

from bloop.content.notes.texts import refiled


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\n\n![x](bloop:file:f%201)\n\nb\n", "a\n\nb\n"),
        ("see [it](bloop:file:f%201#page=2), and\n", "see , and\n"),
        ("![[pics/plan.png|300]]\n", ""),
        ('[it](pics/plan.png "a plan") [it](<../plan.png>) x\n', "  x\n"),
        ("[x](bloop:file:other) [x](https://a.example/plan.png) [[plan]]\n", None),
        ("```\n![[plan.png]]\n```\n", None),
        ("a\n\n- ![[plan.png]]\n- b\n", "a\n\n- \n- b\n"),
    ],
)
def test_links_to_a_file_are_taken_out(text, left):
    found = refiled(text, {"f 1"}, "plan.png")
    assert found == (text if left is None else left)


def test_links_to_a_file_lead_elsewhere():
    text = "![x](bloop:file:old) ![[pics/a.png|300]] `[[a.png]]`\n"
    found = refiled(text, {"old"}, "a.png", "bloop:file:new")
    assert found == "![x](bloop:file:new) ![a.png](bloop:file:new) `[[a.png]]`\n"
