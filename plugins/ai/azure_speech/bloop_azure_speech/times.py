"""Azure's events as the contract's words and sounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from bloop_sdk.providers.ai import Phoneme, Word
from bloop_sdk.speech import located

TICKS = 10_000_000
"""Of 100 ns, in a second."""

AHEAD = 200
"""So many characters may stand between two words: signs that are not said."""

# The first sound of each shape: Azure tells shapes alone.
# https://learn.microsoft.com/azure/ai-services/speech-service/how-to-speech-synthesis-viseme
SOUNDS = ("", *"æɑɔɛɝjwo", "aʊ", "ɔɪ", "aɪ", *"hɹlsʃðfdkp")


def words(text: str, events: Sequence[tuple[str, int, int]]) -> list[Word]:
    """Tokens by what events say, which is found in the text.

    Where it stands the SDK tells too, but in its own characters of the SSML, and not at all where
    one of them was escaped.
    """
    ordered = sorted(events, key=lambda one: one[1])
    said = ((word, begins / TICKS, (begins + ticks) / TICKS) for word, begins, ticks in ordered)
    return located(text, said, AHEAD)


def phonemes(events: Sequence[tuple[int, int]], seconds: float) -> Iterator[Phoneme]:
    """A shape of the mouth lasts until the next one; silence (0) is none."""
    ordered = sorted((ticks / TICKS, viseme) for viseme, ticks in events)
    for (begins, viseme), (ends, _) in pairwise([*ordered, (seconds, 0)]):
        if 0 < viseme < len(SOUNDS) and begins < min(ends, seconds):
            yield Phoneme(ipa=SOUNDS[viseme], begins=begins, ends=min(ends, seconds), viseme=viseme)
