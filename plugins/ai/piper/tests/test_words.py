"""The times of words and sounds are those by which the model speaks."""

from __future__ import annotations

import array
import itertools
import re
from itertools import pairwise

import pytest

from bloop_piper.pieces import LENGTH, pieces
from bloop_piper.times import Track
from bloop_sdk import UnsupportedError

JOE = "en_US-joe-medium"
HOP, RATE = 256, 22050
FRAME = 1 / 60


def said(text, speech) -> list[tuple[str, str]]:
    """Each word with the sounds in its time."""
    return [
        (
            text[word.start : word.end],
            "".join(
                one.ipa
                for one in speech.phonemes
                if word.begins - 1e-9 <= one.begins < word.ends - 1e-9
            ),
        )
        for word in speech.words
    ]


def loud(speech, begins, ends) -> float:
    """The loudest sample of a time."""
    samples = array.array("h", speech.pcm)
    part = samples[round(begins * speech.rate) : round(ends * speech.rate)]
    return max((abs(one) for one in part), default=0)


async def test_each_word_has_its_sounds_and_pauses_are_silent(make_voices):
    text = "The sum of the squares, in the middle. Don't stop: it is to be 1.5!"
    speech = await make_voices().synthesize(text, JOE)
    assert speech.exact
    assert said(text, speech) == [
        ("The", "ðə"),
        ("sum", "sʌm"),
        ("of", "ʌv"),
        ("the", "ðə"),
        ("squares", "skwɛɹz"),
        ("in", "ɪn"),
        ("the", "ðə"),
        ("middle", "mɪdəl"),
        ("Don't", "doʊnt"),
        ("stop", "stɑːp"),
        ("it", "ɪɾ"),
        ("is", "ɪz"),
        ("to", "tə"),
        ("be", "bi"),
        ("1.5", "wʌnpɔɪntfaɪv"),
    ]
    pauses = 0
    for before, after in pairwise(speech.words):
        if text[before.end : after.start].strip():
            pauses += 1
            middle = (before.ends + after.begins) / 2
            silence = loud(speech, middle - FRAME, middle + FRAME)
            assert loud(speech, before.begins, before.ends) > 20 * silence
            assert loud(speech, after.begins, after.ends) > 20 * silence
        else:
            # The next word begins where this one ends.
            assert after.begins == pytest.approx(before.ends, abs=1e-6)
    assert pauses == 3
    assert loud(speech, 0, 0.0195) <= 100 < loud(speech, 0.019, 0.03)
    assert loud(speech, speech.seconds - 0.099, speech.seconds) <= 100
    assert 3000 < loud(speech, 0, speech.seconds) < 32500


async def test_every_sample_is_of_a_sound_or_a_pause(tiny):
    text = "See me, now. Be!"
    speech = await tiny.synthesize(text, "en_GB-tiny-low")
    # Three frames for each id, and as many for the padding behind it.
    unit = 6 * HOP / RATE
    assert speech.exact
    assert said(text, speech) == [("See", "siː"), ("me", "miː"), ("now", "naʊ"), ("Be", "biː")]
    lengths = [round((one.ends - one.begins) / unit, 3) for one in speech.words]
    # s, i with its stress, its length; m with the space before it; and so on.
    assert lengths == [4, 5, 4, 4]
    pauses = [round((b.begins - a.ends) / unit, 3) for a, b in pairwise(speech.words)]
    # The comma and the space; the full stop, the end, the next one's beginning, and a pause.
    assert pauses == [0, 2, round(2.5 + 0.25 / unit, 3)]


async def test_what_can_t_be_said_has_a_place_and_no_time(tiny):
    text = "see мир me"
    speech = await tiny.synthesize(text, "xx-letters")
    assert said(text, speech) == [("see", "see"), ("мир", ""), ("me", "me")]
    see, sign, me = speech.words
    assert see.ends == sign.begins == sign.ends <= me.begins
    assert not speech.exact
    silent = await tiny.synthesize("мир", "xx-letters")
    assert not silent.exact
    assert set(silent.pcm) == {0} and len(silent.words) == 1
    assert (await tiny.synthesize("?", "xx-letters")).pcm == b""


async def test_a_model_that_does_not_tell_lengths_has_estimated_times(tiny):
    speech = await tiny.synthesize("See me, now.", "xx-blind")
    assert not speech.exact
    assert [round(one.begins, 1) for one in speech.words] == [0.1, 0.4, 0.9]
    assert speech.words[-1].ends <= speech.seconds


async def test_a_long_sentence_is_spoken_in_pieces(tiny):
    text = " ".join(["see", "me"] * 150)
    speech = await tiny.synthesize(text, "en_GB-tiny-low")
    assert [word for word, _ in said(text, speech)] == text.split()
    assert {sounds for _, sounds in said(text, speech)} == {"siː", "miː"}
    gaps = [b.begins - a.ends for a, b in pairwise(speech.words)]
    assert max(gaps) < 0.25


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A short one.",
        "Dr. Smith knows e.g. the rest of it. " * 12,
        "This goes on and on, with commas, " * 20,
        "nothing but words " * 30,
        "x" * 1000,
        "学习机器学习。" * 60,
        "What? No! " * 50,
        "A line\nAnother one\n\n" * 20,
    ],
)
def test_pieces_are_all_of_a_text(text):
    found = list(pieces(text))
    assert "".join(text[one.start : one.end] for one in found) == text
    assert all(one.end - one.start <= LENGTH for one in found)
    assert all(one.end > one.start for one in found) or not text
    for one, after in pairwise(found):
        assert not re.search(r"\bDr\.\s*$|e\.g\.\s*$", text[one.start : one.end])
        between = text[one.end - 1] + text[after.start]
        assert not between.isalnum() or set(text) & {"x", "学"}
    track = Track(text)
    spans = list(itertools.chain.from_iterable(track.spans_in(one) for one in found))
    covered = {at for start, end in spans for at in range(start, end)}
    assert {at for at, char in enumerate(text) if char.isalnum()} <= covered


def test_pieces_end_with_sentences_where_they_can():
    text = "This is a sentence of some length. " * 12
    found = list(pieces(text))
    assert len(found) == 3
    assert all(one.whole for one in found)
    assert not any(one.whole for one in list(pieces("and so it goes on " * 20))[:-1])


async def test_a_text_that_is_too_long_for_one_call_is_refused(tiny):
    with pytest.raises(UnsupportedError, match="60000 characters") as caught:
        await tiny.synthesize("so " * 20_000, "en_GB-tiny-low")
    assert "at most 50000" in caught.value.cure
