"""Stripe's SDK over the hub's HTTP, and what its errors mean to the hub.

Imported when something is first sent: it brings the SDK along. The SDK's own tries are off, and so
is its telemetry, which would keep a file in the operator's home directory.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import stripe

from bloop_sdk import (
    AuthError,
    BloopError,
    CredentialExpiredError,
    FatalError,
    NotFoundError,
    PermissionMissingError,
    PreconditionFailedError,
    RateLimitedError,
    Request,
    RetriableError,
    UnavailableError,
)
from bloop_sdk.http import HttpClient
from bloop_stripe.api import VERSION, ExistsError
from bloop_stripe.config import StripeConfig

# At debug level the SDK would log what is sent and answered, with the buyer's address.
logging.getLogger("stripe").setLevel(logging.WARNING)

_PERMISSION = re.compile(r"'(rak_\w+)'")
_LESS_LEFT = frozenset(
    {"amount_too_large", "charge_already_refunded", "charge_disputed", "refund_disputed_payment"}
)


class Line(stripe.HTTPClient):
    """Requests of the SDK go out through ``ctx.http``; its errors leave the SDK as they are."""

    name = "bloop"

    def __init__(self, http: HttpClient) -> None:
        super().__init__()
        self._http = http

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send, and read the whole answer."""
        body = post_data.encode() if post_data else None
        request = Request(url=url, method=method.upper(), headers=dict(headers), body=body)
        async with self._http.exchange(request) as answer:
            return b"".join([part async for part in answer.chunks]), answer.status, answer.headers


def opened(config: StripeConfig, http: HttpClient) -> stripe.StripeClient:
    """The SDK's client with an institution's key."""
    stripe.enable_telemetry = False
    return stripe.StripeClient(
        config.key,
        stripe_version=VERSION,
        base_addresses={"api": config.base},
        max_network_retries=0,
        http_client=Line(http),
    )


async def sent(
    client: stripe.StripeClient, method: str, path: str, params: Mapping[str, Any]
) -> object:
    """What a request is answered with; raises the contract's errors."""
    what = f"{method.upper()} {path}"
    try:
        return (await client.raw_request_async(method, f"/v1/{path}", **params)).data
    except stripe.APIError as err:
        # Its words are the whole answer, with all that is personal in it.
        raise _unreadable(what, err.http_status) from None
    except stripe.StripeError as err:
        raise _error_of(what, err) from err


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether Stripe has signed these bytes, at whatever time."""
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret))
    except (stripe.SignatureVerificationError, UnicodeDecodeError, TypeError):
        # What is no text, in body or header, is nothing that Stripe has signed.
        return False


def _unreadable(what: str, status: int | None) -> BloopError:
    if status == 409:
        return RetriableError(f"{what}: the same is being done at this moment", cure="try again")
    return UnavailableError(f"{what} was answered {status or 'with what is no JSON'}")


def _error_of(what: str, err: stripe.StripeError) -> BloopError:
    """What a refusal means to the hub."""
    code, said = err.code or "", " ".join((err.user_message or "").split())
    if isinstance(err, stripe.AuthenticationError):
        expired = "expired" in said.lower()
        kind = CredentialExpiredError if expired else AuthError
        return kind(f"{what}: Stripe refused the API key", cure="set secret_key to a key of yours")
    if isinstance(err, stripe.PermissionError):
        found = _PERMISSION.search(said)
        return PermissionMissingError(
            f"{what}: the restricted key may not do this",
            permission=found[1].removeprefix("rak_") if found else what,
            cure="add the permission to the key, in Stripe's dashboard under Developers > API keys",
        )
    if isinstance(err, stripe.RateLimitError):
        return RateLimitedError(f"{what}: Stripe asked for fewer requests")
    if isinstance(err, stripe.IdempotencyError):
        return PreconditionFailedError(
            f"{what}: the key was used for another request", cure="use a new key"
        )
    if isinstance(err, stripe.CardError):
        return FatalError(f"{what}: the payment was declined ({code})", code="payment_declined")
    if code in _LESS_LEFT:
        return PreconditionFailedError(f"{what}: that much cannot be given back ({code})")
    if code == "resource_already_exists":
        return ExistsError(f"{what}: it exists already")
    if err.http_status == 404 or code == "resource_missing":
        return NotFoundError(f"{what}: Stripe has no such object")
    return FatalError(f"{what} was refused: {said[:300] if '@' not in said else code}")
