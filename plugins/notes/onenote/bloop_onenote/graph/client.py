"""Requests to Graph with a person's token; its refusals in the contract's words.

Statuses and bodies of errors: https://learn.microsoft.com/graph/errors.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bloop_onenote.graph.refusals import AGAIN
from bloop_onenote.graph.tokens import Tokens
from bloop_sdk import (
    AuthError,
    BloopError,
    DeadlineError,
    FatalError,
    HostileInputError,
    HttpClient,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    RateLimitedError,
    Request,
    Response,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject

MOST_BYTES = 64 * 1024 * 1024
"""Of one answer; what is larger is streamed."""
PAUSE_SECONDS = 60.0
"""Of a 429 that says nothing of how long: the shorter of OneNote's windows."""
_TRIES = 3
_PROXY = "Graph does not answer so: see what does in its place, such as a proxy of this network"
_FULL = {
    "": "make room in the account's OneDrive",
    "30102": "the section is full: move pages to another one, or choose another one",
}
"""https://learn.microsoft.com/graph/onenote-error-codes#codes-from-30001-to-39999"""
_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9+/=_-]{1,8000})"')


class GraphError(UnsupportedError):
    """Graph refused what was asked; ``number`` is its own code, such as ``20102``."""

    def __init__(self, message: str, *, number: str) -> None:
        super().__init__(message)
        self.number = number


class FailedError(UnavailableError):
    """Graph answered 500: it has done nothing of what was asked."""


class Graph:
    """The way to one Graph as one person."""

    def __init__(self, http: HttpClient, tokens: Tokens) -> None:
        self._http = http
        self._tokens = tokens

    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> JSONObject:
        """One object; what is no JSON object is no word of Graph."""
        return read_object(await self.send(Request(url=self.url(path), params=dict(params or {}))))

    async def send(self, request: Request) -> Response:
        """Any request; raises MissingRecordError for 404, GraphError for what it refuses.

        A token that Graph takes no more is renewed once, with the claims that it asks for.
        """
        token = await self._tokens.get()
        response = await self._tried(_signed(request, token))
        if response.status == 401:
            claims = claims_of(response.headers)
            token = await self._tokens.get(refused=token, claims=claims)
            response = await self._tried(_signed(request, token))
        return _usable(request, response)

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """The bytes of a resource."""
        request = Request(url=self.url(path))
        token = await self._tokens.get()
        try:
            async for chunk in self._http.stream(_signed(request, token)):
                yield chunk
        except PermissionMissingError:
            raise
        except AuthError:
            token = await self._tokens.get(refused=token)
            async for chunk in self._http.stream(_signed(request, token)):
                yield chunk

    def url(self, path: str) -> str:
        """The whole address of a path."""
        return f"{self._tokens.app.graph_url}/{path}"

    async def _tried(self, request: Request) -> Response:
        """An answer as it came; one that broke off is asked for again where that is harmless."""
        for left in reversed(range(_TRIES)):
            try:
                return await self._whole(request)
            except (UnavailableError, DeadlineError):
                if not left or request.method != "GET":
                    raise
            except RateLimitedError as err:
                if err.retry_after is not None:
                    raise
                raise RateLimitedError(err.message, retry_after=PAUSE_SECONDS) from err
        raise AssertionError("it has returned or raised")

    async def _whole(self, request: Request) -> Response:
        body = bytearray()
        async with self._http.exchange(request) as answer:
            async for chunk in answer.chunks:
                body += chunk
                if len(body) > MOST_BYTES:
                    raise HostileInputError(f"{_told(request)} was answered with too many bytes")
        return Response(
            status=answer.status, headers=answer.headers, body=bytes(body), url=request.url
        )


def read_object(response: Response) -> JSONObject:
    """The JSON object of an answer."""
    try:
        found = response.json()
    except MalformedRecordError as err:
        raise UnavailableError(f"{response.url} answered what is not JSON") from err
    if not isinstance(found, dict):
        raise UnavailableError(f"{response.url} answered no object")
    return found


def rows(found: JSONObject, where: str) -> list[JSONObject]:
    """The ``value`` of a collection; raises UnavailableError where there is none."""
    value = found.get("value")
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise UnavailableError(f"{where} was answered without its list")
    return value


def claims_of(headers: Mapping[str, str]) -> str | None:
    """What a token lacked, as JSON (continuous access evaluation)."""
    found = _CLAIMS.search(headers.get("www-authenticate", ""))
    if found is None:
        return None
    text = found[1].replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _usable(request: Request, response: Response) -> Response:
    if response.status < 300:
        return response
    number, said = _said(response)
    what = f"{_told(request)} was answered {response.status}"
    what = f"{what} ({number}{said})" if number else what
    match response.status:
        case status if status < 400:
            raise FatalError(what, cure=_PROXY, code="redirects")
        case 401:
            raise AuthError(f"{what} with a new token", cure=AGAIN)
        case 403:
            path = urlsplit(request.url).path
            if number.isdigit() and not number.startswith("4"):
                raise GraphError(what, number=number)
            raise PermissionMissingError(
                what,
                permission=f"{request.method} {path}",
                cure="log in as somebody who may read it, and allow the app what it asks for",
            )
        case 404 | 410:
            raise MissingRecordError(what)
        case status if status >= 500:
            raise _failed(status, number, what)
    raise GraphError(what, number=number)


def _failed(status: int, number: str, what: str) -> BloopError:
    if status == 507 and number != "30103":  # That one is of too many requests to the same site.
        return FatalError(what, cure=_FULL.get(number, _FULL[""]), code="quota")
    return FailedError(what) if status == 500 else UnavailableError(what)


def _said(response: Response) -> tuple[str, str]:
    """Graph's code, and its message without what might be somebody's text."""
    try:
        found: Any = response.json()
        error = found["error"]
        number, message = str(error.get("code", "")), str(error.get("message", ""))
    except (MalformedRecordError, KeyError, TypeError, AttributeError):
        return "", ""
    if not re.fullmatch(r"[A-Za-z0-9_.]{1,60}", number):
        return "", ""
    return number, f": {message[:200]}" if number.isdigit() and message.isprintable() else ""


def _signed(request: Request, token: str) -> Request:
    headers = {"Accept": "application/json, */*", **request.headers}
    return dataclasses.replace(request, headers={**headers, "Authorization": f"Bearer {token}"})


def _told(request: Request) -> str:
    parts = urlsplit(request.url)
    return f"{request.method} {parts.scheme}://{parts.netloc}{parts.path}"
