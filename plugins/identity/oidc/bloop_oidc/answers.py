"""What comes back from a provider: the browser's parameters and JSON, bounded and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bloop_sdk import AuthError, HostileInputError, HttpClient, Request

MOST_BYTES = 512 * 1024
"""Discovery, keys and tokens are some kilobytes."""

AGAIN = "begin the login again"


class ClientRefusedError(AuthError):
    """A token endpoint does not take the hub for its client: the secret, or how it was shown."""


async def fetch(http: HttpClient, request: Request) -> dict[str, Any]:
    """The JSON object at an address; reading ends where it is too large."""
    body = b""
    async for chunk in http.stream(request):
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return as_object(request.url, body)


async def post(http: HttpClient, request: Request) -> dict[str, Any]:
    """The JSON object that a token endpoint answers; raises AuthError where it refuses."""
    try:
        response = await http.send(request)
    except AuthError as err:
        raise ClientRefusedError(
            err.message, cure="see that the client's secret is right"
        ) from None
    answer = as_object(request.url, response.body)
    if response.status != 200 or "error" in answer:
        # What it says of it is a stranger's text, of which only the standard's word is repeated.
        reason = word(answer.get("error"))
        kind = ClientRefusedError if reason == "invalid_client" else AuthError
        raise kind(f"{request.url} refused the code: {response.status} {reason}", cure=AGAIN)
    return answer


def as_object(url: str, body: bytes) -> dict[str, Any]:
    """A body as a JSON object; raises HostileInputError for what is none, or too large."""
    try:
        answer = json.loads(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise HostileInputError(
            f"{url} answered {len(body)} bytes that are no JSON object of at most {MOST_BYTES}",
            cure="see that the issuer in the settings is right",
        )
    return answer


def word(value: object) -> str:
    """An error code as the standards have them, or nothing."""
    text = value if isinstance(value, str) else ""
    return text if text.replace("_", "").isalnum() and text.isascii() and len(text) < 60 else ""


def code_of(params: Mapping[str, str], issuer: str, *, names_issuer: bool) -> str:
    """The code of a callback (RFC 6749, section 4.1.2); raises AuthError.

    ``iss`` (RFC 9207) is compared before anything else is believed, errors included: another
    issuer's answer is a mix-up. It must be there where the issuer says that it sends it.
    """
    given = params.get("iss")
    if given != issuer and (given is not None or names_issuer):
        raise AuthError("the answer is not of the issuer that was asked", cure=AGAIN)
    if params.get("error") == "access_denied":
        raise AuthError("the login was cancelled there", code="login_cancelled")
    if "error" in params or not params.get("code"):
        reason = word(params.get("error")) or "no code came back"
        raise AuthError(f"the provider refused the login: {reason}", cure=AGAIN)
    return params["code"]


def text_of(value: object, longest: int) -> str | None:
    """A text that may be kept."""
    if not isinstance(value, str) or not value.strip():
        return None
    return " ".join(value.split())[:longest]
