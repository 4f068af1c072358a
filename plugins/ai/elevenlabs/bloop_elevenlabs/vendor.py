"""ElevenLabs' SDK over ``ctx.http``, and its errors in the contract's words.

https://elevenlabs.io/docs/eleven-api/resources/errors: an error's ``detail`` has a ``code``, and
where it is older a ``status``.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from bloop_elevenlabs.config import ElevenLabsConfig
from bloop_sdk import (
    AuthError,
    BloopError,
    BudgetError,
    CallContext,
    ConfigError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from elevenlabs.client import AsyncElevenLabs
    from elevenlabs.core.request_options import RequestOptions

T = TypeVar("T")

OPTIONS: RequestOptions = {"max_retries": 0}
"""The hub's client tries again, and it alone."""
SILENCE = 240.0
"""Seconds until a long text is spoken; no byte comes before."""

QUOTA = frozenset({"quota_exceeded", "insufficient_credits"})
VOICE = frozenset(
    {"voice_not_found", "voice_does_not_exist", "invalid_voice_id", "voice_access_denied"}
)
SETTINGS = frozenset(
    {
        "invalid_output_format",
        "invalid_voice_settings",
        "model_access_denied",
        "model_not_found",
        "output_format_not_allowed",
        "unsupported_model",
    }
)
PERMISSION = frozenset({"missing_permissions"})
PLAN = frozenset({"paid_plan_required", "subscription_required", "detected_unusual_activity"})


def client(ctx: CallContext, config: ElevenLabsConfig) -> AsyncElevenLabs:
    """The SDK's client; what it sends passes the hub's pacer and guard."""
    import httpx
    from elevenlabs.client import AsyncElevenLabs

    from bloop_sdk.bridges.httpx import AsyncTransport

    return AsyncElevenLabs(
        base_url=str(config.base_url).rstrip("/"),
        api_key=config.secret,
        timeout=SILENCE,
        httpx_client=httpx.AsyncClient(transport=AsyncTransport(ctx.http), timeout=SILENCE),
    )


async def asked(call: Awaitable[T], what: str) -> T:
    """What a call of the SDK gives; raises the contract's errors."""
    from elevenlabs.core import ApiError

    try:
        return await call
    except ApiError as err:
        # Its text holds the answer, which may repeat what was to be said: none of it goes on.
        raise _error(err.status_code or 0, err.headers or {}, err.body, what) from None
    except BloopError:
        raise
    except Exception as err:  # noqa: BLE001 - whatever the SDK makes of what is no answer
        raise unread(what, type(err).__name__) from None


def unread(what: str, why: str) -> UnavailableError:
    """What came is no answer."""
    return UnavailableError(
        f"ElevenLabs, {what}: the answer could not be read ({why})",
        cure="it is tried again; if it stays, update bloop-elevenlabs",
    )


def no_voice(voice: str) -> UnsupportedError:
    """There is no such voice."""
    return UnsupportedError(
        f"ElevenLabs has no voice {voice[:60]!r} for this account",
        code="no_voice",
        cure="bloop elevenlabs voices lists them",
    )


def _error(status: int, headers: Mapping[str, str], body: Any, what: str) -> BloopError:
    codes = _codes(body)
    named = ", ".join(sorted(codes))
    told = f"ElevenLabs, {what}: it answered {status}" + (f" ({named})" if named else "")
    if codes & PLAN:
        return PermissionMissingError(
            told, permission="Text to Speech", cure="see what the account's plan allows"
        )
    if status == 402 or codes & QUOTA:
        return BudgetError(
            f"{told}: the account's or the key's credits are used up",
            cure="buy credits or raise the key's limit at elevenlabs.io, or speak with another "
            "plugin's voice: bloop studio voices",
        )
    if codes & PERMISSION:
        return PermissionMissingError(
            told,
            permission="Text to Speech, Voices (read)",
            cure="give the key these permissions at elevenlabs.io, under Developers > API keys",
        )
    if codes & VOICE:
        return UnsupportedError(
            f"{told}: it has no such voice for this account",
            code="no_voice",
            cure="bloop elevenlabs voices lists them",
        )
    if codes & SETTINGS:
        return ConfigError(
            told, cure="correct [plugins.elevenlabs] model, and the settings of its voices"
        )
    return _by_status(status, headers, told)


def _by_status(status: int, headers: Mapping[str, str], told: str) -> BloopError:
    if status == 401:
        return AuthError(told, cure="set api_key to a key of elevenlabs.io that is valid")
    if status == 403:
        return PermissionMissingError(
            told, permission="Text to Speech", cure="see what the account's plan allows"
        )
    if status == 429:
        return RateLimitedError(told, retry_after=_wait(headers))
    if status in {408, 409, 425} or status >= 500 or 200 <= status < 300:
        return UnavailableError(
            told, retry_after=_wait(headers), cure="it is tried again; see status.elevenlabs.io"
        )
    if status in {400, 422}:
        return UnsupportedError(told, cure="leave out of the text what a voice cannot say")
    return FatalError(told, cure="see whether base_url is the address of ElevenLabs' API")


def _codes(body: Any) -> frozenset[str]:
    """What an error is called; of validation errors their kinds, and never what was sent."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    parts = detail if isinstance(detail, list) else [detail]
    found = (
        part.get(key)
        for part in parts
        if isinstance(part, Mapping)
        for key in ("code", "status", "type")
    )
    return frozenset(one for one in found if isinstance(one, str) and _NAME.fullmatch(one))


_NAME = re.compile(r"[a-z][a-z0-9_.]{0,60}")


def _wait(headers: Mapping[str, str]) -> float | None:
    value = {name.lower(): told for name, told in headers.items()}.get("retry-after", "")
    return float(value) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) else None
