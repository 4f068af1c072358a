"""What is written with digits, in words: numbers, dates, times, money, units, ranges."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

from bloop_studio.spoken.numbers import in_words, plain_number, say_digits, say_number
from bloop_studio.spoken.tables import Tables

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str | None]]
"""A pattern, and what is said for its match; None leaves it as it is."""

_PREFIXED = ("m", "g", "s", "Hz", "W", "V", "N", "J", "Pa", "l", "L", "mol", "B", "bit")
_TOO_SHORT = frozenset({"B"})
_NAMES = """
    Louis Ludwig Charles Karl Henry Heinrich Henri Elizabeth Elisabeth Friedrich Frederick
    Wilhelm William Philip Philipp Felipe Carlos George Georg Edward James Peter Pius Paul
    Napoleon Napoléon Luigi Carlo Enrico Alfonso Fernando Juan João Pedro Otto Franz Francis
    François Catherine Katharina Willem Leo Benedict Benedikt Johannes
"""
_REIGNING = frozenset(_NAMES.split())
"""Behind these, a Roman number is an ordinal."""
_NUMBER = r"\d+(?:[.,\u00a0\u202f\u2009’']\d+)*"
_SPACED = r"\d{1,3}(?:[ \u00a0\u202f\u2009]\d{3})+(?:,\d+)?(?!\d)"
_NOT_IN_WORD = r"(?<![\w.,])"
_OPENED = r"(?<=[(\[{=,<>])"
"""Behind these a minus belongs to what follows."""


class Numerals:
    """The rules of one language, the more specific ones first."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self._n = f"(?:{_SPACED}|{_NUMBER})" if tables.numbers["thousands"] == " " else _NUMBER
        self._units = dict(_all_units(tables))

    def rules(self) -> Iterator[Rule]:
        """In the order in which they are tried."""
        units = "|".join(map(re.escape, sorted(self._units, key=len, reverse=True)))
        yield from self._of_time()
        yield from self._of_money()
        yield self._rule(
            rf"{_NOT_IN_WORD}(?P<a>{self._n})\s?[–-]\s?(?P<b>{self._n})"
            r"(?=\s?[=≠<>≤≥]\s?[-−+]?(?:\d|[A-Za-z]\b))",
            self._difference,
        )
        yield self._rule(
            rf"{_NOT_IN_WORD}(?P<a>{self._n})\s?[–—-]\s?(?P<b>{self._n})"
            rf"(?:[ \u00a0\u202f]?(?P<u>{units}))?(?!\w|[-–]\d)",
            self._range,
        )
        yield self._rule(
            rf"(?P<s>(?<!\S)[-−+±]|{_OPENED}[-−+±])?{_NOT_IN_WORD}(?P<n>{self._n})"
            rf"[ \u00a0\u202f]?(?P<u>{units})(?![\w/²³])",
            self._unit,
        )
        yield from self._of_order()
        yield self._rule(rf"{_NOT_IN_WORD}(?:(\d+)\s)?(\d{{1,2}})/(\d{{1,2}})(?![\w/])", self._part)
        yield self._rule(r"(\d+)?([½⅓⅔¼¾⅕⅖⅗⅘⅛⅜⅝⅞])", self._vulgar)
        yield self._rule(r"(?<![\w.,])(?:\+\d|0\d)[\d ()/-]{5,}\d(?!\w)", self._phone)
        yield self._rule(
            rf"(?P<s>(?<!\S)[-−±]|{_OPENED}[-−±])?(?<![A-Za-z_]){_NOT_IN_WORD}(?P<n>{self._n})",
            self._number,
        )

    def _rule(self, pattern: str, say: Callable[[re.Match[str]], str | None]) -> Rule:
        return re.compile(pattern), say

    def _context(self, name: str) -> frozenset[str]:
        return frozenset(self._t.context.get(name, "").split())

    # Numbers

    def value(self, text: str) -> str:
        """A number as it is written, also 3.11.2."""
        plain = plain_number(text, self._t)
        if re.fullmatch(r"\d+(\.\d+)?", plain):
            return say_number(plain, self._t)
        pieces = [say_number(one, self._t) for one in re.split(r"[.,’']", plain) if one]
        return f" {self._t.numbers['point']} ".join(pieces)

    def _number(self, match: re.Match[str]) -> str | None:
        said = self._year(match) or self.value(match["n"])
        return f"{self._sign(match)}{said}"

    def _sign(self, match: re.Match[str]) -> str:
        sign = (match["s"] or "").replace("-", "−")
        return f"{self._t.operators[sign]} " if sign else ""

    def _year(self, match: re.Match[str]) -> str | None:
        """Years are read in pairs in English, before 2000 also in German and Dutch."""
        text = match["n"]
        if not re.fullmatch(r"1[1-9]\d\d|20\d\d", text) or match["s"]:
            return None
        if self._t.code in {"de", "nl"}:
            return self._said_year(text) if text < "2000" else None
        if self._t.code != "en":
            return None
        before = re.findall(r"\w+", match.string[: match.start()])[-1:]
        after = re.match(r"\s+([a-z]+)", match.string[match.end() :])
        alone = match.string[match.start() - 1 : match.end() + 1] == f"({text})"
        lone = after is None or after[1] in self._context("no_noun")
        named = bool(before) and (
            before[0].lower() in self._context("before_year") or before[0] in self._months
        )
        return self._said_year(text) if (named and lone) or alone else None

    def _said_year(self, text: str) -> str:
        form = "year" if self._t.code in {"en", "de", "nl"} else "cardinal"
        return in_words(int(text), self._t.code, form)

    def _range(self, match: re.Match[str]) -> str | None:
        first, last = match["a"], match["b"]
        years = all(re.fullmatch(r"1[1-9]\d\d|20\d\d", one) for one in (first, last))
        say = self._said_year if years and not match["u"] else self.value
        said = f"{say(first)} {self._t.numbers['to']} {say(last)}"
        if not match["u"]:
            return said
        return f"{said} {self._units[match['u']][1]}"

    def _difference(self, match: re.Match[str]) -> str:
        return f"{self.value(match['a'])} {self._t.operators['−']} {self.value(match['b'])}"

    def _part(self, match: re.Match[str]) -> str | None:
        known = self._t.fractions.get(f"{match[2]}/{match[3]}")
        return known and self._mixed(match[1], known)

    def _vulgar(self, match: re.Match[str]) -> str | None:
        plain = unicodedata.normalize("NFKC", match[2]).replace("⁄", "/")
        known = self._t.fractions.get(plain)
        return known and self._mixed(match[1], known)

    def _mixed(self, whole: str | None, part: str) -> str:
        return f"{self.value(whole)} {self._t.formula['and']} {part}" if whole else part

    def _phone(self, match: re.Match[str]) -> str:
        plus = f"{self._t.numbers['plus']} " if match[0].startswith("+") else ""
        return plus + say_digits(match[0], self._t)

    # Units and money

    def _unit(self, match: re.Match[str]) -> str | None:
        one, many = self._units[match["u"]]
        said = (
            f"{self._one(one)} {one}" if match["n"] == "1" else f"{self.value(match['n'])} {many}"
        )
        return f"{self._sign(match)}{said}"

    def _one(self, noun: str) -> str:
        feminine = noun.split(" ", maxsplit=1)[0] in self._t.units.get("feminine", ())
        return str(self._t.units["feminine_one" if feminine else "one"])

    def _of_money(self) -> Iterator[Rule]:
        signs = "|".join(map(re.escape, sorted(set(self._t.money) - _NO_MONEY, key=len)[::-1]))
        scale = (
            r"(?:\s(?P<scale>million|billion|trillion|Millionen|Million|Milliarden|Mio\.|Mrd\.|"
            r"millions|milliards|millones|milioni|miliardi|milhões|bilhões|miljoen|miljard)\b)?"
        )
        yield self._rule(rf"(?<!\w)(?P<c>{signs})\s?(?P<n>{self._n}){scale}", self._money)
        yield self._rule(
            rf"{_NOT_IN_WORD}(?P<n>{self._n}){scale}[\s\u00a0]?(?P<c>{signs})(?!\w)", self._money
        )

    def _money(self, match: re.Match[str]) -> str:
        one, many, cent, cents = self._t.money[match["c"]]
        whole, _, part = plain_number(match["n"], self._t).partition(".")
        if match["scale"]:
            scale = self._t.abbreviations.get(match["scale"], match["scale"])
            return f"{self.value(match['n'])} {scale} {many}"
        said = f"{self._one(one)} {one}" if whole == "1" else f"{self.value(whole)} {many}"
        if len(part) != 2 or not cent:
            return said if not part else f"{self.value(match['n'])} {many}"
        if part == "00":
            return said
        count = in_words(int(part), self._t.code)
        coins = count if self._t.money.get("bare_cents") else f"{count} {cents}"
        return str(self._t.money["and"].format(said, coins))

    # Dates and times

    @property
    def _months(self) -> list[str]:
        return list(self._t.dates["months"])

    def _of_time(self) -> Iterator[Rule]:
        months = "|".join(self._months)
        year = r"(?P<y>1\d{3}|20\d{2})"
        yield self._rule(rf"(?<![\w-]){year}-(?P<m>[01]\d)-(?P<d>[0-3]\d)(?![\w-])", self._date)
        yield self._rule(
            rf"(?<![\w.])(?P<d>[0-3]?\d)\.\s?(?P<m>[01]?\d)\.\s?{year}(?!\w)", self._date
        )
        first, second = ("m", "d") if self._t.dates["numeric"] == "mdy" else ("d", "m")
        yield self._rule(
            rf"(?<![\w/])(?P<{first}>[0-3]?\d)/(?P<{second}>[0-3]?\d)/{year}(?![\w/])", self._date
        )
        yield self._rule(
            rf"(?<![\w.,])(?P<d>[0-3]?\d)(?:st|nd|rd|th|\.|er|º|°)?(?:\s+de|\s+of)?\s+"
            rf"(?P<m>{months})(?:(?:,|\s+del?)?\s+{year})?(?!\w)",
            self._date,
        )
        if self._t.code == "en":
            yield self._rule(
                rf"(?<!\w)(?P<m>{months})\s+(?P<d>[0-3]?\d)(?:st|nd|rd|th)?(?:,?\s+{year})?(?!\w)",
                self._date,
            )
            yield self._rule(
                r"(?<![\w:])(?P<h>1?\d)(?::(?P<min>[0-5]\d))?\s?(?P<half>[ap])\.?m\b\.?", self._half
            )
            yield self._rule(r"(?<!\w)(?P<y>(?:1[1-9]|20)\d0)s\b", self._decade)
        yield self._rule(
            r"(?<![\w:.])(?P<h>[01]?\d|2[0-3]):(?P<min>[0-5]\d)(?![\w:])(?:\s?(?:Uhr|uur|h)\b)?",
            self._time,
        )

    def _date(self, match: re.Match[str]) -> str | None:
        month = match["m"]
        number = int(month) if month.isdecimal() else self._months.index(month) + 1
        day = int(match["d"])
        if not 1 <= number <= 12 or not 1 <= day <= 31:
            return None
        dates = self._t.dates
        form = dates["date"] if match["y"] else dates["day_month"]
        said = form.format(
            day=self._day(day, match),
            month=self._months[number - 1],
            year=self._said_year(match["y"]) if match["y"] else "",
        )
        return str(said)

    def _day(self, day: int, match: re.Match[str]) -> str:
        if day == 1 and "first_day" in self._t.dates:
            return str(self._t.dates["first_day"])
        if not self._t.dates.get("ordinal_day"):
            return in_words(day, self._t.code)
        if self._t.code == "de":
            return self._german(day, match)
        return in_words(day, self._t.code, "ordinal")

    def _time(self, match: re.Match[str]) -> str:
        hour, minute = int(match["h"]), int(match["min"])
        form = "hour" if minute == 0 else "time"
        if 0 < minute < 10 and "time_oh" in self._t.dates:
            form = "time_oh"
        said = in_words(hour, self._t.code)
        if self._t.code == "de" and hour == 1:
            said = "ein"
        if hour < 2 and self._t.code == "fr":
            said = ("zéro", "une")[hour]
        form_text = str(self._t.dates[form])
        if hour == 1 and self._t.code == "fr":
            form_text = form_text.replace("heures", "heure")
        return form_text.format(hour=said, minute=in_words(minute, self._t.code))

    def _half(self, match: re.Match[str]) -> str | None:
        hour = int(match["h"])
        if not 1 <= hour <= 12:
            return None
        minute = match["min"]
        said = in_words(hour, "en")
        if minute and minute != "00":
            said += (" oh " if minute[0] == "0" else " ") + in_words(int(minute), "en")
        return f"{said} {match['half'].upper()} M"

    def _decade(self, match: re.Match[str]) -> str:
        said = in_words(int(match["y"]), "en", "year")
        return said[:-1] + "ies" if said.endswith("y") else said + "s"

    # Order

    def _of_order(self) -> Iterator[Rule]:
        code = self._t.code
        pattern = {
            "en": r"(?<![\w.,])(?P<n>\d+)(?:st|nd|rd|th)\b",
            "fr": r"(?<![\w.,])(?P<n>\d+)(?P<f>er|re|ème|è|e)\b",
            "nl": r"(?<![\w.,])(?P<n>\d+)(?:ste|de|e)\b",
            "es": r"(?<![\w.,])(?P<n>\d+)\.?(?P<f>[ºª])",
            "pt": r"(?<![\w.,])(?P<n>\d+)\.?(?P<f>[ºª])",
            "it": r"(?<![\w.,])(?P<n>\d+)(?P<f>[ºª°])(?![CF])",
        }.get(code)
        if pattern:
            yield self._rule(pattern, self._ordinal)
        if code == "de":
            large = {"Mio.": "eine Million", "Mrd.": "eine Milliarde"}
            yield self._rule(r"(?<![\w.,])1\s(Mio\.|Mrd\.)", lambda match: large[match[1]])
            yield self._rule(
                r"(?<![\w.,])(?P<n>\d{1,3})\.(?=\s+(?:"
                + "|".join(sorted(self._context("ordered")))
                + r")\b)",
                self._german_nth,
            )
            yield self._rule(
                r"(?i:(?<=\bder )|(?<=\bdie )|(?<=\bdas )|(?<=\bden )|(?<=\bdem )|(?<=\bim )|"
                r"(?<=\bam )|(?<=\bzum ))(?P<n>\d{1,3})\.(?=\s+\w)",
                self._german_nth,
            )
        yield self._rule(
            r"\b(?P<w>[A-ZÄÖÜÉ]\w+) (?P<r>[IVXLC]+)\b(?!['’.]\w)(?:\.(?=\s+[a-zäöü]))?", self._roman
        )

    def _ordinal(self, match: re.Match[str]) -> str:
        said = in_words(int(match["n"]), self._t.code, "ordinal")
        form = match.groupdict().get("f")
        if form == "ª":
            return re.sub(r"o\b", "a", said)
        return "première" if form == "re" and said == "premier" else said

    def _german_nth(self, match: re.Match[str]) -> str:
        return self._german(int(match["n"]), match)

    def _german(self, value: int, match: re.Match[str]) -> str:
        """The ending goes by the word in front."""
        said = in_words(value, "de", "ordinal")
        before = re.findall(r"\w+", match.string[: match.start()])[-1:]
        word = before[0].lower() if before else ""
        return said + (
            "n"
            if word in self._context("ending_n")
            else ""
            if word in self._context("ending_e")
            else "r"
        )

    def _roman(self, match: re.Match[str]) -> str | None:
        word, roman = match["w"], match["r"]
        value = _roman_value(roman)
        reigning = word in _REIGNING
        if value is None or (len(roman) == 1 and not (reigning and roman in "IVX")):
            return None
        code = self._t.code
        if not reigning or (code == "fr" and value > 1) or (code in {"es", "pt"} and value > 10):
            return f"{word} {in_words(value, code)}"
        nth = in_words(value, code, "ordinal")
        return f"{word} {_ARTICLES.get(code, '')}{nth.title() if code == 'de' else nth}"


_ARTICLES = {"en": "the ", "de": "der ", "nl": "de "}
_NO_MONEY = frozenset({"and", "bare_cents"})


def _all_units(tables: Tables) -> Iterator[tuple[str, list[str]]]:
    """Units by their signs, with all prefixes; those that a table names go first."""
    prefixes: dict[str, str] = tables.units["prefixes"]
    named = {k: v for k, v in tables.units.items() if isinstance(v, list) and k != "feminine"}
    for sign in _PREFIXED:
        for prefix, name in prefixes.items():
            if prefix + sign not in named and (sign != "m" or prefix not in "MGT"):
                yield prefix + sign, [name + one.lower() for one in named[sign]]
    yield "KB", [prefixes["k"] + one.lower() for one in named["B"]]
    yield from ((sign, names) for sign, names in named.items() if sign not in _TOO_SHORT)


@lru_cache(maxsize=256)
def _roman_value(text: str) -> int | None:
    if not re.fullmatch(r"(C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})", text):
        return None
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[one] for one in text]
    following = [*values[1:], 0]
    return sum(-a if a < b else a for a, b in zip(values, following, strict=True))
