"""Which language a lesson is in: as it says, as far as its letters agree."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Final

_LATIN: Final = frozenset(
    ["af", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "gl", "hr", "hu",
     "id", "is", "it", "lt", "lv", "ms", "nb", "nl", "nn", "no", "pl", "pt", "ro", "sk", "sl", "sq",
     "sv", "sw", "tr", "und", "vi"]
)  # fmt: skip
"""Languages in Latin letters, and the tag of a text of which nobody knows."""
_SCRIPTS: Final = {
    "ARABIC": "ar", "ARMENIAN": "hy", "BENGALI": "bn", "CJK": "zh", "CYRILLIC": "ru",
    "DEVANAGARI": "hi", "ETHIOPIC": "am", "GEORGIAN": "ka", "GREEK": "el", "GUJARATI": "gu",
    "HANGUL": "ko", "HEBREW": "he", "KANNADA": "kn", "KHMER": "km", "MALAYALAM": "ml",
    "MYANMAR": "my", "SINHALA": "si", "TAMIL": "ta", "TELUGU": "te", "THAI": "th",
}  # fmt: skip
"""The language that most texts of a script are in, by how Unicode's names of its letters begin."""
_TELLING: Final = (("ٹڈڑں", "ar", "ur"), ("پچژگ", "ar", "fa"), ("іїєґ", "ru", "uk"))
"""Letters that tell another language of a script."""
_LEAST_LETTERS: Final = 12
_MOST_LETTERS: Final = 5_000


def lesson_language(said: str, text: str) -> str:
    """A lesson's language as a storyboard has it; ``und`` where nothing tells.

    ``said`` is what its platform says: ``en_US`` and Canvas's ``da-x-k12`` are ``en-US`` and
    ``da``, a name is nothing. A language in Latin letters that ``text`` is not written in is
    one that the platform has filled in: then that of the script counts, and where several
    languages share it the one that most texts in it are in.
    """
    tag = _tag(said)
    if tag.partition("-")[0] not in _LATIN:
        return tag
    return _by_script(text) or tag


def _tag(said: str) -> str:
    """The language, and what says more of it up to what is private."""
    first, *more = re.split(r"[.@]", said.strip())[0].replace("_", "-").split("-")
    if not re.fullmatch(r"[A-Za-z]{2,3}", first):
        return "und"
    parts = [first.lower()]
    for one in more:
        if not re.fullmatch(r"[A-Za-z0-9]{2,8}", one):
            break
        shape = {2: str.upper, 4: str.title}.get(len(one)) if one.isalpha() else None
        parts.append(shape(one) if shape else one)
    return "-".join(parts)


def _by_script(text: str) -> str:
    """The language of a script that is not Latin, where most letters are of it; else nothing."""
    letters = [one for one in text[:_MOST_LETTERS] if one.isalpha()]
    if len(letters) < _LEAST_LETTERS:
        return ""
    scripts = Counter(unicodedata.name(one, "").partition(" ")[0] for one in letters)
    kana = scripts.pop("HIRAGANA", 0) + scripts.pop("KATAKANA", 0)
    scripts["CJK"] += kana
    script, count = scripts.most_common(1)[0]
    if script not in _SCRIPTS or count < 0.6 * len(letters):
        return ""
    found = "ja" if script == "CJK" and kana > 0.05 * count else _SCRIPTS[script]
    for own, of_script, code in _TELLING:
        if found == of_script and sum(one in own for one in letters) > 0.005 * count:
            return code
    return found
