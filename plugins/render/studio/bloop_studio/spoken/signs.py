"""What is written with signs: formulas, Markdown, links, identifiers, symbols, emoji."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from bloop_sdk.storyboard import FORMULA, latex_of
from bloop_studio.spoken.numbers import say_digits
from bloop_studio.spoken.numerals import Rule
from bloop_studio.spoken.plain import plain_formula
from bloop_studio.spoken.reader import read_formula
from bloop_studio.spoken.tables import Tables

_URL = r"(?<!\w)(?:https?://|www\.)(?P<host>[\w.-]+\w)(?::\d+)?(?:/[^\s)\]>]*[\w/])?"
_MAIL = r"(?<![\w.])(?P<who>[\w.+-]+)@(?P<host>[\w-]+(?:\.[\w-]+)+)"
_LINKS = (r"!?\[(?=[^\]]*\]\()", r"(?<=[^\s\[])\]\([^)\s]*(?:\s\"[^\"]*\")?\)")
_MARKDOWN = (
    r"\\(?=\$)",
    *_LINKS,
    r"\*\*|~~|`+|(?<!\w)__(?=\w)|(?<=\w)__(?!\w)",
    r"(?<![\w*])[*_](?=\S)(?!_)|(?<=[^\s*])[*_](?![\w*(])",
    r"^\s*(?:#{1,6}|>|[-*+•])\s+",
)
_ONE_EMOJI = (
    r"\U0001F000-\U0001FAFF\U000E0020-\U000E007F\u2600-\u27BF\u2B00-\u2BFF\u2300-\u23FF\uFE0E\uFE0F"
    r"\u20E3\u25A0-\u25FF"
)
# What joins two emoji also joins two letters, as in Sinhala: there it belongs to the word.
_EMOJI = rf"[{_ONE_EMOJI}](?:[{_ONE_EMOJI}]|\u200D(?=[{_ONE_EMOJI}]))*"
_CODE = re.compile(r"(?<![`\\])(?P<mark>`{1,3})(?!`)(?P<code>[^\n]+?)(?<!`)(?P=mark)(?!`)")
_UP = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_PLAIN_UP = str.maketrans(_UP + "⁺⁻ⁿ", "0123456789+-n")
_NUMBER_OR_LETTER = r"(?:\d+(?:[.,]\d+)?|[A-Za-z])"
_POWER = (
    rf"(?<![\w.,*])(?P<base>{_NUMBER_OR_LETTER})(?:\^|\*\*|[ ]\*\*[ ])"
    rf"(?P<power>[-−]?{_NUMBER_OR_LETTER}|[{{(][^(){{}}\s]{{1,20}}[)}}])(?![\w*^]|\.\d)"
)
# A lone ¹ behind a number or a letter is mostly a footnote's.
_SMALL = (
    rf"(?<![\w.,])(?P<base>\d+(?:[.,]\d+)?(?!¹(?![{_UP}]))|[A-Za-z](?![¹²³](?![{_UP}])))"
    rf"(?P<power>[⁺⁻]?[{_UP}ⁿ]+(?:[⁺⁻][{_UP}ⁿ]+)*)(?![\w{_UP}⁺⁻])"
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


def code_spans(text: str) -> list[tuple[int, int, int, int]]:
    """Where code begins and ends, with its marks and without them; what begins first is it."""
    formulas = [match.span() for match in FORMULA.finditer(text)]
    found: list[tuple[int, int, int, int]] = []
    for match in _CODE.finditer(text):
        start = match.start()
        around = [first for first, last in formulas if first < start < last]
        if all(any(one[0] < first < one[1] for one in found) for first in around):
            found.append((*match.span(), *match.span("code")))
    return found


def spares_code(pattern: re.Pattern[str]) -> bool:
    """Whether it is of what code has none of: formulas and links."""
    return pattern is FORMULA or pattern.pattern in _LINKS


def power_rule() -> re.Pattern[str]:
    """``10^6`` and ``2 ** 3``, whose stars are no Markdown's."""
    return re.compile(_POWER)


def power_rules(tables: Tables) -> Iterator[Rule]:
    """Powers that stand in a text without dollars."""

    def say(match: re.Match[str]) -> str:
        power = match["power"].translate(_PLAIN_UP).strip("{}()").replace("−", "-")
        return read_formula(f"{match['base']}^{{{power}}}", tables)

    def raised(match: re.Match[str]) -> str:
        power = match["power"].strip("{}()")
        form = {"2": "squared", "3": "cubed"}.get(power, "power")
        return tables.formula[form].format("", read_formula(power, tables)).strip()

    yield power_rule(), say
    yield re.compile(_SMALL), say
    yield re.compile(rf"(?<=[)\]])\^(?P<power>[-]?{_NUMBER_OR_LETTER}|{{[^{{}}]+}})"), raised


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
    yield (
        re.compile(rf"(?<=[A-Za-z)\]₀-₉])(?P<count>[²³⁴⁵⁶]?)(?P<sign>[⁺⁻])(?![{_UP}])"),
        _charge(tables),
    )
    yield re.compile(r"(?<=[A-Za-z)])([²³])"), _raised(tables)
    yield from _operator_rules(tables)
    names = {**tables.symbols, **{one: tables.operators.get(one, "") for one in _SYMBOLS}}
    names |= {"&&": tables.operators["∧"], "||": tables.operators["∨"]}
    signs = sorted((one for one in names if not one.isalnum()), key=len, reverse=True)
    yield re.compile("|".join(map(re.escape, signs))), lambda match: names[match[0]]
    yield re.compile(r"(?<=\w)/(?=\w)"), lambda _match: ","
    yield _emoji()


def _operator_rules(tables: Tables) -> Iterator[Rule]:
    """Operators that are other signs elsewhere, where what is around them tells."""
    # An x is no letter of a word, nor of 0x1F.
    yield (
        re.compile(
            r"(?<=\d)(?<!\b0)[xX](?=\d)|(?<=\d)\s[xX]\s(?=\d)"
            r"|(?<=\w)\s?\*\s?(?=\d)|(?<=\b\w)\*(?=\w\b)"
        ),
        _times(tables),
    )
    # Behind a name it is no percentage.
    yield (
        re.compile(r"(?<=[A-Za-z_)\]])(?:%|\s%\s)(?=\d|[A-Za-z]\b)"),
        lambda _match: tables.formula["modulo"].format("").strip(),
    )
    yield (
        re.compile(
            r"(?<=\s)[*<>](?=\s)|(?:(?<=[\w)\]])|(?<![^\s(]))[<>](?=[-−]?\d)"
            r"|(?<=\b\w)(?<![</]\w)[<>](?=\w\b)"
        ),
        lambda match: tables.operators[match[0]],
    )


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


def _charge(tables: Tables) -> Callable[[re.Match[str]], str]:
    """That of an ion: Ca²⁺."""

    def say(match: re.Match[str]) -> str:
        count = say_digits(match["count"].translate(_PLAIN_UP), tables)
        return f"{count} {tables.operators['+' if match['sign'] == '⁺' else '−']}".strip()

    return say


def _times(tables: Tables) -> Callable[[re.Match[str]], str]:
    return lambda _match: tables.operators["×"]
