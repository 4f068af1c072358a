"""How a language is read aloud: the tables of ``words/LANGUAGE.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from bloop_studio.languages import primary

GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho "
    "sigma tau upsilon phi chi psi omega"
)
_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
_VARIANTS = {"ϵ": "ε", "ϑ": "θ", "ϰ": "κ", "ϖ": "π", "ϱ": "ρ", "ς": "σ", "ϕ": "φ"}


@dataclass(frozen=True, slots=True)
class Tables:
    """One language; ``code`` is its first subtag."""

    code: str
    formula: dict[str, str]
    operators: dict[str, str]
    functions: dict[str, str]
    letters: dict[str, str]
    numbers: dict[str, Any]
    fractions: dict[str, str]
    dates: dict[str, Any]
    units: dict[str, Any]
    money: dict[str, Any]
    abbreviations: dict[str, str]
    symbols: dict[str, str]
    lexicon: dict[str, str]
    greek: dict[str, str] = field(default_factory=dict)
    context: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=32)
def tables(language: str) -> Tables | None:
    """The tables for a BCP 47 tag; None for a language that we have none of."""
    code = primary(language)
    source = files(__package__) / "words" / f"{code}.toml"
    if not code.isalpha() or not source.is_file():
        return None
    data = tomllib.loads(source.read_text(encoding="utf-8"))
    names = data.pop("greek", {}).get("names", GREEK).split()
    greek = dict(zip(_LETTERS, names, strict=True))
    greek |= {variant: greek[letter] for variant, letter in _VARIANTS.items()}
    greek |= {letter.upper(): name for letter, name in greek.items()}
    return Tables(code=code, letters=data.pop("letters", {}), greek=greek, **data)
