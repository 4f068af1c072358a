"""The ``speech`` provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bloop_espeak import process
from bloop_espeak.config import EspeakConfig
from bloop_espeak.times import times
from bloop_espeak.voices import of_library
from bloop_sdk import PluginContext, UnavailableError, UnsupportedError
from bloop_sdk.providers.ai import Speech, Voice
from bloop_sdk.speech import estimated, runs, sayable, trim

LONGEST = 50_000
"""Characters of a text: an hour, whose sound takes 160 MB."""

_known: dict[str, dict[str, tuple[str, Voice]]] = {}
"""The voices of each library: to ask for them takes a process."""


class EspeakVoices:
    """Voices of eSpeak NG; each call has a process of its own."""

    def __init__(self, ctx: PluginContext) -> None:
        assert isinstance(ctx.config, EspeakConfig)
        self._ctx = ctx
        self._config = ctx.config

    async def voices(self) -> Sequence[Voice]:
        """All its languages, each with a second voice; English first."""
        return [voice for _, voice in (await self._voices()).values()]

    async def synthesize(self, text: str, voice: str, pace: float = 1.0) -> Speech:
        """Speak; the times of words and sounds are those of the library's events.

        Raises UnsupportedError for a voice that there is not and for a text that is too long,
        ConfigError where the library is missing, UnavailableError where it is another version than
        the voices were listed of: list them again.
        """
        found = (await self._voices()).get(voice)
        if found is None:
            raise UnsupportedError(
                f"eSpeak NG has no voice {voice!r}", cure="bloop espeak voices lists them"
            )
        if len(text) > LONGEST:
            raise UnsupportedError(
                f"a text of {len(text)} characters is too long for one call",
                cure=f"give at most {LONGEST} at once",
            )
        plain = sayable(text)
        request = {
            "library": self._config.library,
            "voice": found[0],
            "text": plain,
            "runs": runs(plain),
            "words_per_minute": round(self._config.words_per_minute * pace),
        }
        told, sound = await process.ask(self._ctx, request)
        if not found[1].version.startswith(f"{told['version']}."):
            _known.pop(self._config.library, None)
            # What is said would be kept as what the other version says.
            raise UnavailableError(
                f"eSpeak NG was replaced by version {told['version']}", cure="it is tried again"
            )
        return await self._ctx.run_sync(_speech, plain, told, sound, pace)

    async def _voices(self) -> dict[str, tuple[str, Voice]]:
        library = self._config.library
        if library not in _known:
            told, _ = await process.ask(self._ctx, {"library": library})
            _known[library] = of_library(told)
        return _known[library]


def _speech(text: str, told: Mapping[str, Any], sound: bytes, pace: float) -> Speech:
    rate = told["rate"]
    found = times(text, told["events"], told["sounds"], rate, len(sound) // 2)
    if not found.phonemes:
        return estimated(text, rate, pace)
    return trim(
        Speech(pcm=sound, rate=rate, words=found.words, exact=True, phonemes=found.phonemes)
    )
