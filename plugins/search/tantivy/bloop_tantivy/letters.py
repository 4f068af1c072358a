"""Texts as they are indexed and looked for: one spelling of each word, and words where none end.

tantivy's own filters know Latin letters that are one with their marks. Here are the others: marks
of their own (what macOS calls its files, and PDFs hold), vowel marks of Arabic and Hebrew, and
scripts that write without spaces, whose texts come in pairs of letters, as Lucene's analyser for
Chinese, Japanese and Korean makes them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_UNSPACED = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0edf\u1000-\u109f\u1780-\u17d3"  # Thai to Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)

# What Lucene's normalizers for Arabic and Persian make alike, as people write one for the other.
_ARABIC = {"\u0640": "", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه"}
_VARIANTS = re.compile(f"[{''.join(_ARABIC)}]")

# Latin letters that are one with their marks, punctuation and currencies: tantivy's own filters do.
_LATIN = re.compile("[\\x00-\\u024f\\u2000-\\u206f\\u20a0-\\u20bf]*")


def indexed(text: str) -> str:
    """A text of which tantivy's tokenizer makes the words to find."""
    if _LATIN.fullmatch(text):
        return text
    return _UNSPACED.sub(_letters_and_pairs, plain(text))


def asked(word: str) -> list[str]:
    """What a word of a query looks for: itself, or its pairs of letters."""
    if _LATIN.fullmatch(word):
        return [word]
    word = plain(word)
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        parts += [word[end : run.start()], *_pairs(run[0])]
        end = run.end()
    return [part for part in (*parts, word[end:]) if part]


def plain(text: str) -> str:
    """A text without marks that are written or left out, in one spelling (NFKC)."""
    apart = _marks().sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", _VARIANTS.sub(_usual, apart))


def _usual(variant: re.Match[str]) -> str:
    return _ARABIC[variant[0]]


def _letters_and_pairs(run: re.Match[str]) -> str:
    letters = run[0]
    return f" {' '.join((*letters, *_pairs(letters)))} "


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)]


@cache
def _marks() -> re.Pattern[str]:
    """Marks by their combining class: Hebrew's and Arabic's, and those beside Latin letters.

    Others are more than a mark: viramas, and what makes another kana of one (7 to 9), vowels of
    Telugu, Thai and Lao (84 to 132).
    """
    found = [chr(code) for code in range(0x300, 0x11000) if _is_left_out(chr(code))]
    return re.compile(f"[{''.join(found)}]+")


def _is_left_out(mark: str) -> bool:
    return 10 <= unicodedata.combining(mark) <= 36 or 200 <= unicodedata.combining(mark) <= 240
