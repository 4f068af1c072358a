"""The ``speech`` provider."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

from bloop_azure_speech import process
from bloop_azure_speech.config import AzureSpeechConfig
from bloop_azure_speech.errors import KEY, no_sound, no_voice, refused
from bloop_azure_speech.ssml import LONGEST, NAME, plain, ssml
from bloop_azure_speech.times import phonemes, words
from bloop_sdk import (
    AuthError,
    CallContext,
    FatalError,
    PermissionMissingError,
    Request,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.providers.ai import Phoneme, Speech, Voice, Word
from bloop_sdk.speech import align, estimated, pieces, runs, trim

RATE = 24000
VERSION = "24khz-1"
"""Its number is raised when the same events would become other words."""
MOST = 200_000
"""Characters of a text: three hours."""

_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")


class AzureVoices:
    """The voices that a Speech resource has in its region."""

    def __init__(self, ctx: CallContext) -> None:
        assert isinstance(ctx.config, AzureSpeechConfig)
        self._ctx = ctx
        self._config = ctx.config

    async def voices(self) -> Sequence[Voice]:
        """The region's voices in Azure's order, previews last; raises AuthError and the like."""
        request = Request(
            url=f"{self._config.address}/cognitiveservices/voices/list",
            headers={"Ocp-Apim-Subscription-Key": self._config.secret},
        )
        try:
            response = await self._ctx.http.send(request)
        except PermissionMissingError:
            raise
        except AuthError as err:
            raise AuthError(err.message, cure=KEY) from err
        if response.status != 200:
            raise FatalError(
                f"Azure's list of voices was answered {response.status}",
                cure="see whether region and base_url are right",
            )
        return _listed(response.json())

    async def synthesize(self, text: str, voice: str, pace: float = 1.0) -> Speech:
        """Speak; times of words and shapes of the mouth are those of Azure's events.

        Raises UnsupportedError for an unknown voice and for what cannot be said, AuthError, and
        RetriableError.
        """
        if NAME.fullmatch(voice) is None:
            raise no_voice(voice)
        if len(text) > MOST:
            raise UnsupportedError(
                f"a text of {len(text)} characters is too long for one call",
                cure=f"give at most {MOST} at once",
            )
        said = plain(text)
        parts = [(a, b) for a, b in pieces(said, LONGEST) if runs(said[a:b])]
        if not parts:
            return estimated(said, RATE, pace)
        request = {
            **self._where(),
            "key": self._config.secret,
            "ssml": [ssml(said[start:end], voice, pace) for start, end in parts],
        }
        told, sound = await process.ask(self._ctx, request)
        if "error" in told:
            raise refused(told["error"], told["details"] or "", voice)
        if not all(part["bytes"] for part in told["parts"]):
            raise no_sound(voice)
        return await self._ctx.run_sync(_speech, said, parts, told["parts"], sound)

    def _where(self) -> dict[str, str]:
        """For the SDK: a region of Azure's own cloud, or else where its WebSocket is."""
        if self._config.base_url is None and self._config.address.endswith(".microsoft.com"):
            return {"region": self._config.region}
        address = self._config.address.replace("http", "ws", 1)
        return {"endpoint": f"{address}/cognitiveservices/websocket/v1"}


def _listed(told: Any) -> list[Voice]:
    if not isinstance(told, list):
        raise UnavailableError("Azure answered with no list of voices", cure="it is tried again")
    found: dict[str, Voice] = {}
    for one in sorted(filter(_usable, told), key=lambda one: one.get("Status") != "GA"):
        id_ = one["ShortName"]
        name = str(one.get("LocalName") or one.get("DisplayName") or id_)
        # Those whose name has a colon are made by large models, which tell of no words.
        found.setdefault(
            id_,
            Voice(
                id=id_,
                name=name,
                language=one["Locale"],
                version=VERSION,
                natural=True,
                metered=True,
                exact=":" not in id_,
            ),
        )
    return list(found.values())


def _usable(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and one.get("Status") != "Deprecated"
        and NAME.fullmatch(str(one.get("ShortName"))) is not None
        and _TAG.fullmatch(str(one.get("Locale"))) is not None
    )


def _speech(
    said: str, parts: Iterable[tuple[int, int]], told: Iterable[dict[str, Any]], sound: bytes
) -> Speech:
    tokens: list[Word] = []
    mouths: list[Phoneme] = []
    exact, at = True, 0
    for (start, end), part in zip(parts, told, strict=True):
        before, seconds = at / 2 / RATE, part["bytes"] / 2 / RATE
        found = words(said[start:end], part["words"])
        exact = exact and bool(found)
        found = found or list(align(said[start:end], [], seconds))
        tokens += [
            dataclasses.replace(_later(one, before), start=start + one.start, end=start + one.end)
            for one in found
        ]
        mouths += [_later(one, before) for one in phonemes(part["visemes"], seconds)]
        at += part["bytes"]
    whole = align(said, tokens, len(sound) / 2 / RATE)
    return trim(Speech(pcm=sound, rate=RATE, words=whole, exact=exact, phonemes=tuple(mouths)))


def _later(one: Any, seconds: float) -> Any:
    return dataclasses.replace(one, begins=one.begins + seconds, ends=one.ends + seconds)
