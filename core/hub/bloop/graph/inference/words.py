"""Sentences and words of plain text, each word with its folded form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bloop.graph.inference.languages import Language

WORD = re.compile(
    r"[\u30a0-\u30ffー]{2,}|[\u4e00-\u9fff]{2,}|[\u3040-\u309f]+|"
    r"[^\W_\u3040-\u30ff\u4e00-\u9fff]+(?:[-'’.][^\W_\u3040-\u30ff\u4e00-\u9fff]+)*[+#]*"
)
"""A word; in Japanese and Chinese a run of one script, which is as near as no dictionary comes."""
_ELIDED = re.compile(
    r"(?<![^\W_])([a-zA-Z]{1,2}|qu|dell|nell|all|dall|sull|un)['’](?=[^\W\d_])", re.IGNORECASE
)
_END = re.compile(r"(?<=[.!?…])[\"'”»)\]]*\s+(?=[\"'“«(\[¿¡]*[^\W_a-z])|(?<=[。！？])")
LONGEST_SENTENCE = 600


@dataclass(frozen=True, slots=True)
class Word:
    """``text`` at ``start`` of its sentence, ``key`` folded, ``gap`` what stood before it."""

    text: str
    key: str
    start: int
    gap: str


def sentences(text: str, language: Language) -> Iterator[str]:
    """The sentences of a block; abbreviations end none."""
    begin = 0
    for found in _END.finditer(text):
        head = text[begin : found.start()]
        last = head.rsplit(None, 1)[-1].strip(".(\"'").lower() if head.split() else ""
        if last in language.abbreviations or (len(last) == 1 and last.isalpha()):
            continue
        if head.strip():
            yield from _cut(head.strip())
        begin = found.end()
    if text[begin:].strip():
        yield from _cut(text[begin:].strip())


def _cut(sentence: str) -> Iterator[str]:
    for at in range(0, len(sentence), LONGEST_SENTENCE):
        yield sentence[at : at + LONGEST_SENTENCE]


class Folder:
    """Words of one language; each distinct one is folded once."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._keys: dict[str, str] = {}

    def words(self, sentence: str) -> list[Word]:
        """Its words, in order; elided articles stand by themselves."""
        # An apostrophe becomes a space, so that places stay.
        plain = _ELIDED.sub(lambda found: found[1] + " ", sentence)
        made: list[Word] = []
        before = 0
        for found in WORD.finditer(plain):
            text, start = found[0], found.start()
            # "cross-validation" is "cross validation"; "k-means" is one word.
            parts = text.split("-") if "-" in text else (text,)
            if len(parts) > 1 and min(map(len, parts)) < 3:
                parts = (text,)
            for part in parts:
                made.append(Word(part, self.key(part), start, sentence[before:start]))
                before = start + len(part)
                start = before + 1
        return made

    def key(self, word: str) -> str:
        """The folded form."""
        key = self._keys.get(word)
        if key is None:
            key = self._keys[word] = self.language.folded(word)
        return key

    def keys(self, text: str) -> tuple[str, ...]:
        """The folded forms of all words of a name."""
        return tuple(one.key for one in self.words(text))
