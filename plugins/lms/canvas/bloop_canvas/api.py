"""Canvas's REST API: one credential, renewed where it can be; answers are JSON or an error."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit

from xxhash import xxh3_128_hexdigest

from bloop_canvas import oauth
from bloop_canvas.config import CanvasConfig
from bloop_canvas.paging import Page, ahead, end_all, links_of
from bloop_sdk import (
    AuthError,
    ConnectionContext,
    FatalError,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    Request,
    Response,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject

PER_PAGE = 100
SELF = "/api/v1/users/self"
NO_LIST = "no_such_list"
SENDING_SECONDS = 0.001
"""So long several requests need to be on their way."""

Params = Mapping[str, str | int | list[str]]


class Api:
    """The way to one Canvas with one credential."""

    def __init__(self, ctx: ConnectionContext, config: CanvasConfig) -> None:
        self._ctx = ctx
        self._config = config
        self._token = config.token.get_secret_value() if config.token else ""
        self._renewing = asyncio.Lock()
        self._ahead: dict[str, asyncio.Task[Page]] = {}
        self._behind: dict[str, str] = {}

    async def get(self, path: str, params: Params | None = None) -> JSONObject:
        """One object."""
        response = await self.send(Request(url=self.url(path), params=params or {}))
        answer = read_json(response)
        if not isinstance(answer, dict):
            raise MalformedRecordError(f"{_told(response)} answered a list instead of an object")
        return answer

    async def page(self, path: str, params: Params | None = None) -> Page:
        """The first page of a list; raises UnsupportedError with the code NO_LIST for a 404."""
        asked = self._ahead.pop(_name(path, params), None)
        return await (self._first(path, params) if asked is None else asked)

    def ahead(self, lists: Sequence[tuple[str, Params]], links: Sequence[str] = ()) -> None:
        """Ask for pages of lists before their turn, and for no others any more.

        Those are first pages of ``lists``, what is behind that of the first list, and what
        ``links`` (paths with their queries) led to when the lists were read last: a page counts
        only if the one before it still links to it.
        """
        wanted = {
            _name(path, params): partial(self._first if later else self._opened_list, path, params)
            for later, (path, params) in enumerate(lists)
        }
        addresses = [urljoin(self._config.base, link) for link in links]
        wanted |= {address: partial(self._at, address) for address in addresses}
        for name in self._ahead.keys() - wanted.keys():
            if self._behind.get(name) not in wanted:
                self._ahead.pop(name).cancel()
        self._behind = {name: of for name, of in self._behind.items() if name in self._ahead}
        for name, ask in wanted.items():
            if name not in self._ahead:
                self._ahead[name] = _begun(ask())

    async def _opened_list(self, path: str, params: Params | None) -> Page:
        """Its first page, with those behind it on their way as soon as that has come."""
        page = await self._first(path, params)
        for link in ahead(page):
            if (address := self._pinned(link)) not in self._ahead:
                self._ahead[address] = _begun(self._at(address))
                self._behind[address] = _name(path, params)
        return page

    async def _first(self, path: str, params: Params | None) -> Page:
        query = {"per_page": PER_PAGE, **(params or {})}
        try:
            return _page(await self.send(Request(url=self.url(path), params=query)))
        except MissingRecordError as err:
            # What is hidden in a course, or what this Canvas does not know, has no list at all.
            raise UnsupportedError(err.message, code=NO_LIST) from err

    async def pages(
        self, path: str, params: Params | None = None, *, start: str | None = None
    ) -> AsyncGenerator[Page, None]:
        """The pages of a list, from ``start`` (an earlier page's ``next``) on."""
        first = await (self._at(start) if start else self.page(path, params))
        async with aclosing(self.follow(first)) as following:
            async for page in following:
                yield page

    async def follow(self, page: Page) -> AsyncGenerator[Page, None]:
        """A page and those behind it; several are asked for at once where Canvas tells the last."""
        asked: dict[str, asyncio.Task[Page]] = {}
        guess = True
        try:
            while True:
                fresh = not asked
                for link in ahead(page) if guess else ():
                    address = self._pinned(link)
                    if address not in asked:
                        asked[address] = self._asked(address)
                if fresh and asked:
                    # Making this page's records gives no way to others, and takes as long as they.
                    await asyncio.sleep(SENDING_SECONDS)
                yield page
                if page.next is None:
                    return
                address = self._pinned(page.next)
                guess = guess and (not asked or address in asked)
                page = await (asked.pop(address) if address in asked else self._asked(address))
                if not guess:  # They were wrong from here on: its own links lead further.
                    await end_all(asked.values())
                    asked = {}
        finally:
            await end_all(asked.values())

    def _asked(self, address: str) -> asyncio.Task[Page]:
        """A page that is on its way."""
        return self._ahead.pop(address, None) or _begun(self._at(address))

    async def send(self, request: Request) -> Response:
        """Any request, as the credential; raises the contract's errors, MissingRecordError for 404.

        Canvas says 401 for what a token may not do, too. So one that a 401 comes with is asked
        who it is: a valid one lacks a permission.
        """
        token = self._token
        try:
            response = await self._ctx.http.send(self._signed(request))
        except PermissionMissingError:
            raise
        except AuthError as err:
            await self._renew(request, token, err)
            try:
                response = await self._ctx.http.send(self._signed(request))
            except PermissionMissingError:
                raise
            except AuthError as again:
                raise await self._judged(request, again) from again
        return _usable(response)

    async def stream(self, url: str) -> AsyncIterator[bytes]:
        """The bytes at a file's address, which its own verifier opens."""
        token, request = self._token, self._opened(url, {})
        try:
            async for chunk in self._ctx.http.stream(request):
                yield chunk
        except PermissionMissingError:
            raise
        except AuthError as err:
            await self._renew(request, token, err)
            async for chunk in self._ctx.http.stream(self._opened(url, {})):
                yield chunk

    async def piece(self, url: str, span: str) -> Response:
        """A part of a file; the status is the caller's to read."""
        return await self._ctx.http.send(self._opened(url, {"Range": span}))

    def url(self, path: str) -> str:
        """The whole address of a path."""
        return f"{self._config.base}{path if path.startswith('/api/') else '/api/v1/' + path}"

    async def _at(self, link: str) -> Page:
        return _page(await self.send(Request(url=self._pinned(link))))

    def _pinned(self, link: str) -> str:
        """A next link on this Canvas: the token goes nowhere else, and never from https to http."""
        here, there = urlsplit(self._config.base), urlsplit(urljoin(self._config.base, link))
        if (there.hostname or "").lower() != (here.hostname or "").lower():
            raise FatalError(
                f"{self._config.base}: a list goes on at another host, {there.hostname}",
                cure="if that is the Canvas's own address, set it as base_url of the connection",
                code="address_refused",
            )
        # A proxy in front may make Canvas believe that it is reached by http, or on another port.
        return there._replace(scheme=here.scheme, netloc=here.netloc).geturl()

    def _opened(self, url: str, headers: Mapping[str, str]) -> Request:
        """A request for bytes: the token is for Canvas alone, other hosts have their own keys."""
        request = Request(url=url, headers=headers)
        here, there = urlsplit(self._config.base), urlsplit(url)
        return self._signed(request) if there[:2] == here[:2] else request

    def _signed(self, request: Request) -> Request:
        if not self._token:
            raise AuthError(
                "this connection has no access token",
                cure="set token, or log in to Canvas from the connection's page",
            )
        headers = {"Accept": "application/json", **request.headers}
        headers["Authorization"] = f"Bearer {self._token}"
        return dataclasses.replace(request, headers=headers)

    async def _renew(self, request: Request, refused: str, err: AuthError) -> None:
        """Get another token than the refused one; raises what the 401 means where there is none.

        A renewal ends the token that other processes hold, and Canvas charges it dearly: a missing
        permission is told from it first.
        """
        async with self._renewing:
            if self._token != refused:
                return
            meaning = await self._judged(request, err)
            kept = self._config.refresh_token
            if kept is None or isinstance(meaning, PermissionMissingError):
                raise meaning from err
            token = await oauth.renew(self._ctx.http, self._config, kept.get_secret_value())
            await self._ctx.keep_secrets({"token": token})
            self._token = token

    async def _judged(self, request: Request, err: AuthError) -> AuthError:
        """What a 401 means."""
        path = urlsplit(request.url).path
        if path != SELF:
            try:
                await self._ctx.http.send(self._signed(Request(url=self.url(SELF))))
            except AuthError:
                pass
            else:
                return PermissionMissingError(
                    f"{request.method} {path} was answered 401, and the token is valid",
                    permission=f"{request.method} {path}",
                    cure="let somebody connect who may do this in Canvas",
                )
        return type(err)(
            err.message,
            cure="make a new access token in Canvas under Account > Settings, or log in again",
        )


def _name(path: str, params: Params | None) -> str:
    return f"{path} {sorted((params or {}).items())}"


def _begun(asking: Coroutine[Any, Any, Page]) -> asyncio.Task[Page]:
    task = asyncio.create_task(asking)
    task.add_done_callback(_heard)  # Its list may never be read.
    return task


def _heard(task: asyncio.Task[Page]) -> None:
    if not task.cancelled():
        task.exception()


def read_json(response: Response) -> Any:
    """The JSON of an answer; a page of HTML is a login page, or Canvas in maintenance."""
    try:
        return response.json()
    except MalformedRecordError as err:
        path = urlsplit(response.url).path
        if path.startswith("/login"):
            raise AuthError(
                f"{_told(response)} is a login page: Canvas did not take the token",
                cure="see that base_url is the address of Canvas itself, and renew the token",
            ) from err
        # Half a body or a page of a proxy is no word of Canvas: nothing is concluded from it.
        raise UnavailableError(f"{_told(response)} answered what is not JSON") from err


def _page(response: Response) -> Page:
    answer = read_json(response)
    if not isinstance(answer, list):
        raise MalformedRecordError(f"{_told(response)} answered no list")
    links = links_of(response.headers.get("link", ""))
    return Page(
        [one if isinstance(one, dict) else {"id": None, "found": one} for one in answer],
        links.get("next"),
        links.get("last"),
        response.headers.get("date"),
        xxh3_128_hexdigest(response.body),
    )


def _usable(response: Response) -> Response:
    if response.status < 300:
        return response
    what = f"{_told(response)} was answered {response.status}"
    if response.status in {404, 410}:
        raise MissingRecordError(f"{what}{_reason(response)}")
    raise UnsupportedError(f"{what}{_reason(response)}")


def _reason(response: Response) -> str:
    """What Canvas says of it, in short."""
    try:
        answer = response.json()
    except MalformedRecordError:
        return ""
    told = answer if isinstance(answer, dict) else {}
    errors = told.get("errors") or told.get("message") or told.get("error")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        errors = errors[0].get("message")
    return f": {errors[:200]}" if isinstance(errors, str) else ""


def _told(response: Response) -> str:
    parts = urlsplit(response.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
