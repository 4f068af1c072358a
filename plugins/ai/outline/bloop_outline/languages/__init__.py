"""What is known of a language: its small words, how it defines, and what a narrator says in it.

A language without a file is told by the lesson's structure alone, without a word that the lesson
does not hold.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bloop_sdk.storyboard import lesson_language

KNOWN = ("de", "en", "es", "fr", "it", "nl", "pt")


@dataclass(frozen=True, slots=True)
class Language:
    """``code`` is that of the storyboard; every other part may be empty.

    ``backward`` begins sentences that lean on the one before, ``linking`` stands early in them;
    ``droppable`` are beginnings that may go; ``weighty`` and ``light`` are words by which a
    sentence gains or loses; ``exercises`` and ``apparatus`` begin headings of parts that a video
    does not tell.
    """

    code: str
    stop: frozenset[str] = frozenset()
    backward: frozenset[str] = frozenset()
    pronouns: frozenset[str] = frozenset()
    linking: frozenset[str] = frozenset()
    droppable: tuple[str, ...] = ()
    defines: re.Pattern[str] | None = None
    weighty: re.Pattern[str] | None = None
    light: re.Pattern[str] | None = None
    exercises: re.Pattern[str] | None = None
    apparatus: re.Pattern[str] | None = None
    examples: re.Pattern[str] | None = None
    summary: re.Pattern[str] | None = None
    arrays: re.Pattern[str] | None = None
    contrast: re.Pattern[str] | None = None
    abbreviations: frozenset[str] = frozenset()
    months: tuple[str, ...] = ()
    opening: str = "{title}"
    recap: str = ""
    answer: str = ""


def language_of(code: str, text: str) -> Language:
    """The language that a lesson says it has; where it says none, the one that its words vote for.

    A text that is plainly in another one of the known languages than the lesson says, or in a
    script that those have not, is told in that one: platforms often fill in their own language.
    """
    told = lesson_language(code, text)
    short = told.partition("-")[0]
    if short in KNOWN or short == "und":
        voted = _vote(text)
        if voted and voted != short:
            return _read(voted, voted)
    return _read(short, told) if short in KNOWN else Language(told)


def _vote(text: str) -> str:
    """The known language whose small words are plainly the most; nothing where that is unclear."""
    words = Counter(re.findall(r"[^\W\d_]+", text[:20_000].lower()))
    total = sum(words.values())
    if total < 20:
        return ""
    votes = {
        code: sum(count for word, count in words.items() if word in _read(code, code).stop)
        for code in KNOWN
    }
    first, second = sorted(votes, key=lambda code: (-votes[code], code))[:2]
    clear = votes[first] >= 0.25 * total and votes[first] >= 1.25 * votes[second]
    return first if clear else ""


@cache
def _read(name: str, code: str) -> Language:
    table = tomllib.loads((files(__package__) / f"{name}.toml").read_text("utf-8"))

    def pattern(key: str, template: str = r"{}") -> re.Pattern[str]:
        written = table[key].replace("\n", "")
        return re.compile(template.format(written), re.IGNORECASE)

    heading = r"^\W*(?:\d+[.)]?\s*)*(?:{})\b"
    return Language(
        code=code,
        stop=frozenset(table["stop"].split()),
        backward=frozenset(table["backward"].split()),
        pronouns=frozenset(table["pronouns"].split()),
        linking=frozenset(table["linking"].split()),
        droppable=tuple(table["droppable"]),
        defines=pattern("defines", r"\s(?:{})\s"),
        weighty=pattern("weighty", r"\b(?:{})\b"),
        light=pattern("light", r"\b(?:{})\b"),
        exercises=pattern("exercises", heading),
        apparatus=pattern("apparatus", heading),
        examples=pattern("examples", heading),
        summary=pattern("summary", heading.replace("(?:{})", r"(?:\w+\s)?(?:{})")),
        arrays=pattern("arrays", r"\b(?:{})\b"),
        contrast=pattern("contrast", r"\b(?:{})\b"),
        abbreviations=frozenset(table["abbreviations"].split()),
        months=tuple(table["months"].split()),
        opening=table["opening"],
        recap=table["recap"],
        answer=table["answer"],
    )
