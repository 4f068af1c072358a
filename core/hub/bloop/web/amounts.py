"""Numbers and sizes in a visitor's language."""

from __future__ import annotations


def number(value: float, locale: str) -> str:
    """A number as it is written there, like ``1,240``."""
    from babel.numbers import format_decimal

    shown: str = format_decimal(value, locale=locale)
    return shown


def size(count: float, locale: str) -> str:
    """Bytes in the unit that people use, like ``3.4 MB``."""
    amount, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, bigger
    return f"{number(round(amount, 1 if amount < 10 and unit != 'B' else 0), locale)} {unit}"


def duration(seconds: float, locale: str) -> str:
    """How long an answer took, like ``12 ms`` or ``1.4 s``."""
    if seconds < 1:
        return f"{number(round(seconds * 1000, 1 if seconds < 0.01 else 0), locale)} ms"
    return f"{number(round(seconds, 1), locale)} s"
