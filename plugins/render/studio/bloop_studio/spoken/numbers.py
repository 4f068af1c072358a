"""Numbers in words, by num2words where it has the language."""

from __future__ import annotations

import re
from functools import lru_cache

from bloop_studio.spoken.tables import Tables

_LONGEST = 15
"""Digits of a number that is read as one; longer ones are read digit by digit."""
_LIBRARY = {"pt": "pt_BR"}


@lru_cache(maxsize=4096)
def in_words(value: int, code: str, form: str = "cardinal") -> str:
    """``form`` is ``cardinal``, ``ordinal`` or ``year``."""
    from num2words import num2words

    said: str = num2words(value, lang=_LIBRARY.get(code, code), to=form)
    return said.replace(",", "").replace("  ", " ").strip()


def say_number(text: str, tables: Tables) -> str:
    """A number whose decimal sign, if it has one, is its only point or comma."""
    whole, sign, fraction = _parts(text)
    if not whole.isdecimal() or (sign and not fraction.isdecimal()):
        return text
    said = say_digits(whole, tables) if len(whole) > _LONGEST else in_words(int(whole), tables.code)
    if not sign:
        return said
    return f"{said} {tables.numbers['point']} {_fraction(fraction, tables)}"


def say_digits(digits: str, tables: Tables) -> str:
    """One by one."""
    return " ".join(in_words(int(one), tables.code) for one in digits if one.isdecimal())


def plain_number(text: str, tables: Tables) -> str:
    """A number as the language writes it, without its thousands' signs, with a decimal point."""
    text = re.sub(r"(?<=\d)[\s\u00a0\u202f\u2009'’](?=\d{3})", "", text)
    decimal, thousands = tables.numbers["decimal"], tables.numbers["thousands"]
    if thousands != " " and re.fullmatch(rf"\d{{1,3}}(\{thousands}\d{{3}})+(\{decimal}\d+)?", text):
        text = text.replace(thousands, "")
    return text.replace(",", ".") if decimal == "," else text


def _parts(text: str) -> tuple[str, str, str]:
    for sign in (".", ","):
        whole, found, fraction = text.partition(sign)
        if found:
            return whole or "0", found, fraction
    return text, "", ""


def _fraction(digits: str, tables: Tables) -> str:
    """Romance languages read 3,14 as three comma fourteen."""
    if tables.numbers.get("pairs") and len(digits) == 2 and digits[0] != "0":
        return in_words(int(digits), tables.code)
    return say_digits(digits, tables)
