"""One provider of voices, what it is asked, and whether the answer is what the contract says."""

from __future__ import annotations

import array
import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

from bloop_sdk.http import HttpClient
from bloop_sdk.providers.ai import Phoneme, Speech, SpeechProvider, Voice, Word
from bloop_sdk.testing.clock import Clock
from bloop_sdk.testing.context import FakeContext, NoHttp
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.suites.case import hosts_of
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase
from bloop_sdk.testing.system import FakeTransport, http_client
from bloop_sdk.testing.voices import Voices

__all__ = ["CALL_SECONDS", "Rig", "SpeechCase", "samples_of", "sane"]

CALL_SECONDS = 100.0
"""Whoever has not answered by then hangs."""


class SpeechCase(ProviderCase[Voices, SpeechProvider]):
    """A provider's class, and what stands for a cloud where it needs one."""

    @contextlib.asynccontextmanager
    async def rig(self) -> AsyncIterator[Rig]:
        """A fresh cloud, which ends with the rule."""
        cloud = self.subject.make(self.folder) if self.subject.make is not None else None
        try:
            yield Rig(self, cloud)
        finally:
            if cloud is not None:
                cloud.close()


class Rig:
    """What makes providers and asks them."""

    def __init__(self, case: SpeechCase, cloud: Any) -> None:
        self.case = case
        self.cloud = cloud
        self.provider = self.another()

    def another(self, **settings: Any) -> SpeechProvider:
        """One more provider."""
        plugin, subject = self.case.plugin, self.case.subject
        theirs = {} if self.cloud is None else self.cloud.settings
        config = plugin.config({**subject.settings, **theirs, **settings})
        http: HttpClient = NoHttp()
        if hasattr(self.cloud, "answer"):
            hosts = hosts_of(plugin.manifest.network.hosts, config) or None
            http = http_client(FakeTransport(self.cloud), Clock(), hosts=hosts)
        ctx = FakeContext(
            plugin_id=plugin.manifest.id,
            config=config,
            data_dir=self.case.folder,
            http=http,
            package=plugin.package,
        )
        return self.case.make(ctx)

    async def voice(self) -> Voice:
        """The voice that the rules speak with."""
        voices = await self.provider.voices()
        wanted = self.case.subject.voice
        for voice in voices:
            if voice.id == wanted or (wanted is None and re.match("en(-|$)", voice.language)):
                return voice
        raise ContractError(f"voices() has no {wanted or 'voice for English: Voices(voice=...)'}")

    async def say(self, text: str, pace: float = 1.0, *, where: str | None = None) -> Speech:
        """What it says, sound; raises ContractError for anything else."""
        where = where or f"synthesize({text[:40]!r})"
        voice = await self.voice()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                speech = await self.provider.synthesize(text, voice.id, pace)
        except TimeoutError as err:
            raise ContractError(f"{where} did not end in {CALL_SECONDS:.0f} s") from err
        except Exception as err:
            raise ContractError(f"{where} raised {type(err).__name__}: {err}") from err
        sane(text, speech, where)
        return speech


def sane(text: str, speech: Speech, where: str) -> None:
    """Raise ContractError unless words, sounds and samples are what the contract says."""
    hold(8000 <= speech.rate <= 96000, f"{where}: a rate of {speech.rate} Hz")
    hold(len(speech.pcm) % 2 == 0, f"{where}: {len(speech.pcm)} bytes are no 16-bit samples")
    _spans(text, speech, where)
    timed: dict[str, Sequence[Word | Phoneme]]
    timed = {"word": speech.words, "phoneme": speech.phonemes}
    for name, found in timed.items():
        last = 0.0
        for number, one in enumerate(found):
            told = f"{where}: {name} {number} from {one.begins:.4f} to {one.ends:.4f} s"
            hold(one.begins >= last - 1e-6, f"{told} begins before {last:.4f}, the last one's end")
            hold(one.ends >= one.begins, f"{told} ends before it begins")
            hold(one.ends <= speech.seconds + 1e-6, f"{told}: there are {speech.seconds:.4f} s")
            last = one.ends
    for phoneme in speech.phonemes:
        hold(phoneme.ipa.strip(), f"{where}: a phoneme without a sign at {phoneme.begins:.3f} s")
        hold(phoneme.viseme in {None, *range(22)}, f"{where}: viseme {phoneme.viseme}")


def _spans(text: str, speech: Speech, where: str) -> None:
    covered, end = [0] * len(text), 0
    for word in speech.words:
        said = text[word.start : word.end]
        hold(
            0 <= word.start < word.end <= len(text) and any(map(str.isalnum, said)),
            f"{where}: text[{word.start}:{word.end}] is no word: {said!r}",
        )
        hold(word.start >= end, f"{where}: {said!r} overlaps the word before it, or comes too late")
        end = word.end
        for at in range(word.start, word.end):
            covered[at] += 1
    missing = [at for at, char in enumerate(text) if char.isalnum() and not covered[at]]
    hold(
        not missing,
        f"{where}: no word covers {[text[at] for at in missing[:20]]} at {missing[:20]}",
    )


def samples_of(speech: Speech) -> array.array[int]:
    """The samples as numbers."""
    samples = array.array("h", speech.pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples
