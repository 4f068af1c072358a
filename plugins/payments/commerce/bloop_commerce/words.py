"""Words of papers and messages, in the language in which an order was placed.

An order keeps it, so that a job that has no browser knows it too.
"""

from __future__ import annotations

from bloop_sdk import Words, words_of


def words_in(language: str) -> Words:
    """What commerce says in a language; English where it does not know that one."""
    return words_of("bloop_commerce", language)


def number_in(language: str, number: str) -> str:
    """A number like ``1,234.50`` as people write it, with all its digits."""
    return number.translate(str.maketrans(",.", ".,")) if language == "de" else number
