"""Words of queries and texts: taking apart, comparing, and marking where they stand."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import islice

WORD = re.compile(r"[^\W_]+")
MOST_WORDS = 16
LONGEST_WORD = 60
EXCERPT = 240
BEFORE = 60
"""An excerpt begins so many characters before its first mark."""
MOST_MARKS = 8
MOST_LOOKED_AT = 2000
"""So many words that stand in a long text are looked at, for where most of them are together."""

Span = tuple[int, int]


def words_of(query: str) -> tuple[str, ...]:
    """The words to look for, as they are written, each once.

    Marks are of their letter: most vowels of Hindi or Tamil are, and those of Arabic.
    """
    query = unicodedata.normalize("NFC", query)
    kept = "".join(one if one.isalnum() or _is_mark(one) else " " for one in query)
    found = [word[:LONGEST_WORD] for word in kept.split() if not all(map(_is_mark, word))]
    return tuple(dict.fromkeys(found))[:MOST_WORDS]


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in {"Mn", "Mc"}


@lru_cache(4096)
def folded(word: str) -> str:
    """A word without case and diacritics."""
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(one for one in parts if not unicodedata.combining(one))


def errors_allowed(word: str) -> int:
    """How many letters may be wrong."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def distance(one: str, other: str, most: int) -> int:
    """Letters to add, remove, replace or swap until both are the same; ``most + 1`` for more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, with_ in enumerate(other, 1):
            cost = before[j - 1] + (letter != with_)
            cost = min(cost, before[j] + 1, row[j - 1] + 1)
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == with_:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def nearest(word: str, candidates: Iterable[tuple[str, int]], number: int) -> list[str]:
    """Those of ``(word, documents)`` that may be meant: nearest first, then most frequent."""
    own = folded(word)
    most = errors_allowed(own)
    found: list[tuple[int, int, str]] = []
    for candidate, documents in candidates:
        away = distance(own, folded(candidate), most)
        if away <= most:
            found.append((away, -documents, candidate))
    return [candidate for *_, candidate in sorted(found)[:number]]


def corrected(words: Sequence[str], texts: Iterable[str]) -> tuple[str, ...]:
    """``words``, each as it stands in the texts that were found for them, or what is nearest."""
    counts: dict[str, int] = defaultdict(int)
    for text in texts:
        for word in WORD.findall(text):
            counts[word.casefold()] += 1
    known = {folded(word) for word in counts}
    return tuple(
        word if folded(word) in known else next(iter(nearest(word, counts.items(), 1)), word)
        for word in words
    )


def pattern_of(words: Sequence[str], *, prefix: bool) -> re.Pattern[str]:
    """What finds the words in a text, whatever their case and diacritics.

    With ``prefix`` all that begins with the last one.
    """
    parts = [_spelt(folded(word)) for word in words]
    if prefix:
        parts[-1] += r"[^\W_]*"
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(parts)})(?![^\W_])", re.IGNORECASE)


def forms_of(words: Sequence[str]) -> re.Pattern[str]:
    """What finds other forms of the words, as far as they begin alike."""
    parts = [_spelt(folded(word)[: max(4, len(word) - 3)]) for word in words]
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(parts)})[^\W_]{{0,5}}(?![^\W_])", re.IGNORECASE)


def marks(text: str, pattern: re.Pattern[str]) -> list[Span]:
    """Where the first words stand that ``pattern`` finds."""
    found: list[Span] = []
    for match in pattern.finditer(text):
        found.append(match.span())
        if len(found) == MOST_MARKS:
            break
    return found


def densest(text: str, pattern: re.Pattern[str]) -> int | None:
    """Where, of all that ``pattern`` finds, most different words follow within an excerpt."""
    found = [
        (one.start(), folded(one[0])) for one in islice(pattern.finditer(text), MOST_LOOKED_AT)
    ]
    best, best_at, end = 0, None, 0
    inside: Counter[str] = Counter()
    for at, word in found:
        while end < len(found) and found[end][0] < at + EXCERPT - BEFORE:
            inside[found[end][1]] += 1
            end += 1
        if len(inside) > best:
            best, best_at = len(inside), at
        inside[word] -= 1
        if not inside[word]:
            del inside[word]
    return best_at


def excerpt(text: str, pattern: re.Pattern[str], at: int | None = None) -> tuple[str, list[Span]]:
    """A piece of the text around the first word that ``pattern`` finds, and its marks.

    ``at`` says where it stands, where that is known.
    """
    if at is None:
        first = pattern.search(text)
        at = first.start() if first else 0
    start = max(0, at - BEFORE)
    if start:
        start = next((m.end() for m in re.compile(r"\s").finditer(text, start, start + 40)), start)
    end = min(len(text), start + EXCERPT)
    if end < len(text):
        cut = text.rfind(" ", start + EXCERPT // 2, end)
        end = cut if cut > 0 else end
    piece = text[start:end].replace("\n", " ")
    before, after = "… " if start else "", " …" if end < len(text) else ""
    found = [(a + len(before), b + len(before)) for a, b in marks(piece, pattern)]
    return f"{before}{piece}{after}", found


def _spelt(word: str) -> str:
    variants = _variants()
    spelt = "".join(
        f"[{letter}{variants[letter]}]" if letter in variants else re.escape(letter)
        for letter in word
    )
    return spelt.replace(_SS, f"(?:{_SS}|ß)")


@cache
def _variants() -> dict[str, str]:
    """The letters with diacritics by those without: ``a`` to ``àáâ...``."""
    found: dict[str, str] = defaultdict(str)
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        letter = chr(code)
        plain = folded(letter)
        if len(plain) == 1 and plain != letter:
            found[plain] += letter
    return dict(found)


_SS = "".join(f"[s{_variants()['s']}]" for _ in "ss") if "s" in _variants() else "ss"
