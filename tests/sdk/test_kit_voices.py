"""The suite for voices: a good one passes, and for every rule there is a broken one."""

from __future__ import annotations

import asyncio
import dataclasses
import re

import pytest

from bloop_sdk import AuthError, Request, UnavailableError, UnsupportedError
from bloop_sdk.providers.ai import Phoneme, Speech, Voice, Word
from bloop_sdk.speech import align
from bloop_sdk.testing import ContractError, Voices, plugin_tests, reply, tones
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.speaking import SpeechCase
from bloop_sdk.testing.suites.speech import SPEECH
from tests.sdk.shelf.fake_folder import FOLDER

PLUGIN = PluginUnderTest("bloop_shelf")
CURE = "see to it"
RATE = 8000


class Cloud:
    """Says a tone for each letter."""

    is_away = False
    latest = None

    def __init__(self, folder):
        self.settings = FOLDER.settings_at(folder)
        Cloud.latest = self

    def stop(self):
        self.is_away = True

    def start(self):
        self.is_away = False

    def close(self):
        pass


class Speaker:
    """As it should be."""

    trusted = True
    working = 0
    is_killed = False

    def __init__(self, ctx):
        self.cloud = Cloud.latest

    async def voices(self):
        return [
            Voice(id="de", name="Anna", language="de-DE", version="1"),
            Voice(id="en", name="Amy", language="en", version="1"),
        ]

    async def synthesize(self, text, voice, pace=1.0):
        if voice not in {"de", "en"}:
            raise UnsupportedError(f"there is no voice {voice!r}", cure=CURE)
        if self.cloud.is_away:
            raise UnavailableError("the cloud is away", cure=CURE)
        if not self.trusted:
            raise AuthError("nobody by that name", cure=CURE)
        self.working += 1
        try:
            for _ in range(20 if len(text) > 60 else 0):
                await asyncio.sleep(0.001)
                if self.is_killed:
                    self.is_killed = False
                    raise UnavailableError("it was killed", cure=CURE)
        finally:
            self.working -= 1
        return self.spoken(text, pace)

    def spoken(self, text, pace):
        if not text.strip():
            return Speech(pcm=b"", rate=RATE, words=(), exact=True)
        pcm, times = tones(text, RATE, pace)
        tokens = [
            Word(start=at, end=at + 1, begins=begins, ends=ends)
            for at, (begins, ends) in enumerate(times)
        ]
        words = align(text, tokens, times[-1][1])
        return Speech(pcm=pcm, rate=RATE, words=words, exact=True, phonemes=self.phonemes(words))

    def phonemes(self, words):
        return tuple(Phoneme(ipa="a", begins=one.begins, ends=one.ends) for one in words)


def kill(speaker):
    speaker.is_killed = speaker.working > 0
    return speaker.is_killed


def broken(*rules):
    def add(speaker):
        BROKEN.extend((rule, speaker) for rule in rules)
        return speaker

    return add


BROKEN = []


def altered(*rules):
    """A speaker whose speech a function has its way with."""

    def add(alter):
        class Altered(Speaker):
            def spoken(self, text, pace):
                return alter(super().spoken(text, pace))

        Altered.__name__ = alter.__name__
        return broken(*rules)(Altered)

    return add


@broken("voices")
class Twins(Speaker):
    async def voices(self):
        return [dataclasses.replace(one, id="en") for one in await super().voices()]


@broken("voices")
class SpeaksEnglish(Speaker):
    async def voices(self):
        return [dataclasses.replace(one, language="English") for one in await super().voices()]


@broken("voices")
class NewVersions(Speaker):
    number = 0

    async def voices(self):
        NewVersions.number += 1
        voices = await super().voices()
        return [dataclasses.replace(one, version=str(self.number)) for one in voices]


@altered("words")
def swallows(speech):
    return dataclasses.replace(speech, words=speech.words[:-1])


@altered("words")
def disordered(speech):
    return dataclasses.replace(speech, words=speech.words[::-1])


@altered("words")
def overlapping(speech):
    words = [dataclasses.replace(one, ends=one.ends + 0.1) for one in speech.words]
    return dataclasses.replace(speech, words=tuple(words))


@altered("words")
def beyond_the_end(speech):
    last = dataclasses.replace(speech.words[-1], ends=speech.seconds + 0.1)
    return dataclasses.replace(speech, words=(*speech.words[:-1], last))


@altered("words")
def twice(speech):
    return dataclasses.replace(speech, words=(speech.words[0], *speech.words))


@altered("words")
def in_no_time(speech):
    words = [dataclasses.replace(one, ends=one.begins) for one in speech.words]
    return dataclasses.replace(speech, words=tuple(words))


@altered("words")
def estimates(speech):
    return dataclasses.replace(speech, exact=False)


@altered("words")
def odd_visemes(speech):
    phonemes = [dataclasses.replace(one, viseme=22) for one in speech.phonemes]
    return dataclasses.replace(speech, phonemes=tuple(phonemes))


@altered("the_sound")
def mute(speech):
    return dataclasses.replace(speech, pcm=bytes(len(speech.pcm)))


@altered("the_sound")
def torn(speech):
    return dataclasses.replace(speech, pcm=speech.pcm + b"\0")


@altered("the_sound")
def shouts(speech):
    return dataclasses.replace(speech, pcm=b"\xff\x7f" * (len(speech.pcm) // 2))


@altered("the_sound", "the_times")
def another_rate(speech):
    if speech.words:
        speech = dataclasses.replace(speech, pcm=speech.pcm * 9)
    return speech


@altered("the_times")
def late(speech):
    # Half a second of silence before the sound, of which the words know nothing.
    return dataclasses.replace(speech, pcm=bytes(RATE) + speech.pcm)


@broken("pace")
class Steady(Speaker):
    def spoken(self, text, pace):
        return super().spoken(text, 1.0)


@broken("the_same_again")
class Forgets(Speaker):
    said = 0

    def spoken(self, text, pace):
        self.said += 1
        return super().spoken(text, pace / self.said)


@broken("unknown_voice")
class AnyVoice(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        return await super().synthesize(text, "en", pace)


@broken("unknown_voice")
class NoVoice(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        return await super().synthesize(text, {"en": "en"}[voice], pace)


@broken("empty_text")
class SaysNothing(Speaker):
    def spoken(self, text, pace):
        return super().spoken(text if text.strip() else "...", pace)


@broken("nothing_to_say", "odd_texts", "markup")
class ReadsAscii(Speaker):
    def spoken(self, text, pace):
        if not re.fullmatch(r"[\w .?,]*", text, re.ASCII):
            raise ValueError("what is that?")
        return super().spoken(text, pace)


@broken("odd_texts")
class CountsBytes(Speaker):
    def spoken(self, text, pace):
        speech = super().spoken(text.encode("utf-8", "ignore").decode("latin-1"), pace)
        words = tuple(one for one in speech.words if one.end <= len(text))
        return dataclasses.replace(speech, words=words)


@broken("markup")
class Obeys(Speaker):
    def spoken(self, text, pace):
        speech = super().spoken(text, pace)
        if "<break" in text:
            speech = dataclasses.replace(speech, pcm=speech.pcm + bytes(2 * 9 * RATE))
        return speech


@broken("long_text")
class OutOfBreath(Speaker):
    def spoken(self, text, pace):
        speech = super().spoken(text, pace)
        return dataclasses.replace(speech, words=speech.words[:100])


@broken("long_text")
class GoesOn(Speaker):
    def spoken(self, text, pace):
        speech = super().spoken(text, pace)
        return dataclasses.replace(speech, pcm=speech.pcm + bytes(2 * RATE * (len(text) // 500)))


@broken("at_once")
class Mixes(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        self.text = text
        await asyncio.sleep(0.001)
        said = await super().synthesize(self.text, voice, pace)
        if self.text == text:
            return said
        words = align(text, [], said.seconds)
        return dataclasses.replace(said, words=words, phonemes=())


@broken("cancelled")
class Jams(Speaker):
    jammed = False

    async def synthesize(self, text, voice, pace=1.0):
        if self.jammed:
            raise UnavailableError("the other call is not done", cure=CURE)
        self.jammed = True
        said = await super().synthesize(text, voice, pace)
        self.jammed = False
        return said


@broken("killed")
class StaysDead(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        try:
            return await super().synthesize(text, voice, pace)
        except UnavailableError:
            self.is_killed = True
            self.spoken = None
            raise


@broken("killed")
class BreaksPipes(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        try:
            return await super().synthesize(text, voice, pace)
        except UnavailableError as err:
            raise BrokenPipeError from err


@broken("an_outage")
class FromMemory(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        return self.spoken(text, pace)


@broken("an_outage", "bad_credentials")
class NamesNothing(Speaker):
    async def synthesize(self, text, voice, pace=1.0):
        try:
            return await super().synthesize(text, voice, pace)
        except (UnavailableError, AuthError) as err:
            raise OSError("it does not go") from err


@broken("bad_credentials")
class LetsIn(Speaker):
    trusted = property(lambda self: True, lambda self, value: None)


async def check(rule, speaker, folder, **more):
    subject = Voices(make=Cloud, bad={}, kill=kill, long_words=200, **more)
    case = SpeechCase(PLUGIN, "speech", subject, folder)
    made = []

    def make(ctx):
        made.append(speaker(ctx))
        # The second one of that rule is the one with the bad credentials.
        made[-1].trusted = rule != "bad_credentials" or len(made) == 1
        return made[-1]

    case.make = make
    await SPEECH.rules[rule].check(case)


@pytest.mark.parametrize("rule", SPEECH.rules)
async def test_a_good_speaker_passes(rule, tmp_path):
    await check(rule, Speaker, tmp_path)


@pytest.mark.parametrize(
    ("rule", "speaker"), BROKEN, ids=[f"{rule}-{speaker.__name__}" for rule, speaker in BROKEN]
)
async def test_a_broken_speaker_breaks_the_rule(rule, speaker, tmp_path):
    with pytest.raises(ContractError):
        await check(rule, speaker, tmp_path)


def test_every_rule_is_broken_by_some_speaker():
    assert SPEECH.rules.keys() == {rule for rule, _ in BROKEN}


async def test_a_voice_that_there_is_not_has_to_be_named(tmp_path):
    with pytest.raises(ContractError, match="has no Klaus"):
        await check("words", Speaker, tmp_path, voice="Klaus")


def test_what_a_cloud_lacks_has_to_be_explained():
    assert Voices(make=Cloud, kill=kill).offers == {"stop", "start", "kill"}
    assert Voices(bad={}).offers == {"bad"}
    with pytest.raises(TypeError, match="provides"):
        plugin_tests("bloop_shelf", speech=Voices())


class WebCloud(Cloud):
    """One that is asked over ``ctx.http``."""

    def __init__(self, folder):
        super().__init__(folder)
        self.settings = {**self.settings, "base_url": "https://cloud.example"}

    async def answer(self, request):
        if self.is_away:
            return reply({"error": "away"}, status=503)
        pcm, _ = tones(request.json_body["text"], RATE)
        return reply(pcm)


class WebSpeaker(Speaker):
    def __init__(self, ctx):
        super().__init__(ctx)
        self.http = ctx.http

    async def synthesize(self, text, voice, pace=1.0):
        speech = self.spoken(text, pace)
        if not text.strip():
            return speech
        request = Request(url="https://cloud.example/say", method="POST", json_body={"text": text})
        told = await self.http.send(request)
        return dataclasses.replace(speech, pcm=told.body)


@pytest.mark.parametrize("rule", ["words", "the_times", "an_outage"])
async def test_a_cloud_is_reached_by_the_provider_s_own_client(rule, tmp_path):
    case = SpeechCase(PLUGIN, "speech", Voices(make=WebCloud), tmp_path)
    case.make = WebSpeaker
    await SPEECH.rules[rule].check(case)
