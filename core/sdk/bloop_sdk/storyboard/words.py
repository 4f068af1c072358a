"""The words of a written line, as cues name them and captions count them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_APOSTROPHES = frozenset("'’ʼ")
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x31FF),  # radicals, kana, Bopomofo
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class WrittenWord:
    """``text[start:end]``; ``key`` is what it is compared by."""

    start: int
    end: int
    key: str


def unspaced(character: str) -> bool:
    """Whether it belongs to a script that puts no spaces between words."""
    point = ord(character)
    return any(first <= point <= last for first, last in _UNSPACED)


def in_word(character: str) -> bool:
    """Letters, digits, and the marks that are written on them."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def words(text: str) -> list[WrittenWord]:
    """Runs of letters and digits; in scripts without spaces, each character by itself."""
    found: list[WrittenWord] = []
    at = 0
    while at < len(text):
        if not text[at].isalnum():
            at += 1
            continue
        end = _end(text, at)
        found.append(WrittenWord(at, end, _key(text[at:end])))
        at = end
    return found


def _end(text: str, start: int) -> int:
    alone = unspaced(text[start])
    end = start + 1
    while end < len(text):
        character = text[end]
        mark = unicodedata.category(character)[0] == "M"
        joined = (
            character in _APOSTROPHES and end + 1 < len(text) and text[end + 1].isalnum()
        ) or character.isalnum()
        if not mark and (alone or not joined or unspaced(character)):
            break
        end += 1
    return end


def _key(word: str) -> str:
    plain = "".join(one for one in word if one not in _APOSTROPHES)
    return unicodedata.normalize("NFKC", plain).casefold()


def find_word(text: str, wanted: str, nth: int = 1) -> tuple[int, int] | None:
    """Where ``wanted`` (a word, several, or a sign) is written for the ``nth`` time.

    Case and punctuation do not matter; inflection does.
    """
    keys = [one.key for one in words(wanted)]
    if not keys:
        return _literal(text, wanted.strip(), nth)
    there = words(text)
    for at in range(len(there) - len(keys) + 1):
        run = there[at : at + len(keys)]
        if [one.key for one in run] == keys:
            nth -= 1
            if nth == 0:
                return run[0].start, run[-1].end
    return None


def _literal(text: str, wanted: str, nth: int) -> tuple[int, int] | None:
    at = -1
    for _ in range(nth if wanted else 0):
        at = text.find(wanted, at + 1)
        if at < 0:
            break
    return (at, at + len(wanted)) if at >= 0 else None
