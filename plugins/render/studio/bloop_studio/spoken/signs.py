"""What is written with signs: formulas, Markdown, links, identifiers, symbols, emoji."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from bloop_sdk.storyboard import FORMULA, latex_of
from bloop_studio.spoken.numerals import Rule
from bloop_studio.spoken.plain import plain_formula
from bloop_studio.spoken.reader import read_formula
from bloop_studio.spoken.tables import Tables

_URL = r"(?<!\w)(?:https?://|www\.)(?P<host>[\w.-]+\w)(?::\d+)?(?:/[^\s)\]>]*[\w/])?"
_MAIL = r"(?<![\w.])(?P<who>[\w.+-]+)@(?P<host>[\w-]+(?:\.[\w-]+)+)"
_MARKDOWN = (
    r"\\(?=\$)",
    r"!?\[(?=[^\]]*\]\()",
    r"(?<=[^\s\[])\]\([^)\s]*(?:\s\"[^\"]*\")?\)",
    r"\*\*|~~|`+|(?<!\w)__(?=\w)|(?<=\w)__(?!\w)",
    r"(?<![\w*])[*_](?=\S)(?!_)|(?<=[^\s*])[*_](?![\w*(])",
    r"^\s*(?:#{1,6}|>|[-*+•])\s+",
)
_EMOJI = (
    r"[\U0001F000-\U0001FAFF\U000E0020-\U000E007F\u2600-\u27BF\u2B00-\u2BFF\u2300-\u23FF\uFE0E\uFE0F"
    r"\u200D\u20E3\u25A0-\u25FF]+"
)
_SYMBOLS = "→←↔⇒⇐⇔↦≤≥≠≈±×÷∞∈∉∪∩⊂⊆⊃⊇∀∃¬∧∨−=∑∝"
_PLURALS = frozenset({"s", "es", "e", "n", "en", "in", "innen", "er", "ies"})


def neutral_rules() -> Iterator[Rule]:
    """Those that need no language: what can't be said is left away."""
    yield FORMULA, lambda match: plain_formula(latex_of(match))
    yield from markdown_rules()
    yield re.compile(_URL), lambda match: match["host"].removeprefix("www.")
    yield _emoji()


def formula_rules(tables: Tables) -> Iterator[Rule]:
    """Formulas, then what Markdown leaves behind."""
    yield FORMULA, lambda match: read_formula(latex_of(match), tables)
    yield from markdown_rules()


def link_rules(tables: Tables) -> Iterator[Rule]:
    """Domains and addresses, by their dots."""
    dot, at = f" {tables.symbols['dot']} ", f" {tables.symbols['at']} "

    def domain(match: re.Match[str]) -> str:
        host = match["host"].removeprefix("www.")
        long = host.count(".") > 3 or host.replace(".", "").isdecimal()
        return tables.symbols["link"] if long else host.replace(".", dot)

    yield re.compile(_URL), domain
    yield (
        re.compile(_MAIL),
        lambda match: match["who"].replace(".", dot) + at + match["host"].replace(".", dot),
    )


def sign_rules(tables: Tables) -> Iterator[Rule]:
    """Identifiers, then symbols, then emoji."""
    yield re.compile(r"\b(?P<name>[A-Za-z]\w*)\((?P<given>[^()]*)\)"), _called(tables)
    yield re.compile(r"(?<!\w)_*[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)+_*(?!\w)"), _snake
    yield (
        re.compile(
            r"\b[a-z]+\d*(?:[A-Z][a-z0-9]*)+\b|\b(?:[A-Z][a-z0-9]+){2,}\b"
            r"|\b[A-Z]{3,}[a-z]{2,}\w*\b"
        ),
        _camel,
    )
    yield re.compile(r"(?<=[A-Za-z)])([²³])"), _raised(tables)
    yield re.compile(r"(?<=\w)\s?[x*]\s?(?=\d)"), _times(tables)
    names = {**tables.symbols, **{one: tables.operators.get(one, "") for one in _SYMBOLS}}
    signs = sorted((one for one in names if not one.isalnum()), key=len, reverse=True)
    yield re.compile("|".join(map(re.escape, signs))), lambda match: names[match[0]]
    yield re.compile(r"(?<=\s)[*<>](?=\s)"), lambda match: tables.operators[match[0]]
    yield re.compile(r"(?<=\w)/(?=\w)"), lambda _match: ","
    yield _emoji()


def word_rule(words: Mapping[str, str]) -> Rule | None:
    """Whole words; an entry in small letters matches any case, others only their own."""
    if not words:
        return None
    exact = {one: said for one, said in words.items() if one != one.lower()}
    folded = {one: said for one, said in words.items() if one == one.lower()}

    def say(match: re.Match[str]) -> str | None:
        return exact.get(match[0], folded.get(match[0].lower()))

    return _words(tuple(words)), say


@lru_cache(maxsize=64)
def _words(entries: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted(entries, key=len, reverse=True)
    # Abbreviations are written with spaces of any kind between their letters, or none.
    written = (re.sub(r"\\?\s", r"[\\s\\u00a0\\u202f]?", re.escape(one)) for one in longest_first)
    return re.compile(rf"(?<![\w.])(?:{'|'.join(written)})(?!\w)", re.IGNORECASE)


def abbreviation_rule(abbreviations: Mapping[str, str]) -> Rule:
    """Abbreviations; the point of one that ends a sentence stays."""
    plain = {"".join(one.split()): said for one, said in abbreviations.items()}
    pattern = _words(tuple(abbreviations))

    def say(match: re.Match[str]) -> str | None:
        said = plain.get("".join(match[0].split()))
        if said is None:
            return None
        rest = match.string[match.end() :]
        ends = match[0].endswith(".") and not rest.strip(" *_)\"'»“”")
        return f"{said}." if ends else said

    return pattern, say


def markdown_rules() -> Iterator[Rule]:
    """Marks of Markdown, of which nothing is said or shown."""
    for pattern in _MARKDOWN:
        yield re.compile(pattern), lambda _match: ""


def _emoji() -> Rule:
    return re.compile(_EMOJI), lambda _match: ""


def _called(tables: Tables) -> Callable[[re.Match[str]], str | None]:
    def say(match: re.Match[str]) -> str | None:
        name, given = split_name(match["name"]), match["given"].strip()
        if given in _PLURALS:
            return match["name"]
        if not given:
            return name
        return tables.symbols["call"].format(name, split_name(given))

    return say


def _snake(match: re.Match[str]) -> str:
    return split_name(match[0])


def _camel(match: re.Match[str]) -> str:
    return split_name(match[0])


def split_name(name: str) -> str:
    """``binarySearch`` and ``binary_search`` as words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name.replace("_", " "))
    shouted = apart.isupper() and len(apart) > 4
    pieces = (apart.lower() if shouted else apart).split()
    small = name[:1].islower()
    return " ".join(
        one.lower() if small and one.istitle() and len(one) > 1 else one for one in pieces
    )


def _raised(tables: Tables) -> Callable[[re.Match[str]], str]:
    words = {"²": tables.formula["squared"], "³": tables.formula["cubed"]}
    return lambda match: words[match[1]].format("").strip()


def _times(tables: Tables) -> Callable[[re.Match[str]], str]:
    return lambda _match: tables.operators["×"]
