"""What is known of a language: small words, words that are no terms, how it defines, its endings.

A language without a file is read by the course's structure and by repetition alone.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

SHORT = 2000
"""Characters below which plain letters are taken for English, where nothing says otherwise."""
KNOWN = ("de", "en", "es", "fr", "it", "nl", "pt")
_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Language:
    """``stop`` words stand in no term, but ``link`` words within one; ``general`` are none alone.

    Nouns often follow ``determiners``, verbs ``verbal`` words. ``defines`` stands between a term
    and what it is, ``called`` before one, ``also`` before another name of it. ``people`` says
    that the name beside it is somebody's. ``titles`` begin headings without being part of the term,
    ``skip`` headings that name none.
    """

    code: str
    stop: frozenset[str] = frozenset()
    general: frozenset[str] = frozenset()
    determiners: frozenset[str] = frozenset()
    verbal: frozenset[str] = frozenset()
    link: frozenset[str] = frozenset()
    capitals: bool = False
    defines: re.Pattern[str] = _NEVER
    called: re.Pattern[str] = _NEVER
    also: re.Pattern[str] = _NEVER
    people: re.Pattern[str] = _NEVER
    titles: re.Pattern[str] = _NEVER
    skip: re.Pattern[str] = _NEVER
    endings: tuple[tuple[str, str], ...] = ()
    irregular: Mapping[str, str] = field(default_factory=dict)
    abbreviations: frozenset[str] = frozenset()

    def folded(self, word: str) -> str:
        """A word without case and ending, so that its inflections are one.

        As light as Savoy's "minimal" stemmers (2006): a term is not to meet its neighbours.
        """
        word = word.casefold().replace("’", "'")
        word = word.removesuffix("'s")
        if word in self.irregular:
            return self.irregular[word]
        for ending, instead in self.endings:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                return word[: len(word) - len(ending)] + instead
        return word


def language_of(code: str, text: str) -> Language:
    """The language by its tag; the one that small words vote for where they plainly say another."""
    short = code.partition("-")[0].partition("_")[0].lower()
    voted = _vote(text)
    if voted and (short in KNOWN or short in {"", "und"}):
        return _read(voted)
    if short in {"", "und"} and len(text) < SHORT and text.isascii():
        return _read("en")
    return _read(short) if short in KNOWN else Language(short or "und")


def _vote(text: str) -> str:
    words = Counter(re.findall(r"[^\W\d_]+", text[:20_000].lower()))
    total = sum(words.values())
    if total < 8:
        return ""
    votes = {
        code: sum(count for word, count in words.items() if word in _read(code).stop)
        for code in KNOWN
    }
    first, second = sorted(votes, key=lambda code: (-votes[code], code))[:2]
    clear = votes[first] >= 0.25 * total and votes[first] >= 1.25 * votes[second]
    return first if clear else ""


@cache
def _read(code: str) -> Language:
    table = tomllib.loads((files(__package__) / f"{code}.toml").read_text("utf-8"))

    def pattern(key: str, template: str) -> re.Pattern[str]:
        return re.compile(template.format(table[key].replace("\n", "")), re.IGNORECASE)

    def words(key: str) -> frozenset[str]:
        return frozenset(table[key].split())

    return Language(
        code=code,
        stop=words("stop") | words("verbal"),
        general=words("general"),
        determiners=words("determiners"),
        verbal=words("verbal"),
        link=words("link"),
        capitals=table["capitals"],
        defines=pattern("defines", r"\s(?:{})\s"),
        called=pattern("called", r"\b(?:{})\b"),
        also=pattern("also", r"[(,]\s*(?:{})\s"),
        people=pattern("people", r"\b(?:{})\b"),
        titles=pattern("titles", r"^(?:{})\b(?:\s*\d[\d.]*)?[\s:.\-–—]*"),
        skip=pattern("skip", r"^\W*(?:\d+[.)]?\s*)*(?:{})\b"),
        endings=tuple((one, other) for one, other in table["endings"]),
        irregular=table["irregular"],
        abbreviations=words("abbreviations"),
    )
