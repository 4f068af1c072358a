"""The ``speech`` provider."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bloop_elevenlabs import vendor
from bloop_elevenlabs.config import ElevenLabsConfig
from bloop_elevenlabs.texts import LONGEST, plain
from bloop_elevenlabs.voices import ID, listed
from bloop_sdk import CallContext, UnsupportedError
from bloop_sdk.providers.ai import Speech, Voice, Word
from bloop_sdk.speech import align, estimated, located, pieces, runs, trim

if TYPE_CHECKING:
    from elevenlabs import AudioWithTimestampsResponse
    from elevenlabs import Voice as Theirs
    from elevenlabs.client import AsyncElevenLabs

RATE = 24000
FORMAT = "pcm_24000"
SLOWEST, FASTEST = 0.7, 1.2
"""What ElevenLabs speaks at; other paces are made of these."""
READING = 1
"""Raised when the same answer would become other sound or other words."""
MOST = 200_000
"""Characters of a text: three hours."""


class ElevenLabsVoices:
    """The voices of an institution's account."""

    def __init__(self, ctx: CallContext) -> None:
        assert isinstance(ctx.config, ElevenLabsConfig)
        self._ctx = ctx
        self._config = ctx.config

    async def voices(self) -> Sequence[Voice]:
        """The account's voices, each for every language that it is verified for.

        Raises AuthError, PermissionMissingError and what else ElevenLabs may answer.
        """
        return await vendor.asked(self._listed(), "list of voices")

    async def synthesize(self, text: str, voice: str, pace: float = 1.0) -> Speech:
        """Speak; times are those that ElevenLabs tells of each character.

        Raises UnsupportedError for an unknown voice and for what cannot be said, BudgetError where
        the account's credits are used up, AuthError, and RetriableError.
        """
        known = ID.fullmatch(voice)
        if known is None:
            raise vendor.no_voice(voice)
        if len(text) > MOST:
            raise UnsupportedError(
                f"a text of {len(text)} characters is too long for one call",
                cure=f"give at most {MOST} at once",
            )
        said = plain(text)
        if not runs(said):
            return estimated(said, RATE, pace)
        client = vendor.client(self._ctx, self._config)
        speed = min(max(pace, SLOWEST), FASTEST)
        parts = _Parts()
        for start, end in pieces(said, LONGEST):
            if runs(said[start:end]):
                answer = await self._said(client, said[start:end], known, speed)
                await self._ctx.run_sync(parts.add, said[start:end], start, answer)
        return await self._ctx.run_sync(parts.speech, said, pace / speed)

    async def _listed(self) -> list[Voice]:
        client = vendor.client(self._ctx, self._config)
        found: list[Theirs] = []
        token: str | None = None
        while True:
            page = await client.voices.search(
                page_size=100,
                next_page_token=token,
                include_total_count=False,
                request_options=vendor.OPTIONS,
            )
            found += page.voices
            token = page.next_page_token
            if not page.has_more or not token:
                return listed(found, self._config.model, self._version())

    async def _said(
        self, client: AsyncElevenLabs, text: str, voice: re.Match[str], speed: float
    ) -> AudioWithTimestampsResponse:
        from elevenlabs import VoiceSettings

        more: dict[str, Any] = {}
        if voice["language"] and "multilingual_v2" not in self._config.model:
            more["language_code"] = voice["language"]
        if self._config.zero_retention:
            more["enable_logging"] = False
        return await vendor.asked(
            client.text_to_speech.convert_with_timestamps(
                voice["id"],
                text=text,
                model_id=self._config.model,
                output_format=FORMAT,
                voice_settings=VoiceSettings(**self._settings(), speed=speed),
                seed=self._config.seed,
                request_options=vendor.OPTIONS,
                **more,
            ),
            "speech",
        )

    def _settings(self) -> dict[str, Any]:
        """All of them, so that those kept with the voice change nothing."""
        names = ("stability", "similarity_boost", "style", "use_speaker_boost")
        return {name: getattr(self._config, name) for name in names}

    def _version(self) -> str:
        """What a voice sounds by, other than the text and the pace."""
        parts = [self._settings(), self._config.seed, FORMAT, READING]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return f"{self._config.model}-{digest[:12]}"


class _Parts:
    """What a text's pieces sound like, one behind the other."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._tokens: list[Word] = []
        self._exact = True

    def add(self, said: str, start: int, answer: AudioWithTimestampsResponse) -> None:
        """A piece that begins at ``start``; raises UnavailableError for what is no answer."""
        try:
            sound = base64.b64decode(answer.audio_base_64, validate=True)
        except (AttributeError, TypeError, binascii.Error) as err:
            raise vendor.unread("speech", "no sound") from err
        if not sound:
            raise vendor.unread("speech", "no sound")
        before = len(self._pcm) / 2 / RATE
        self._pcm += sound[: len(sound) // 2 * 2]
        after, told = len(self._pcm) / 2 / RATE, answer.alignment
        times = told and zip(
            told.characters,
            told.character_start_times_seconds,
            told.character_end_times_seconds,
            strict=False,
        )
        found = located(said, times or [])
        if not found:
            self._exact = False
            found = list(align(said, [], after - before))
        self._tokens += [
            Word(
                start=start + one.start,
                end=start + one.end,
                begins=before + one.begins,
                ends=before + one.ends,
            )
            for one in found
        ]

    def speech(self, said: str, factor: float) -> Speech:
        """The whole, ``factor`` times as fast."""
        pcm, faster = bytes(self._pcm), 1.0
        if abs(factor - 1) > 0.001 and pcm:
            from bloop_elevenlabs.sound import at_pace

            pcm = at_pace(pcm, RATE, factor)
            faster = len(self._pcm) / len(pcm)
        moved = [
            Word(start=one.start, end=one.end, begins=one.begins / faster, ends=one.ends / faster)
            for one in self._tokens
        ]
        words = align(said, moved, len(pcm) / 2 / RATE)
        return trim(Speech(pcm=pcm, rate=RATE, words=words, exact=self._exact))
