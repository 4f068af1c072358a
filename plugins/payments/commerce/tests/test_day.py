"""The day in the life of an order that the README shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import day as days

README = Path(__file__).parents[1] / "README.md"


def undated(text):
    """Without what depends on the day: years, and how long months are."""
    return re.sub(r"\d+ days", "N days", re.sub(r"\b(C?)20\d\d-", r"\1YEAR-", text))


async def test_a_day_in_the_life_of_an_order_is_as_the_readme_shows_it():
    shown = undated(README.read_text("utf-8"))
    names = []
    async for name, text in days.days():
        names.append(name)
        assert undated(text) in shown, text
        together, proof = text.splitlines()[-2:]
        assert together.split() == ["together", "0.00", "EUR"]
        assert proof == "each order is as its facts say"
    assert names == ["stripe", "paypal", "invoice"]
