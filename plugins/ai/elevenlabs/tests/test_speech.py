from __future__ import annotations

import pytest

from bloop_elevenlabs.texts import LONGEST, plain
from bloop_sdk import UnavailableError
from bloop_sdk.testing import reply
from plugins.ai.elevenlabs.tests.fake_elevenlabs import VOICES, changed

GEORGE = VOICES[0]["voice_id"]


def said(text, speech):
    return [text[one.start : one.end] for one in speech.words]


async def test_words_begin_when_their_first_character_does(make_voices):
    text = "Let's add two."
    speech = await make_voices().synthesize(text, GEORGE)

    # Each character takes 0.06 s, and 0.02 s of silence stay before the first one.
    assert said(text, speech) == ["Let's", "add", "two"]
    assert [round(one.begins - 0.02, 2) for one in speech.words] == [0.0, 0.36, 0.6]
    assert [round(one.ends - 0.02, 2) for one in speech.words] == [0.3, 0.54, 0.78]
    assert speech.rate == 24000 and speech.exact


async def test_what_is_sent_is_whole_and_does_not_depend_on_what_is_kept_with_a_voice(
    fake, make_voices
):
    await make_voices(stability=0.2, seed=7).synthesize("Hello.", GEORGE)
    assert fake.said == [
        {
            "text": "Hello.",
            "model_id": "eleven_multilingual_v2",
            "voice_settings": {
                "stability": 0.2,
                "similarity_boost": 0.75,
                "style": 0.0,
                "use_speaker_boost": True,
                "speed": 1.0,
            },
            "seed": 7,
        }
    ]


async def test_every_setting_that_is_heard_is_part_of_a_voices_version(make_voices):
    async def version(**settings):
        return (await make_voices(**settings).voices())[0].version

    changes = [
        {"model": "eleven_flash_v2_5"},
        {"stability": 0.4},
        {"similarity_boost": 0.4},
        {"style": 0.4},
        {"use_speaker_boost": False},
        {"seed": 1},
    ]
    found = {await version(**change) for change in [{}, *changes]}
    assert len(found) == 1 + len(changes)
    assert await version(zero_retention=True) == await version()


async def test_a_voice_is_listed_for_each_language_that_the_model_speaks_with_it(make_voices):
    listed = [(one.id, one.language, one.name) for one in await make_voices().voices()]
    assert listed == [
        (GEORGE, "en-GB", "George"),
        (VOICES[1]["voice_id"], "und", "Our headmaster"),
        (VOICES[2]["voice_id"], "de", "Daniel"),
        (f"{GEORGE}@de", "de-DE", "George"),
    ]


async def test_the_language_is_told_to_models_that_take_it(fake, make_voices):
    for model in ("eleven_multilingual_v2", "eleven_flash_v2_5"):
        await make_voices(model=model).synthesize("Hallo.", f"{GEORGE}@de")
    assert [body.get("language_code") for body in fake.said] == [None, "de"]


async def test_zero_retention_is_asked_for_where_it_is_set(fake, make_voices):
    for keeps_nothing in (False, True):
        await make_voices(zero_retention=keeps_nothing).synthesize("Hello.", GEORGE)
    assert [one.params.get("enable_logging") for one in fake.requests] == [None, "false"]


async def test_a_long_text_is_spoken_in_pieces_that_end_with_sentences(fake, make_voices):
    text = " ".join(f"This is sentence number {number}." for number in range(80))
    speech = await make_voices().synthesize(text, GEORGE)

    parts = [body["text"] for body in fake.said]
    assert "".join(parts) == text
    assert len(parts) == 2 and max(map(len, parts)) <= LONGEST
    assert all(part.rstrip().endswith(".") for part in parts)
    assert said(text, speech) == text.replace(".", "").split()
    # The second piece's words come after the first one's sound.
    there = parts[0].count(" ")
    assert speech.words[there].begins == pytest.approx(0.06 * len(parts[0]) + 0.02, abs=0.01)


def test_what_a_voice_would_obey_is_left_out_and_the_text_stays_as_long():
    assert plain('a <break time="3s"/> [laughs]\x00') == 'a  break time="3s"/   laughs  '


@pytest.mark.parametrize("pace", [0.5, 2.0])
async def test_paces_beyond_elevenlabs_own_are_made_here(fake, make_voices, pace):
    text = "One two three four five six seven."
    usual = await make_voices().synthesize(text, GEORGE)
    speech = await make_voices().synthesize(text, GEORGE, pace)

    assert fake.said[-1]["voice_settings"]["speed"] == (0.7 if pace < 1 else 1.2)
    silence = 0.12  # Of both, whatever the pace.
    faster = (usual.seconds - silence) / (speech.seconds - silence)
    assert faster == pytest.approx(pace, rel=0.05)
    for slow, fast in zip(usual.words, speech.words, strict=True):
        assert fast.begins == pytest.approx(slow.begins / pace, abs=0.05)


async def test_without_times_they_are_estimated_and_it_says_so(fake, make_voices):
    provider = make_voices()
    await provider.synthesize("Hello there.", GEORGE)
    fake.planned = [changed(fake._speech(GEORGE, *asked(fake)), alignment=None)]
    speech = await provider.synthesize("Hello there.", GEORGE)
    assert not speech.exact
    assert said("Hello there.", speech) == ["Hello", "there"]


def asked(fake):
    """What the last request for speech held."""
    request = fake.requests[-1]
    return request.params, request.json_body


@pytest.mark.parametrize("sound", [None, "", "no base64!"])
async def test_an_answer_without_sound_is_tried_again_later(fake, make_voices, sound):
    fake.planned = [reply({"audio_base64": sound, "alignment": None})]
    with pytest.raises(UnavailableError, match="no sound"):
        await make_voices().synthesize("Hello.", GEORGE)


async def test_what_has_nothing_to_say_costs_nothing(fake, make_voices):
    for text in ("", " \n", "...", "[!]"):
        assert not (await make_voices().synthesize(text, GEORGE)).pcm
    assert not fake.requests
