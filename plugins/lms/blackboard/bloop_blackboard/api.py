"""Asking Blackboard: one object, or all pages of a list, within what a day allows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, urlsplit

from bloop_blackboard.config import BlackboardConfig
from bloop_blackboard.entitlements import needed
from bloop_blackboard.oauth import BASE, Tokens
from bloop_blackboard.wire import document
from bloop_sdk import (
    AuthError,
    ConnectionContext,
    FatalError,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    RateLimitedError,
    Request,
    Response,
    UnavailableError,
)
from bloop_sdk.records import JSONObject

PAGE = 200
"""Rows to ask for at a time; a site may give fewer."""

_STARTS = 5
"""So often a list is begun that changes while it is read."""

_EPOCH = 1_000_000_000.0
"""From here on a number of seconds is a moment and no span."""

Params = Mapping[str, str | int]
Version = tuple[int, int]


class Api:
    """The way to one site."""

    def __init__(self, ctx: ConnectionContext, config: BlackboardConfig) -> None:
        self.site = config.site
        self.tokens = Tokens(ctx, config)
        self._http = ctx.http
        self._log = ctx.log
        self._allowance = Allowance()
        self._version: Version | None = None
        self._warned = False

    async def get(self, path: str, params: Params | None = None) -> JSONObject:
        """One object; raises MissingRecordError for 404, MalformedRecordError for the like."""
        response = await self._send(path, params or {})
        answer = document(response)
        if response.status == 200:
            return answer
        said = str(answer.get("message") or f"status {response.status}")
        if response.status == 404:
            raise MissingRecordError(f"{path}: {said}")
        refused = f"{path}: Blackboard answered {response.status}: {said}"
        raise MalformedRecordError(refused, code="record_refused")

    async def pages(
        self, path: str, params: Params | None = None, *, key: str = "id"
    ) -> AsyncIterator[list[JSONObject]]:
        """Every row of a list once, told apart by ``key``, page by page.

        Rows are addressed by their number, so whatever goes away while the list is read moves
        those behind it forward. Each page therefore begins with the last row of the one before;
        where it does not, the list is begun again. No link of an answer is followed: of the next
        page only the number is taken.
        """
        seen: set[str] = set()
        for _ in range(_STARTS):
            offset, last = 0, ""
            while True:
                page = await self.get(path, {**(params or {}), "limit": PAGE, "offset": offset})
                rows = _rows(path, page)
                names = [str(row.get(key)) for row in rows]
                if last and last not in names:
                    break
                fresh = [row for row in rows if key not in row or str(row[key]) not in seen]
                seen.update(names)
                if fresh:
                    yield fresh
                following = _next_offset(path, page, offset + len(rows))
                if following is None:
                    return
                offset, last = (following - 1, names[-1]) if len(rows) > 1 else (following, "")
        raise UnavailableError(f"{path} changes faster than it can be read")

    async def all(
        self, path: str, params: Params | None = None, *, key: str = "id"
    ) -> list[JSONObject]:
        """Every row of a list that is known to be short: one course's."""
        return [row async for page in self.pages(path, params, key=key) for row in page]

    async def version(self) -> Version | None:
        """Major and minor version of the site, None where it does not say."""
        if self._version is None:
            try:
                learn = (await self.get("/v1/system/version")).get("learn")
            except (PermissionMissingError, MissingRecordError, MalformedRecordError):
                return None
            if isinstance(learn, dict) and isinstance(learn.get("major"), int):
                self._version = (learn["major"], int(learn.get("minor") or 0))
        return self._version

    async def has(self, since: Version) -> bool:
        """Whether the site has what came with a version; one that does not say is a new one."""
        version = await self.version()
        return version is None or version >= since

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """A file's bytes, by a path of the API that redirects to them."""
        for last in (False, True):
            token = await self.tokens.current()
            headers = {"Authorization": f"Bearer {token}"}
            request = Request(url=f"{self.site}{BASE}{path}", headers=headers)
            try:
                async for chunk in self._http.stream(request):
                    yield chunk
            except PermissionMissingError:
                raise
            except AuthError:
                if last:
                    raise
                self.tokens.forget(token)
            else:
                return

    def stream_signed(self, url: str) -> AsyncIterator[bytes]:
        """A file's bytes, by an address that holds its own signature."""
        return self._http.stream(Request(url=url))

    def now(self) -> float:
        """The site's own clock, in seconds since 1970, as of its last answer."""
        return self._allowance.now

    async def _send(self, path: str, params: Params) -> Response:
        """Send with a token; one that is refused is renewed once."""
        self._allowance.check()
        for last in (False, True):
            token = await self.tokens.current()
            try:
                response = await self._http.send(
                    Request(
                        url=f"{self.site}{BASE}{path}",
                        params=params,
                        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
                    )
                )
            except PermissionMissingError as err:
                raise needed(path, err) from err
            except AuthError:
                if last:
                    raise
                self.tokens.forget(token)
            except RateLimitedError as err:
                err.retry_after = err.retry_after or self._allowance.wait()
                raise
            else:
                self._allowance.note(response.headers)
                self._warn()
                return response
        raise AssertionError("unreachable")

    def _warn(self) -> None:
        if self._allowance.low and not self._warned:
            self._warned = True
            self._log.warning(
                "blackboard: the day's requests are nearly used up", left=self._allowance.remaining
            )


class Allowance:
    """What is left of the developer group's requests of 24 hours, as the answers tell."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.remaining: int | None = None
        self.now = time.time()
        self._until: float | None = None

    @property
    def low(self) -> bool:
        """Whether a twentieth is left."""
        return (
            self.remaining is not None
            and self.limit is not None
            and self.remaining <= self.limit // 20
        )

    def note(self, headers: Mapping[str, str]) -> None:
        """Keep what an answer says."""
        self.now = _date(headers.get("date", ""))
        self.limit = _whole(headers.get("x-rate-limit-limit"), self.limit)
        self.remaining = _whole(headers.get("x-rate-limit-remaining"), None)
        reset = _whole(headers.get("x-rate-limit-reset"), None)
        if reset is not None:
            # Documented as "the remaining time, in UTC epoch seconds": either may be meant.
            seconds = reset - self.now if reset >= _EPOCH else float(reset)
            self._until = time.monotonic() + max(0.0, seconds)

    def wait(self) -> float | None:
        """Seconds until there are requests again, None where nobody said."""
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def check(self) -> None:
        """Raise RateLimitedError where the last answer said that none is left."""
        wait = self.wait()
        if self.remaining is not None and self.remaining <= 0 and wait:
            raise RateLimitedError(
                "the application has used up its requests of this day",
                retry_after=wait,
                cure="ask Blackboard for a higher rate limit of your production group",
            )


def _rows(path: str, page: JSONObject) -> list[JSONObject]:
    rows = page.get("results")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnavailableError(f"{path} answered without a list of results")
    return rows


def _next_offset(path: str, page: JSONObject, counted: int) -> int | None:
    paging = page.get("paging")
    following = paging.get("nextPage") if isinstance(paging, dict) else None
    if not following:
        return None
    query = parse_qs(urlsplit(str(following)).query)
    offset = int(query["offset"][0]) if query.get("offset", [""])[0].isdigit() else counted
    if offset <= 0:
        raise FatalError(f"{path}: the next page is no later one", code="paging")
    return offset


def _whole(text: str | None, otherwise: int | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else otherwise


def _date(text: str) -> float:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return time.time()
