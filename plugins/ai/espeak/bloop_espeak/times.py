"""From eSpeak NG's events to words and sounds with their times."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from bloop_sdk.providers.ai import Phoneme, Word
from bloop_sdk.speech import Span, align, by_letters, match, runs

WORD, PHONEME = 1, 7

Event = tuple[int, int, int, str]
"""Type, place in the text, sample, IPA ("" for a pause)."""


@dataclass(frozen=True, slots=True)
class Times:
    """What a text's sound is made of, in seconds."""

    words: tuple[Word, ...]
    phonemes: tuple[Phoneme, ...]


def times(
    text: str, events: Sequence[Event], alone: Mapping[str, Sequence[str]], rate: int, count: int
) -> Times:
    """Words and sounds by the events of ``count`` samples.

    eSpeak NG says some words as one ("of the"), for which it has one event, at the first of them:
    ``alone`` are the sounds of each by itself, by the run's number, and tell them apart.
    """
    sounds = _sounds(events, rate, count)
    phonemes = list(sounds.values())
    begins = [one.begins for one in phonemes]
    numbers = {span: number for number, span in enumerate(runs(text))}

    def share(token: Word, spans: Sequence[Span]) -> Sequence[float]:
        if len(spans) == 1:
            return [token.begins]
        first = bisect.bisect_left(begins, token.begins)
        said = phonemes[first : bisect.bisect_left(begins, token.ends)]
        expected = [alone.get(str(numbers[span]), ()) for span in spans]
        counts = match([one.ipa for one in said], expected)
        if not all(counts):
            return by_letters(token, spans)
        starts = [sum(counts[:number]) for number in range(1, len(spans))]
        return [token.begins, *(said[start].begins for start in starts)]

    tokens = _tokens(events, sounds)
    return Times(align(text, tokens, count / rate, share), tuple(phonemes))


def _sounds(events: Sequence[Event], rate: int, count: int) -> dict[int, Phoneme]:
    """The sounds by the number of their event: each lasts until something else happens.

    Of those with the same sample the last one begins there. The others (an l between a vowel and
    another consonant) have coloured the end of what comes before, whose time they share.
    """
    numbers = [
        number
        for number, (kind, _, sample, ipa) in enumerate(events)
        # Neither a pause nor a change of language, such as "(en)".
        if kind == PHONEME and ipa and not ipa.startswith("(") and sample < count
    ]
    samples = [events[number][2] for number in numbers]
    edges = sorted({sample for _, _, sample, _ in events} | {count})
    last = [edges[bisect.bisect_right(edges, sample)] for sample in samples]
    begins: list[float] = list(samples)
    for sample, same in groupby(range(len(samples)), samples.__getitem__):
        together = list(same)
        first, own = together[0], together[-1]
        if first < own:
            first -= first > 0 and last[first - 1] == sample
            step = (sample - samples[first]) / (own - first)
            begins[first:own] = [samples[first] + place * step for place in range(own - first)]
    ends = [min(end, after) for end, after in zip(last, [*begins[1:], count], strict=False)]
    return {
        number: Phoneme(ipa=events[number][3], begins=begin / rate, ends=end / rate)
        for number, begin, end in zip(numbers, begins, ends, strict=True)
    }


def _tokens(events: Sequence[Event], sounds: Mapping[int, Phoneme]) -> Iterator[Word]:
    """What each word event says, by the sounds behind it.

    The sounds tell better when it begins than the event does: a vowel behind a nasal or a liquid
    has its event only after its start (``Generate`` in espeak-ng's ``synthesize.c``), so that the
    event of its word comes before the end of the word before.
    """
    starts = [number for number, event in enumerate(events) if event[0] == WORD]
    for start, end in pairwise([*starts, len(events)]):
        said = [sounds[number] for number in range(start, end) if number in sounds]
        if said:
            at = max(events[start][1], 0)
            yield Word(start=at, end=at + 1, begins=said[0].begins, ends=said[-1].ends)
