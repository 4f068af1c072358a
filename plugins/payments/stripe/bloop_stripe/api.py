"""Requests to Stripe with an institution's key, and idempotency keys made of the hub's."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bloop_sdk import CallContext, FatalError, UnavailableError
from bloop_sdk.records import JSONObject
from bloop_stripe.config import StripeConfig

if TYPE_CHECKING:
    from stripe import StripeClient

VERSION = "2026-10-28.endive"
"""Of the API: what this plugin was written for, whatever the account's default is."""

PAGE = 100
"""Objects of a list in one answer: Stripe's most."""


class ExistsError(FatalError):
    """An object of that id was made before."""

    code = "exists"


class Api:
    """Requests with an institution's key."""

    def __init__(self, ctx: CallContext, config: StripeConfig) -> None:
        self._institution = ctx.call.institution
        self._config = config
        self._http = ctx.http

    @cached_property
    def _client(self) -> StripeClient:
        from bloop_stripe import line

        return line.opened(self._config, self._http)

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
        from bloop_stripe import line

        found = await line.sent(self._client, method, path, params)
        if not isinstance(found, dict) or "object" not in found:
            what = f"{method.upper()} {path}"
            raise UnavailableError(f"{what} was answered with no object of Stripe's")
        return found
