from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from bloop_azure_speech.config import AzureSpeechConfig
from bloop_azure_speech.provider import AzureVoices
from bloop_azure_speech.ssml import LONGEST, ssml
from bloop_azure_speech.times import phonemes
from bloop_sdk import UnavailableError, UnsupportedError
from bloop_sdk.settings import Scope, scope_of
from bloop_sdk.testing import FakeContext, reply
from plugins.ai.azure_speech.tests.fake_azure import AVA


def said(text, speech):
    return [text[one.start : one.end] for one in speech.words]


async def test_words_and_shapes_of_the_mouth_have_azures_times(make_voices):
    text = "Let's add two."
    speech = await make_voices().synthesize(text, AVA)

    # Each letter takes 0.06 s. Of the 0.1 s of silence before the first one 0.02 s stay.
    assert said(text, speech) == ["Let's", "add", "two"]
    assert [round(one.begins - 0.02, 3) for one in speech.words] == [0.0, 0.36, 0.6]
    assert [round(one.ends - 0.02, 3) for one in speech.words] == [0.3, 0.54, 0.78]
    assert [(one.viseme, one.ipa) for one in speech.phonemes] == [(1, "æ"), (2, "ɑ"), (3, "ɔ")]
    assert [one.begins for one in speech.phonemes] == [one.begins for one in speech.words]
    assert speech.rate == 24000 and speech.exact


def test_each_of_azures_shapes_has_a_sound():
    found = list(phonemes([(number, number * 1_000_000) for number in range(23)], 3.0))
    assert [one.viseme for one in found] == list(range(1, 22))
    assert all(one.ipa for one in found)


def test_a_shape_lasts_until_the_next_one_and_silence_is_none():
    told = [
        (0, 0),
        (21, 1_000_000),
        (4, 2_500_000),
        (0, 4_000_000),
        (19, 5_000_000),
        (99, 5_500_000),
    ]
    found = [(one.viseme, one.ipa, one.begins, one.ends) for one in phonemes(told, 0.6)]
    assert found == [(21, "p", 0.1, 0.25), (4, "ɛ", 0.25, 0.4), (19, "d", 0.5, 0.55)]


async def test_what_is_asked_for_is_raw_sound_with_words_and_visemes(fake, make_voices):
    await make_voices().synthesize("Hello.", AVA)
    (context,) = fake.contexts
    assert context["outputFormat"] == "raw-24khz-16bit-mono-pcm"
    assert context["metadataOptions"]["wordBoundaryEnabled"]
    assert context["metadataOptions"]["visemeEnabled"]


async def test_a_text_is_never_more_than_text(fake, make_voices):
    text = 'R&D </voice><voice name="x"> 😀x <break time="9s"/> ]]> & &amp; end.'
    speech = await make_voices().synthesize(text, AVA)

    root = ET.fromstring(fake.documents[0])
    assert [one.tag.partition("}")[2] for one in root.iter()] == ["speak", "voice"]
    assert "".join(root.itertext()) == text
    # Azure's SDK finds none of the words that were escaped, and counts in the SSML's characters.
    words = "R D voice voice name x x break time 9s amp end"
    assert " ".join(said(text, speech)) == words


@pytest.mark.parametrize("voice", [AVA, "zh-CN-liaoning-XiaobeiNeural", "en-US-Jasper:MAI-Voice-1"])
@pytest.mark.parametrize("pace", [0.5, 1.0, 1.3])
def test_ssml_names_language_voice_and_pace(voice, pace):
    root = ET.fromstring(ssml("a < b", voice, pace))
    language = root.get("{http://www.w3.org/XML/1998/namespace}lang")
    assert language == ("zh-CN-liaoning" if voice.startswith("zh") else "en-US")
    rates = [one.get("rate") for one in root.iter() if one.tag.endswith("prosody")]
    assert rates == ([] if pace == 1 else [f"{pace:.3f}"])
    assert "".join(root.itertext()) == "a < b"


async def test_a_long_text_is_spoken_in_pieces_over_one_connection(fake, make_voices):
    text = " ".join(f"This is sentence number {number}." for number in range(60))
    speech = await make_voices().synthesize(text, AVA)

    parts = ["".join(ET.fromstring(one).itertext()) for one in fake.documents]
    assert "".join(parts) == text
    assert len(parts) == 2 and max(map(len, parts)) <= LONGEST
    assert fake.connections == 1
    assert said(text, speech) == text.replace(".", "").split()
    # Behind the first piece: its letters, its silence at both ends, and the second one's.
    there = parts[0].count(" ")
    expected = 0.06 * len(parts[0]) + 0.2 + 0.02
    assert speech.words[there].begins == pytest.approx(expected, abs=0.002)
    assert len(speech.phonemes) == len(speech.words)


async def test_no_event_is_lost(make_voices):
    text = " ".join(["word"] * 180)
    provider = make_voices()
    for _ in range(4):
        speech = await provider.synthesize(text, AVA, 2.0)
        begins = [one.begins for one in speech.words]
        steps = {round(later - sooner, 3) for sooner, later in pairwise(begins)}
        assert len(begins) == 180 and steps == {0.15}


async def test_without_words_they_are_estimated_and_it_says_so(fake, make_voices):
    fake.planned = ["no words"]
    speech = await make_voices().synthesize("Hello there.", AVA)
    assert not speech.exact
    assert said("Hello there.", speech) == ["Hello", "there"]


async def test_a_voice_that_does_not_speak_the_language_gives_an_error_and_no_silence(
    fake, make_voices
):
    fake.planned = ["silent"]
    with pytest.raises(UnsupportedError, match="speak this text's language") as caught:
        await make_voices().synthesize("こんにちは", AVA)
    assert caught.value.code == "unsupported" and caught.value.cure


async def test_what_has_nothing_to_say_costs_nothing(fake, make_voices):
    for text in ("", " \n", "...", "<>"):
        assert not (await make_voices().synthesize(text, AVA)).pcm
    assert not fake.connections


async def test_voices_are_listed_as_azure_orders_them_and_previews_last(make_voices):
    found = [(one.id, one.language, one.name, one.exact) for one in await make_voices().voices()]
    assert found == [
        (AVA, "en-US", "Ava Multilingual", True),
        ("en-US-Ava:DragonHDLatestNeural", "en-US", "Ava Dragon HD", False),
        ("de-DE-KatjaNeural", "de-DE", "Katja", True),
        ("zh-CN-liaoning-XiaobeiNeural", "zh-CN-liaoning", "晓北", True),
        ("en-US-NewNeural", "en-US", "New", True),
    ]


async def test_a_list_that_is_none_is_tried_again_later(fake, make_voices):
    fake.answers = [reply({"error": "?"})]
    with pytest.raises(UnavailableError):
        await make_voices().voices()


def test_an_institution_chooses_a_region_and_never_an_address():
    assert scope_of(AzureSpeechConfig, "region") is Scope.INSTITUTION
    assert scope_of(AzureSpeechConfig, "base_url") is Scope.HUB
    for region in ("evil.example/", "a@b", "", "x:1"):
        with pytest.raises(ValueError, match="region"):
            AzureSpeechConfig(key="k", region=region)


@pytest.mark.parametrize(
    ("settings", "address", "where"),
    [
        (
            {"region": "eastus"},
            "https://eastus.tts.speech.microsoft.com",
            {"region": "eastus"},
        ),
        (
            {"region": "usgovvirginia"},
            "https://usgovvirginia.tts.speech.azure.us",
            {"endpoint": "wss://usgovvirginia.tts.speech.azure.us/cognitiveservices/websocket/v1"},
        ),
        (
            {"region": "chinaeast2"},
            "https://chinaeast2.tts.speech.azure.cn",
            {"endpoint": "wss://chinaeast2.tts.speech.azure.cn/cognitiveservices/websocket/v1"},
        ),
        (
            {"base_url": "https://us.cognitiveservices.azure.com/tts/"},
            "https://us.cognitiveservices.azure.com/tts",
            {"endpoint": "wss://us.cognitiveservices.azure.com/tts/cognitiveservices/websocket/v1"},
        ),
    ],
)
def test_a_region_or_an_address_says_where_azure_is(settings, address, where):
    config = AzureSpeechConfig(key="k", **settings)
    assert config.address == address
    assert AzureVoices(FakeContext(config=config))._where() == where
