"""The one way to Notion: notion-client over the hub's HTTP, which paces, retries and counts.

notion-client's own tries are off: it does not know 529, does not retry a search, and cuts a long
Retry-After short. What it raises becomes the contract's errors here and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

from bloop_notion import oauth
from bloop_notion.config import NotionConfig
from bloop_sdk import (
    AuthError,
    BloopError,
    ConnectionContext,
    FatalError,
    MissingRecordError,
    PermissionMissingError,
    RateLimitedError,
    RetriableError,
    UnavailableError,
)
from bloop_sdk.bridges.httpx import AsyncTransport
from bloop_sdk.records import JSONObject

if TYPE_CHECKING:
    from notion_client import AsyncClient

NEWEST = "2026-03-11"
OLDER = "2025-09-03"
PAGE = 100
"""Objects of a list in one answer: Notion's most."""

_READS = re.compile(r"/v1/(search|data_sources/[^/]+/query)\Z")
_PROXY = "Notion does not answer so: see what does in its place, such as a proxy of this network"
_QUIET = logging.getLogger("bloop_notion.client")


class RefusedError(FatalError):
    """Notion took a request for wrong; ``reason`` is its code, ``message`` its words."""

    code = "refused"

    def __init__(self, message: str, *, reason: str, cure: str | None = None) -> None:
        super().__init__(message, cure=cure)
        self.reason = reason


class Api:
    """Requests of one connection; ``now`` is Notion's clock as of the last answer."""

    def __init__(self, ctx: ConnectionContext, config: NotionConfig) -> None:
        self._ctx = ctx
        self._config = config
        self._token = config.token.get_secret_value() if config.token else None
        self._refresh = config.refresh_token.get_secret_value() if config.refresh_token else None
        self._renewing = asyncio.Lock()
        self._client: AsyncClient | None = None
        self._line = _Line(ctx)
        self.version = NEWEST

    @property
    def newest(self) -> bool:
        """Whether the site speaks the newest version of the API."""
        return self.version == NEWEST

    @property
    def now(self) -> datetime | None:
        """Notion's clock, which ours may differ from."""
        return self._line.now

    async def get(self, path: str, **query: Any) -> JSONObject:
        """An object; raises MissingRecordError where there is none for this integration."""
        return await self.send("GET", path, query=query or None)

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: JSONObject | None = None,
        form: Mapping[str, Any] | None = None,
    ) -> JSONObject:
        """One request below ``/v1/`` and the object that it is answered with."""
        given = {"query": query, "body": body, "form_data": form}
        kept = {name: dict(value) for name, value in given.items() if value is not None}
        while True:
            token, version = self._token, self.version
            if token is None:
                raise AuthError(
                    "there is no token for Notion",
                    cure="set token, or log in from the connection's page",
                )
            try:
                return await self._send(method, path, token, kept)
            except AuthError as err:
                if isinstance(err, PermissionMissingError) or self._refresh is None:
                    raise
                await self._renew(token)
            except RefusedError as err:
                if version != NEWEST or "Notion-Version" not in err.message:
                    raise
                self._speak(OLDER)

    async def pages(
        self, method: str, path: str, body: JSONObject | None = None
    ) -> AsyncGenerator[list[JSONObject], None]:
        """A list, in answers of a hundred objects."""
        cursor: str | None = None
        while True:
            asked: JSONObject = {"page_size": PAGE, **({"start_cursor": cursor} if cursor else {})}
            if method == "GET":
                answer = await self.send(method, path, query=asked)
            else:
                answer = await self.send(method, path, body={**(body or {}), **asked})
            found = answer.get("results")
            if answer.get("object") != "list" or not isinstance(found, list):
                raise UnavailableError(f"{path} was answered with no list")
            yield [one for one in found if isinstance(one, dict)]
            following = answer.get("next_cursor")
            if not answer.get("has_more") or not isinstance(following, str):
                return
            if following == cursor:
                raise UnavailableError(f"{path}: the same page of a list came twice")
            cursor = following

    def _speak(self, version: str) -> None:
        self.version = version
        self._client = None

    def _opened(self) -> AsyncClient:
        if self._client is None:
            from notion_client import AsyncClient

            self._client = AsyncClient(
                client=httpx.AsyncClient(transport=self._line, trust_env=False),
                base_url=self._config.base,
                notion_version=self.version,
                logger=_QUIET,
                log_level=logging.CRITICAL,
                retry=False,
            )
        return self._client

    async def _send(
        self, method: str, path: str, token: str, given: dict[str, dict[str, Any]]
    ) -> JSONObject:
        from notion_client.errors import HTTPResponseError, InvalidPathParameterError

        try:
            answer = await self._opened().request(path, method, auth=token, **given)
        except HTTPResponseError as err:
            raise _error_of(method, path, err.status, str(err.code), str(err), err.body) from err
        except InvalidPathParameterError as err:
            raise MissingRecordError(f"{path}: it is no id of Notion's") from err
        except ValueError as err:
            # Half a body or a page of a proxy is no word of Notion: nothing is concluded from it.
            raise UnavailableError(f"{method} {path} was answered with what is not JSON") from err
        if not isinstance(answer, dict) or "object" not in answer:
            raise UnavailableError(f"{method} {path} was answered with no object of Notion's")
        return answer

    async def _renew(self, used: str) -> None:
        """A new token, once for all requests that were under way with the old one."""
        async with self._renewing:
            if self._token != used:
                return
            assert self._refresh is not None
            kept = await oauth.renew(self._ctx.http, self._config, self._refresh)
            await self._ctx.keep_secrets(kept)
            self._token, self._refresh = kept["token"], None
            # A second refusal is final within this run; the next one has the new refresh token.


class _Line(AsyncTransport):
    """The bridge; it marks what only reads, although it is a POST, and notes Notion's clock."""

    def __init__(self, ctx: ConnectionContext) -> None:
        super().__init__(ctx.http)
        self.now: datetime | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, and try again what may be asked twice."""
        if request.method == "POST" and _READS.search(request.url.path):
            request.headers["Idempotency-Key"] = uuid.uuid4().hex
        response = await super().handle_async_request(request)
        with suppress(KeyError, ValueError, TypeError):
            self.now = parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
        return response


def _error_of(method: str, path: str, status: int, code: str, said: str, body: str) -> BloopError:
    """What an answer means to the hub."""
    what = f"{method} {path} was answered {status}"
    reason = f"{what}: {' '.join(said.split())[:300]}"
    if status < 400:
        return FatalError(what, cure=_PROXY, code="redirects")
    if status == 401:
        return AuthError(what, cure="renew the integration's token, or log in again")
    if status == 403:
        return PermissionMissingError(
            what,
            permission=_capability(method, path),
            cure="give the integration this capability, in Notion's settings of integrations",
        )
    if status == 404:
        return MissingRecordError(what, code="record_missing")
    if status == 409:
        return RetriableError(f"{what}: somebody changed it at the same time", cure="try again")
    if status == 429:
        return RateLimitedError(what)
    if status >= 500:
        return UnavailableError(what)
    del body
    return RefusedError(reason, reason=code.rpartition(".")[2])


def _capability(method: str, path: str) -> str:
    """What an integration has to be allowed for a request."""
    if path.startswith("users"):
        return "read user information"
    if method == "GET" or path.endswith("/query") or path == "search":
        return "read content"
    if method == "PATCH" and path.startswith("pages/"):
        return "update content"
    return "update content" if method in {"PATCH", "DELETE"} else "insert content"
