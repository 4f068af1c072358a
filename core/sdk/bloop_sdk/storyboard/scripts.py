"""Which language a text is in, as far as its script tells."""

from __future__ import annotations

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


def language_by_script(said: str, text: str) -> str:
    """The tag ``said``, unless that is none or of a language in Latin letters, and others are here.

    Platforms fill in a language of their own where nobody says one. A script that several
    languages share gives the one that most texts in it are in.
    """
    if said and said.partition("-")[0].lower() not in _LATIN:
        return said
    letters = [one for one in text[:_MOST_LETTERS] if one.isalpha()]
    if len(letters) < _LEAST_LETTERS:
        return said
    scripts = Counter(unicodedata.name(one, "").partition(" ")[0] for one in letters)
    kana = scripts.pop("HIRAGANA", 0) + scripts.pop("KATAKANA", 0)
    scripts["CJK"] += kana
    script, count = scripts.most_common(1)[0]
    if script not in _SCRIPTS or count < 0.6 * len(letters):
        return said
    found = "ja" if script == "CJK" and kana > 0.05 * count else _SCRIPTS[script]
    for own, of_script, code in _TELLING:
        if found == of_script and sum(one in own for one in letters) > 0.005 * count:
            return code
    return found
