"""What Azure and its SDK refuse, in the contract's words.

https://learn.microsoft.com/python/api/azure-cognitiveservices-speech/azure.cognitiveservices.speech.cancellationerrorcode
"""

from __future__ import annotations

from bloop_sdk import (
    AuthError,
    BloopError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)

KEY = "set key to one of the Speech resource's, and region to where that is"


def no_voice(voice: str) -> UnsupportedError:
    """There is no such voice."""
    return UnsupportedError(
        f"Azure has no voice {voice[:60]!r} there",
        code="no_voice",
        cure="bloop azure_speech voices lists them",
    )


def no_sound(voice: str) -> UnsupportedError:
    """Azure's answer to a text in a language that the voice does not speak."""
    return UnsupportedError(
        f"Azure Speech gave no sound: {voice[:60]!r} may not speak this text's language",
        cure="choose a voice of the language: bloop azure_speech voices lists them",
    )


def refused(kind: str, details: str, voice: str) -> BloopError:
    """By the kind of a cancellation; ``details`` may repeat the text, and do not go on."""
    told = f"Azure Speech: {kind}"
    if kind == "AuthenticationFailure" and "(403)" not in details:
        return AuthError(f"{told} (401)", cure=KEY)
    if kind in {"AuthenticationFailure", "Forbidden"}:
        return PermissionMissingError(
            f"{told} (403)",
            permission="Cognitive Services Speech User",
            cure="see whether the resource's network rules and quota let the hub in; " + KEY,
        )
    if kind == "TooManyRequests":
        return RateLimitedError(
            f"{told} (429)", cure="it is tried again; a resource of tier S0 allows more than F0"
        )
    if kind == "BadRequest" and "unsupported voice" in details.lower():
        return no_voice(voice)
    if kind == "BadRequest":
        return UnsupportedError(told, cure="leave out of the text what a voice cannot say")
    if "(404)" in details:
        return FatalError(f"{told} (404)", cure="see whether base_url is right; it ends with /tts")
    return UnavailableError(told, cure="it is tried again; see status.azure.com")
