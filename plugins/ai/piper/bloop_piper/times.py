"""From the lengths of sounds to words with their times."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from bloop_piper.pieces import Piece
from bloop_sdk.providers.ai import Phoneme, Speech, Word
from bloop_sdk.speech import Span, align, match, runs

USUAL_RATE = 22050


class Track:
    """What has been said of a text so far."""

    def __init__(self, text: str) -> None:
        self.rate = USUAL_RATE
        self._text = text
        self._spans = runs(text)
        self._ends = [end for _, end in self._spans]
        self._starts = [start for start, _ in self._spans]
        self._sound = bytearray()
        self._tokens: list[Word] = []
        self._phonemes: list[Phoneme] = []
        self._exact = True

    @property
    def said(self) -> bool:
        """Whether there is any sound of speech."""
        return bool(self._phonemes)

    def spans_in(self, piece: Piece) -> list[Span]:
        """The runs of a piece, which may cut one that is very long."""
        first = bisect_right(self._ends, piece.start)
        last = bisect_left(self._starts, piece.end)
        return [
            (max(start, piece.start), min(end, piece.end)) for start, end in self._spans[first:last]
        ]

    def silence(self, seconds: float) -> None:
        """Say nothing for a while."""
        self._sound += bytes(2 * round(seconds * self.rate))

    def add(self, piece: Piece, told: Mapping[str, Any], sound: bytes) -> None:
        """What the worker has told of a piece.

        Its sounds are told apart by those of each word by itself: Piper says which sounds it
        speaks, and not of which words they are.
        """
        self.rate = told["rate"]
        parts: Sequence[tuple[str, int]] = told["parts"]
        begins = len(self._sound) // 2
        edges = [edge / self.rate for edge in accumulate((n for _, n in parts), initial=begins)]
        self._phonemes += [
            Phoneme(ipa=ipa, begins=edges[at], ends=edges[at + 1])
            for at, (ipa, _) in enumerate(parts)
            if ipa != " "
        ]
        self._sound += sound
        self._exact = self._exact and told["measured"]
        at, last = 0, edges[0]
        for span, count in zip(
            self.spans_in(piece), match([ipa for ipa, _ in parts], told["words"]), strict=True
        ):
            said = [n for n in range(at, at + count) if parts[n][0] != " "]
            at += count
            if said:
                word = Word(
                    start=span[0], end=span[1], begins=edges[said[0]], ends=edges[said[-1] + 1]
                )
            else:
                # It can't be said, and has no time.
                word = Word(start=span[0], end=span[1], begins=last, ends=last)
                self._exact = False
            last = word.ends
            self._tokens.append(word)

    def speech(self) -> Speech:
        """All of it."""
        seconds = len(self._sound) / 2 / self.rate
        return Speech(
            pcm=bytes(self._sound),
            rate=self.rate,
            words=align(self._text, self._tokens, seconds),
            exact=self._exact,
            phonemes=tuple(self._phonemes),
        )
