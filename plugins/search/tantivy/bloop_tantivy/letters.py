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


def indexed(text: str) -> str:
    """A text of which tantivy's tokenizer makes the words to find."""
    if text.isascii():
        return text
    return _UNSPACED.sub(_letters_and_pairs, plain(text))


def asked(word: str) -> list[str]:
    """What a word of a query looks for: itself, or its pairs of letters."""
    if word.isascii():
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
    apart = unicodedata.normalize("NFKD", text).translate(_left_out())
    return unicodedata.normalize("NFKC", apart)


def _letters_and_pairs(run: re.Match[str]) -> str:
    letters = run[0]
    return f" {' '.join((*letters, *_pairs(letters)))} "


def _pairs(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[at : at + 2] for at in range(len(run) - 1)]


@cache
def _left_out() -> dict[int, str]:
    """Marks by their combining class: Hebrew's and Arabic's, and those beside Latin letters.

    Others are more than a mark: viramas, and what makes another kana of one (7 to 9), vowels of
    Telugu, Thai and Lao (84 to 132).
    """
    marks = [
        code
        for code in range(0x300, 0x11000)
        if 10 <= unicodedata.combining(chr(code)) <= 36
        or 200 <= unicodedata.combining(chr(code)) <= 240
    ]
    return dict.fromkeys(marks, "") | {ord(one): other for one, other in _ARABIC.items()}
