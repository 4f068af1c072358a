"""The one way to Stripe: its SDK over the hub's HTTP, which paces, guards and tries again.

The SDK's own tries are off, and so is its telemetry, which would keep a file in the operator's home
directory. What it raises becomes the contract's errors here and nowhere else.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import stripe

from bloop_sdk import (
    AuthError,
    BloopError,
    CallContext,
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
from bloop_sdk.records import JSONObject
from bloop_stripe.config import StripeConfig

VERSION = "2026-10-28.endive"
"""Of the API: what this plugin was written for, whatever the account's default is."""

PAGE = 100
"""Objects of a list in one answer: Stripe's most."""

# At debug level the SDK would log what is sent and answered, with the buyer's address.
logging.getLogger("stripe").setLevel(logging.WARNING)

_PERMISSION = re.compile(r"'(rak_\w+)'")
_LESS_LEFT = frozenset(
    {"amount_too_large", "charge_already_refunded", "charge_disputed", "refund_disputed_payment"}
)


class ExistsError(FatalError):
    """An object of that id was made before."""

    code = "exists"


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


class Api:
    """Requests with an institution's key."""

    def __init__(self, ctx: CallContext, config: StripeConfig) -> None:
        stripe.enable_telemetry = False
        self._institution = ctx.call.institution
        self._client = stripe.StripeClient(
            config.key,
            stripe_version=VERSION,
            base_addresses={"api": config.base},
            max_network_retries=0,
            http_client=Line(ctx.http),
        )

    def key_of(self, *parts: str) -> str:
        """An idempotency key of Stripe's made of ours: two institutions may share an account."""
        told = "\0".join((self._institution, *parts))
        return f"bloop-{hashlib.sha256(told.encode()).hexdigest()[:40]}"

    async def get(self, path: str, **params: Any) -> JSONObject:
        """An object; raises NotFoundError."""
        return await self._send("get", path, params)

    async def post(self, path: str, params: JSONObject, key: str | None = None) -> JSONObject:
        """Make or change something; the same key (of :meth:`key_of`) does it once."""
        given = {**params, "idempotency_key": key} if key else params
        return await self._send("post", path, given)

    async def delete(self, path: str) -> JSONObject:
        """End something; raises NotFoundError where it has ended already."""
        return await self._send("delete", path, {})

    async def all(self, path: str, **params: Any) -> list[JSONObject]:
        """A whole list."""
        return [one async for one in self.each(path, **params)]

    async def each(self, path: str, **params: Any) -> AsyncGenerator[JSONObject, None]:
        """A list, the newest first, in answers of a hundred objects."""
        after: str | None = None
        while True:
            answer = await self._send(
                "get", path, {**params, "limit": PAGE, "starting_after": after}
            )
            found = answer.get("data")
            if answer.get("object") != "list" or not isinstance(found, list):
                raise UnavailableError(f"GET {path} was answered with no list")
            for one in found:
                yield one
            last = found[-1].get("id") if found else None
            if not answer.get("has_more") or last is None or last == after:
                return
            after = last

    async def _send(self, method: str, path: str, params: Mapping[str, Any]) -> JSONObject:
        what = f"{method.upper()} {path}"
        try:
            response = await self._client.raw_request_async(method, f"/v1/{path}", **params)
        except stripe.APIError as err:
            # Its words are the whole answer, with all that is personal in it.
            raise _unreadable(what, err.http_status) from None
        except stripe.StripeError as err:
            raise _error_of(what, err) from err
        if not isinstance(response.data, dict) or "object" not in response.data:
            raise UnavailableError(f"{what} was answered with no object of Stripe's")
        return response.data


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
