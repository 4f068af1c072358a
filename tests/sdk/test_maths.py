r"""Formulas and money in one text: found alike by whoever draws, says or writes it."""

from __future__ import annotations

import time

import pytest

from bloop_sdk.storyboard import FORMULA, dollars, latex_of

FOUND = {
    "the line $y = mx$ rises": ["y = mx"],
    "$x$ and $y$": ["x", "y"],
    "$$x^2$$": ["x^2"],
    r"so \(a_1\), then \[b\]": ["a_1", "b"],
    r"a 2$\times$3 grid": [r"\times"],
    r"an a$\alpha$b": [r"\alpha"],
    "($x$), “$y$”. $z$.": ["x", "y", "z"],
    "$5$ is a number": ["5"],
    r"$\$5 + x$": [r"\$5 + x"],
    r"it costs \$5, so $x = 5$": ["x = 5"],
    "$5 and $6": [],
    "between $5 and $6, and $x$": ["x"],
    "5$ or 6$": [],
    "US$5 and US$6": [],
    "$5-$10": [],
    "$5, $6": [],
    r"\$5 and \$6": [],
    "only $5": [],
    "a $ sign, and a $ sign": [],
    "$": [],
    "$$": [],
    r"\(x": [],
    "$x\n$": [],
}


@pytest.mark.parametrize(("text", "latex"), FOUND.items())
def test_formulas_are_told_from_money(text, latex):
    assert [latex_of(one) for one in FORMULA.finditer(text)] == latex


def test_a_backslash_makes_a_dollar():
    assert dollars(r"\$5 and $6") == "$5 and $6"


@pytest.mark.parametrize("piece", ["$x ", "$", r"\(", r"\[", "$$x", r"$\a ", "a$b\\", r"\$"])
def test_what_only_opens_costs_no_square(piece):
    """A fifth of a second here; a square would be a quarter of an hour."""
    begin = time.process_time()
    list(FORMULA.finditer(piece * 200_000))
    assert time.process_time() - begin < 20
