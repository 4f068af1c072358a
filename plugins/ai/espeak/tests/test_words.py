"""The times of words and sounds are those of the sound."""

from __future__ import annotations

import array
from itertools import pairwise

import pytest

from bloop_sdk import UnsupportedError
from bloop_sdk.speech import runs

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


async def test_each_word_has_the_sounds_that_it_is_made_of(make_voices):
    text = "The sum of the squares, in the middle of a well-known one, is to be 1.5: don't stop!"
    speech = await make_voices().synthesize(text, "en-us")
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
        ("of", "əv"),
        ("a", "ə"),
        ("well", "wɛl"),
        ("known", "noʊn"),
        ("one", "wʌn"),
        ("is", "ɪz"),
        ("to", "tə"),
        ("be", "bi"),
        ("1.5", "wʌnpɔɪntfaɪv"),
        ("don't", "doʊnt"),
        ("stop", "stɑːp"),
    ]


@pytest.mark.parametrize(
    ("voice", "text", "expected"),
    [
        ("de", "z. B. ein Haus", [("z", "tsɛt"), ("B", "beː"), ("ein", "aɪn"), ("Haus", "haʊs")]),
        ("ru", "Привет, мир!", [("Привет", "prʲivʲet"), ("мир", "mʲir")]),
        ("cmn-latn-pinyin", "学习", [("学", "ɕyɛ"), ("习", "ɕi")]),
    ],
)
async def test_other_languages(make_voices, voice, text, expected):
    assert said(text, await make_voices().synthesize(text, voice)) == expected


async def test_between_the_words_at_a_comma_and_a_full_stop_it_is_silent(make_voices):
    text = "We go home, and then we eat. Later we sleep; you know. They play, but he works. Good!"
    speech = await make_voices().synthesize(text, "en-us")
    assert [text[one.start : one.end] for one in speech.words] == [text[a:b] for a, b in runs(text)]
    pauses = 0
    for before, after in pairwise(speech.words):
        if not text[before.end : after.start].strip():
            continue
        pauses += 1
        assert after.begins - before.ends > 0.1
        # Nothing of a word is outside its time, and it is loud to both sides of the pause.
        middle = loud(speech, before.ends + FRAME, after.begins - FRAME / 2)
        assert middle < 0.02 * loud(speech, 0, speech.seconds)
        assert loud(speech, before.ends - 3 * FRAME, before.ends) > 8 * middle
        assert loud(speech, after.begins, after.begins + 3 * FRAME) > 8 * middle
    assert pauses == 6


async def test_the_silence_at_both_ends_is_as_long_in_every_voice(make_voices):
    voices = make_voices()
    for voice in ("en-us", "de+f3", "fi"):
        speech = await voices.synthesize("hello", voice)
        assert loud(speech, 0, 0.0195) < 0.01 * loud(speech, 0, 1)
        assert loud(speech, 0.019, 0.03) > 0.005 * loud(speech, 0, 1)
        assert loud(speech, speech.seconds - 0.099, speech.seconds) < 0.01 * loud(speech, 0, 1)
        assert speech.words[0].begins <= 0.03
        assert speech.seconds - 0.15 <= speech.words[-1].ends <= speech.seconds


async def test_it_does_not_clip(make_voices):
    speech = await make_voices().synthesize("Aaah! All our hours are over, Laura!", "en-us", 0.7)
    samples = array.array("h", speech.pcm)
    assert 3000 < max(samples) < 32767 and min(samples) > -32768


async def test_what_has_no_sound_is_silence_as_long_as_its_words(make_voices):
    voices = make_voices()
    assert (await voices.synthesize("?! ...", "en-us")).pcm == b""
    text = "\U00013000\U00013001 \U00013002"  # Hieroglyphs.
    speech = await voices.synthesize(text, "de")
    assert len(speech.words) == 2
    assert speech.words[-1].ends <= speech.seconds


async def test_the_best_voice_of_a_language_comes_first(make_voices):
    first: dict[str, str] = {}
    for voice in await make_voices().voices():
        first.setdefault(voice.language.partition("-")[0], voice.id)
    assert first["en"] == "en-us"
    assert {first[one] for one in ("de", "fr", "es", "zh", "pt", "vi")} == {
        "de",
        "fr-fr",
        "es",
        "cmn-latn-pinyin",
        "pt-br",
        "vi",
    }
    assert len(first) > 90


async def test_a_text_that_is_too_long_for_one_call_is_refused(make_voices):
    with pytest.raises(UnsupportedError, match="60000 characters") as caught:
        await make_voices().synthesize("so " * 20_000, "en-us")
    assert "at most 50000" in caught.value.cure
