"""For plugins that speak: from what a voice says of its times to the words of the contract.

A voice tells when it says its own tokens: characters, words, several words at once. :func:`align`
makes :class:`bloop_sdk.providers.ai.Word` of them, as :class:`bloop_sdk.providers.ai.Speech` wants
them; without any tokens it estimates. :func:`located` helps where a voice tells what it says, but
not where that stands, :func:`match` where tokens hold several words and their sounds are known, and
:func:`trim` gives all voices the same short silence at both ends. :func:`pieces` cuts what is too
long for one request.
"""

from __future__ import annotations

import array
import bisect
import dataclasses
import re
import sys
import unicodedata
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TypeVar

from bloop_sdk.providers.ai import Phoneme, Speech, Word

Span = tuple[int, int]
"""``text[start:end]``."""

Share = Callable[[Word, Sequence[Span]], Sequence[float]]
"""When each of several runs begins that a token says; the first one's time is the token's."""

Timed = TypeVar("Timed", Word, Phoneme)

JOINS = {"'": str.isalpha, "\u2019": str.isalpha, ".": str.isdigit, ",": str.isdigit}
"""What joins two runs into one where such characters stand on both sides: don't, 1.5."""

# Han, kana, Thai, Lao, Myanmar, Khmer: words are not set apart, so that a voice's tokens stand.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


def runs(text: str) -> tuple[Span, ...]:
    """The runs of letters and digits of a text, with the marks on them: what a voice has to say.

    ``don't`` and ``1.5`` are one run, ``well-known`` is two.
    """
    found: list[Span] = []
    start: int | None = None
    for at, char in enumerate(text):
        if char.isalnum():
            start = at if start is None else start
        elif start is not None and not _goes_on(text, at):
            found.append((start, at))
            start = None
    if start is not None:
        found.append((start, len(text)))
    return tuple(found)


def _goes_on(text: str, at: int) -> bool:
    """Whether a run holds this character, which is neither a letter nor a digit."""
    char = text[at]
    if unicodedata.category(char) in {"Mn", "Mc"} or char in "\u200c\u200d":
        return True
    fits = JOINS.get(char)
    return fits is not None and fits(text[at - 1]) and fits(text[at + 1 : at + 2])


def by_letters(token: Word, spans: Sequence[Span]) -> list[float]:
    """Share a token's time among its runs by their lengths."""
    lengths = [end - start for start, end in spans]
    before = [0, *accumulate(lengths)][:-1]
    length = token.ends - token.begins
    return [token.begins + length * part / sum(lengths) for part in before]


def align(
    text: str, tokens: Iterable[Word], seconds: float, share: Share = by_letters
) -> tuple[Word, ...]:
    """The words of ``text`` by a voice's tokens, in order and within ``seconds``.

    Each run has a word. Of several tokens in a run the word has the first's begin and the last's
    end, but in scripts that do not set words apart each of them stays a word. A token that says
    several runs is shared out among them; so is the token before a run that has none. Tokens that
    say no run (an emoji, a sign) are left out. Without any token the words are spread over all
    ``seconds``: an estimate, which :attr:`Speech.exact` has to admit.
    """
    spans = runs(text)
    ordered = _joined(text, spans, sorted(tokens, key=lambda one: one.start))
    if not ordered:
        ordered = [Word(start=0, end=len(text), begins=0.0, ends=seconds)]
    parts: list[list[Word]] = [[] for _ in spans]
    for token, said in zip(ordered, _said(spans, ordered), strict=True):
        if said:
            begins = share(token, [spans[number] for number in said])
            ends = [*begins[1:], token.ends]
            for number, begin, end in zip(said, begins, ends, strict=True):
                left, right = spans[number]
                start = token.start if left < token.start < right else left
                parts[number].append(Word(start=start, end=right, begins=begin, ends=end))
    words = [word for span, found in zip(spans, parts, strict=True) for word in _words(span, found)]
    return _in_order(words, seconds)


def _joined(text: str, spans: Sequence[Span], tokens: Sequence[Word]) -> list[Word]:
    """Tokens that begin in the same run as one, unless they stay words."""
    begins = [start for start, _ in spans]
    found: list[Word] = []
    last = -1
    for token in tokens:
        number = bisect.bisect_right(begins, token.start) - 1
        inside = number >= 0 and token.start < spans[number][1]
        same = inside and number == last
        if same and (found[-1].start == token.start or not _stands(text[token.start])):
            first = found[-1]
            found[-1] = dataclasses.replace(
                first,
                end=max(first.end, token.end),
                begins=min(first.begins, token.begins),
                ends=max(first.ends, token.ends),
            )
        else:
            found.append(token)
        last = number if inside else -1
    return found


def _stands(char: str) -> bool:
    """Whether a word may begin with it in the midst of a run: no mark of a letter before it."""
    return char.isalnum() and any(low <= ord(char) <= high for low, high in _UNSPACED)


def _said(spans: Sequence[Span], tokens: Sequence[Word]) -> list[list[int]]:
    """Which runs each token says, by their numbers: every run is said by one token at least."""
    said: list[list[int]] = [[] for _ in tokens]
    first, before = 0, 0
    for number, (start, end) in enumerate(spans):
        while first < len(tokens) and tokens[first].end <= start:
            first += 1
        found = False
        at = first
        while at < len(tokens) and tokens[at].start < end:
            if tokens[at].end > start:
                said[at].append(number)
                before, found = at, True
            at += 1
        if not found:
            while before + 1 < len(tokens) and tokens[before + 1].start <= start:
                before += 1
            said[before].append(number)
    return said


def _words(span: Span, parts: Sequence[Word]) -> list[Word]:
    """A run's words: one for each part, from where it begins to where the next one does."""
    starts = sorted({one.start for one in parts})
    words = []
    for left, right in pairwise([span[0], *starts[1:], span[1]]):
        of_it = [one for one in parts if left <= one.start < right]
        begins, ends = min(one.begins for one in of_it), max(one.ends for one in of_it)
        words.append(Word(start=left, end=right, begins=begins, ends=ends))
    return words


def _in_order(words: Sequence[Word], seconds: float) -> tuple[Word, ...]:
    """No word begins before the one before it, nor goes on into the next one."""
    begins = list(accumulate((min(max(one.begins, 0.0), seconds) for one in words), max))
    nexts = [*begins[1:], seconds][: len(begins)]
    return tuple(
        dataclasses.replace(one, begins=begin, ends=min(max(one.ends, begin), after))
        for one, begin, after in zip(words, begins, nexts, strict=True)
    )


def match(sounds: Sequence[str], expected: Sequence[Sequence[str]]) -> list[int]:
    """How many of ``sounds`` each word has that is expected to sound so; their sum is all.

    Both are in IPA. ``" "`` among the sounds is the voice's own boundary of words, which
    two words may lack that it says as one; it counts with the word before it. The alignment is
    the one with the least changes (Needleman and Wunsch, 1970), over all words.
    """
    wanted: list[tuple[str, int]] = []
    for number, word in enumerate(expected):
        wanted += [(" ", number - 1)] if number else []
        wanted += [(sound, number) for sound in word]
    choices = _choices(sounds, [sound for sound, _ in wanted])
    counts = [0] * len(expected)
    row, column = len(sounds), len(wanted)
    while row:
        choice = choices[row][column]
        if choice != _MISSING:
            owner = wanted[column - 1][1] if column else 0
            counts[owner] += 1
            row -= 1
        if choice != _MORE:
            column -= 1
    return counts


_SAME, _MORE, _MISSING = 0, 1, 2


def _choices(sounds: Sequence[str], wanted: Sequence[str]) -> list[bytearray]:
    """The best last step for each number of sounds and of wanted sounds."""
    lacks = [0.0, *accumulate(_gap(one) for one in wanted)]
    choices = [bytearray([_MORE] + [_MISSING] * len(wanted))]
    for sound in sounds:
        more = _gap(sound)
        row, costs = bytearray([_MORE]), [lacks[0] + more]
        for column, want in enumerate(wanted):
            best, choice = lacks[column] + _difference(sound, want), _SAME
            if (cost := lacks[column + 1] + more) < best:
                best, choice = cost, _MORE
            if (cost := costs[column] + _gap(want)) < best:
                best, choice = cost, _MISSING
            costs.append(best)
            row.append(choice)
        choices.append(row)
        lacks = costs
    return choices


def _gap(sound: str) -> float:
    return 0.4 if sound == " " else 0.8


VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌʏ")


def _difference(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if " " in {one, other}:
        return 9.0
    if one[:1] == other[:1]:
        return 0.2
    return 0.6 if one[:1] in VOWELS and other[:1] in VOWELS else 1.0


SECONDS_A_LETTER = 0.07

QUIET = 100
"""Samples up to it (-50 dB of the loudest there can be) count as silence."""


def trim(speech: Speech, before: float = 0.02, after: float = 0.1) -> Speech:
    """The same with so many seconds of silence at both ends; what is all silent stays."""
    samples = array.array("h", speech.pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    first = next((at for at, one in enumerate(samples) if abs(one) > QUIET), None)
    if first is None:
        return speech
    behind = next(at for at, one in enumerate(reversed(samples)) if abs(one) > QUIET)
    start = first - round(before * speech.rate)
    end = len(samples) - behind + round(after * speech.rate)
    return _cut(speech, start, end)


def estimated(text: str, rate: int, pace: float = 1.0) -> Speech:
    """Silence for as long as ``text`` would take, for what a voice has no sounds for.

    Its words have estimated times; without words there is no sound.
    """
    seconds = SECONDS_A_LETTER / pace * sum(end - start for start, end in runs(text))
    samples = round(seconds * rate)
    words = align(text, [], samples / rate)
    return Speech(pcm=bytes(2 * samples), rate=rate, words=words, exact=not words)


def sayable(text: str) -> str:
    """``text`` with spaces for what is no character to be written: as long, with the same runs."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cs"} else char for char in text)


_SENTENCE = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)]*\s+|[\u3002\uff01\uff1f]+|\n+")
_SPACE = re.compile(r"\s+")


def pieces(text: str, longest: int) -> Iterator[Span]:
    """Where to cut a text: behind the last sentence that fits, or else behind a word."""
    start = 0
    while len(text) - start > longest:
        part = text[start : start + longest]
        ends = [found.end() for found in _SENTENCE.finditer(part)]
        ends = ends or [found.end() for found in _SPACE.finditer(part)] or [longest]
        yield start, start + ends[-1]
        start += ends[-1]
    if start < len(text):
        yield start, len(text)


def located(text: str, said: Iterable[tuple[str, float, float]], ahead: int = 40) -> list[Word]:
    """Tokens for what a voice tells in order: what it says, from when and to when (seconds).

    Up to ``ahead`` characters may be left out between two of them; what is not there is no token.
    """
    tokens: list[Word] = []
    at = 0
    for part, begins, ends in said:
        here = text.find(part, at, at + ahead + len(part)) if part.strip() else -1
        if here >= 0:
            at = here + len(part)
            tokens.append(Word(start=here, end=at, begins=begins, ends=ends))
    return tokens


def write_wav(speech: Speech, path: Path) -> None:
    """Write a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.rate)
        file.writeframes(speech.pcm)


def _cut(speech: Speech, start: int, end: int) -> Speech:
    """The samples from ``start`` to ``end``, which may lie outside, with what is said when."""
    left, length = start / speech.rate, (end - start) / speech.rate

    def moved(times: Timed) -> Timed:
        begins, ends = (min(max(at - left, 0.0), length) for at in (times.begins, times.ends))
        return dataclasses.replace(times, begins=begins, ends=ends)

    missing = end - len(speech.pcm) // 2
    return dataclasses.replace(
        speech,
        pcm=bytes(2 * max(0, -start))
        + speech.pcm[2 * max(0, start) : 2 * end]
        + bytes(2 * max(0, missing)),
        words=tuple(map(moved, speech.words)),
        phonemes=tuple(map(moved, speech.phonemes)),
    )
