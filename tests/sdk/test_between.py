"""Halves of a change, and what is none."""

from __future__ import annotations

import pytest

from bloop_sdk.between import is_between

BASE = "a\n\nb\n\n- p\n- q\n\n```\nx\n\ny\n```"
TARGET = "a2\n\nb\n\n- p\n- r\n- q\n\n```\nx\n\nz\n```"


@pytest.mark.parametrize(
    "found",
    [
        BASE,
        TARGET,
        BASE.replace("a", "a2", 1),
        BASE.replace("a", "a\n\na2", 1),
        BASE.replace("a\n\n", "", 1),
        BASE.replace("y", "z"),
        BASE.replace("y\n```", "y\n```\n\nz\n```"),
    ],
)
def test_a_text_on_its_way(found):
    assert is_between(BASE, TARGET, found)


@pytest.mark.parametrize(
    "found",
    [
        BASE.replace("b", "theirs"),
        TARGET.replace("b\n\n", ""),
        TARGET + "\n\ntheirs",
        BASE.replace("- q", "- q\n- r"),
        BASE.replace("- p\n- q", "- q\n- p"),
        "",
    ],
)
def test_an_edit_of_somebody_else(found):
    assert not is_between(BASE, TARGET, found)


def test_numbers_of_a_list_follow_from_what_stands_before():
    assert is_between("1. a\n2. b", "1. z\n2. a\n3. c", "1. z\n2. a\n3. b")
