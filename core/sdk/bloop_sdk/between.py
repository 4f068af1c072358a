"""Whether a text is what a write that was cut off has left: on its way from one text to another.

A system that takes a change block by block shows a half of it when the write is killed, which is
nobody else's edit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

_GAPS = re.compile(r"\n[ \t]*\n+")
_NUMBER = re.compile(r"^([\s>]*)\d{1,9}([.)] )")


def is_between(base: str, target: str, found: str) -> bool:
    """Whether ``found`` can be a half of the change from ``base`` to ``target``, and no other one.

    It has all that both have, in its order, and where they differ nothing but what stands there in
    one of them: looked at by lines, or by pieces between blank lines. Numbers of lists are not
    compared: they follow from what stands before.
    """
    return any(
        _is_on_the_way(*(split(text) for text in (base, target, found)))
        for split in (_lines, _pieces)
    )


def _lines(text: str) -> list[str]:
    lines = (line.rstrip() for line in text.splitlines())
    return [_NUMBER.sub(r"\g<1>1\2", line) for line in lines if line]


def _pieces(text: str) -> list[str]:
    return [
        "\n".join(_lines(piece)) for piece in _GAPS.split("\n".join(text.splitlines())) if piece
    ]


def _is_on_the_way(base: Sequence[str], target: Sequence[str], found: Sequence[str]) -> bool:
    """Whether ``found`` fits the pattern of both: what stays, and between that any of a few."""
    pattern: list[str | frozenset[str]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, base, target, autojunk=False).get_opcodes():
        if tag == "equal":
            pattern += base[i1:i2]
        else:
            pattern.append(frozenset((*base[i1:i2], *target[j1:j2])))
    reached = _passed(pattern, {0})
    for piece in found:
        following = set()
        for at in reached:
            here = pattern[at] if at < len(pattern) else frozenset()
            if isinstance(here, frozenset):
                following |= {at} if piece in here else set()
            elif here == piece:
                following.add(at + 1)
        reached = _passed(pattern, following)
    return len(pattern) in reached


def _passed(pattern: Sequence[str | frozenset[str]], reached: set[int]) -> set[int]:
    """The places of a pattern that are reached, with those behind what may be left out."""
    found = set(reached)
    for at in reached:
        while at < len(pattern) and isinstance(pattern[at], frozenset):
            at += 1  # noqa: PLW2901 - as far as it goes
            found.add(at)
    return found
