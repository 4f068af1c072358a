"""The ``speech`` provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bloop_piper import process
from bloop_piper.config import PiperConfig
from bloop_piper.models import Installed, installed
from bloop_piper.pieces import Piece, pieces
from bloop_piper.times import Track
from bloop_sdk import PluginContext, UnsupportedError
from bloop_sdk.providers.ai import Speech, Voice
from bloop_sdk.speech import estimated, runs, sayable, trim

LONGEST = 50_000
"""Characters of a text: an hour, whose sound takes 160 MB."""


class PiperVoices:
    """The voices that are installed, which a process of their own speaks with."""

    def __init__(self, ctx: PluginContext) -> None:
        assert isinstance(ctx.config, PiperConfig)
        self._ctx = ctx
        self._config = ctx.config
        self._found: dict[str, Installed] | None = None

    async def voices(self) -> Sequence[Voice]:
        """Those of the folder and those of wheels; English first."""
        return [one.voice for one in (await self._voices()).values()]

    async def synthesize(self, text: str, voice: str, pace: float = 1.0) -> Speech:
        """Speak, sentence by sentence; the times are those by which the model speaks.

        Raises UnsupportedError for a voice that there is not and for a text that is too long,
        UnavailableError where the process that speaks ends, and DeadlineError.
        """
        found = (await self._voices()).get(voice)
        if found is None:
            raise UnsupportedError(
                f"Piper has no voice {voice!r} here",
                cure="bloop piper voices lists them; more go to [plugins.piper] voices_dir",
            )
        if len(text) > LONGEST:
            raise UnsupportedError(
                f"a text of {len(text)} characters is too long for one call",
                cure=f"give at most {LONGEST} at once",
            )
        call = _Call(self._config, found, sayable(text), pace)
        try:
            return await self._ctx.run_sync(call.speak)
        finally:
            call.wanted = False

    async def _voices(self) -> dict[str, Installed]:
        if self._found is None:
            self._found = await self._ctx.run_sync(installed, self._config, self._ctx.log)
        return self._found


class _Call:
    """One text, piece by piece, so that calls at once take turns."""

    def __init__(self, config: PiperConfig, found: Installed, text: str, pace: float) -> None:
        self.wanted = True
        self._config = config
        self._found = found
        self._text = text
        self._pace = pace

    def speak(self) -> Speech:
        """All of it; cut short where nobody wants it any more."""
        spans = runs(self._text)
        track = Track(self._text)
        worker = process.worker(self._config)
        pause = False
        for piece in pieces(self._text) if spans else ():
            if not self.wanted:
                break
            told, sound = worker.ask(self._request(piece, track.spans_in(piece)))
            if pause and sound:
                track.silence(self._config.sentence_pause / self._pace)
            track.add(piece, told, sound)
            pause = piece.whole
        if not track.said:
            return estimated(self._text, track.rate, self._pace)
        return trim(track.speech())

    def _request(self, piece: Piece, spans: Sequence[tuple[int, int]]) -> Mapping[str, Any]:
        # Piper takes what stands in double brackets for phonemes.
        text = self._text.replace("[[", "((").replace("]]", "))")
        return {
            "model": str(self._found.model),
            "version": self._found.voice.version,
            "speaker": self._found.speaker,
            "text": text[piece.start : piece.end],
            "words": [text[start:end] for start, end in spans],
            "pace": self._pace,
            "pause_seconds": self._config.sentence_pause / self._pace,
            "noise_scale": self._config.noise_scale,
            "noise_w_scale": self._config.noise_w_scale,
        }
