"""Record what a plugin and a system say to each other, without secrets, and play it back.

A cassette is JSON: ``{"version": 1, "exchanges": [{"request": {...}, "response": {...}}]}``.
Both stand in for the network below the client, so that pacing, retries and errors are the real
ones in a replay too.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

from bloop_sdk._http.urls import told
from bloop_sdk._http.wire import Transport, prepare
from bloop_sdk._masking import MASK, is_private, mask_text
from bloop_sdk.errors import FatalError
from bloop_sdk.http import Answer, Request

VERSION = 1
# Words that hide a credential in a query or form, though not in any log field.
_CREDENTIALS = frozenset(
    {"auth", "code", "key", "privatetoken", "sesskey", "sig", "signature", "state"}
    | {"userprivateaccesskey", "wstoken"}
)
# Of a response these change the reading; the rest is the server's own business.
_KEPT_HEADERS = frozenset(
    {"content-type", "link", "location", "retry-after", "date", "etag", "last-modified"}
)
_RATE_HEADERS = ("x-rate", "x-request-cost", "ratelimit")


class Recorder:
    """A transport that remembers every exchange of another one; :meth:`save` writes them.

    ``secrets`` are blanked wherever they stand, besides what looks like one.
    """

    def __init__(self, transport: Transport, path: Path, secrets: Iterable[str] = ()) -> None:
        self._transport = transport
        self._path = path
        self._secrets = _longest_first(secrets)
        self._exchanges: list[dict[str, Any]] = []

    @contextlib.asynccontextmanager
    async def open(self, request: Request, *, total: float, idle: float) -> AsyncIterator[Answer]:
        """As :meth:`Transport.open`; an answer is kept once it has been read to its end."""

        async def kept(answer: Answer) -> AsyncIterator[bytes]:
            body = bytearray()
            async for chunk in answer.chunks:
                body += chunk
                yield chunk
            exchange = {"request": _request(request), "response": _response(answer, bytes(body))}
            self._exchanges.append(_blanked(exchange, self._secrets))

        async with self._transport.open(request, total=total, idle=idle) as answer:
            yield Answer(answer.status, answer.headers, kept(answer))

    async def close(self) -> None:
        """Write the cassette, and close the transport."""
        self.save()
        await self._transport.close()

    def save(self) -> None:
        """Write the cassette."""
        cassette = {"version": VERSION, "exchanges": self._exchanges}
        text = json.dumps(cassette, indent=1, ensure_ascii=False, sort_keys=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(f"{text}\n", "utf-8")


class Replay:
    """A transport that answers from a cassette, never from the network.

    The same request again gets the next recorded answer, and the last one once they run out.
    ``secrets`` are those of the requests that come: they need not be the recorded ones.
    """

    def __init__(self, path: Path, secrets: Iterable[str] = ()) -> None:
        self._secrets = _longest_first(secrets)
        cassette = json.loads(path.read_text("utf-8"))
        if cassette.get("version") != VERSION:
            raise FatalError(f"{path}: no cassette of version {VERSION}", cure="record it again")
        self._path = path
        self._answers: dict[str, list[Mapping[str, Any]]] = {}
        for exchange in cassette["exchanges"]:
            self._answers.setdefault(_key(exchange["request"]), []).append(exchange["response"])

    @contextlib.asynccontextmanager
    async def open(
        self,
        request: Request,
        *,
        total: float,  # noqa: ARG002 - a recording takes no time
        idle: float,  # noqa: ARG002
    ) -> AsyncIterator[Answer]:
        """As :meth:`Transport.open`, without waiting for anything."""
        answers = self._answers.get(_key(_blanked(_request(request), self._secrets)))
        if not answers:
            raise FatalError(
                f"{told(request)} is not in {self._path.name}",
                cure="record it again",
                code="not_recorded",
            )
        response = answers.pop(0) if len(answers) > 1 else answers[0]

        async def chunks() -> AsyncIterator[bytes]:
            yield _body(response)

        yield Answer(response["status"], response["headers"], chunks())

    async def close(self) -> None:
        """Nothing is open."""


def _longest_first(secrets: Iterable[str]) -> list[str]:
    """Each secret as it is and as URLs write it; a part of a longer one comes after it."""
    forms = {form for one in secrets if one for form in (one, quote(one, safe=""), quote_plus(one))}
    return sorted(forms, key=len, reverse=True)


def _blanked(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {name: _blanked(part, secrets) for name, part in value.items()}
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
    return value


def _key(request: Mapping[str, Any]) -> str:
    return json.dumps([request["method"], request["url"], request["body"]])


def _request(request: Request) -> dict[str, Any]:
    url, headers, body = prepare(request)
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return {
        "method": request.method,
        "url": parts._replace(netloc=host, query=_form(parts.query)).geturl(),
        "body": _text(body or b"", kind),
    }


def _response(answer: Answer, body: bytes) -> dict[str, Any]:
    headers = {
        name: mask_text(_links(value))
        for name, value in answer.headers.items()
        if name in _KEPT_HEADERS or name.startswith(_RATE_HEADERS)
    }
    text = _text(body, answer.headers.get("content-type", ""))
    response: dict[str, Any] = {"status": answer.status, "headers": headers}
    if isinstance(text, bytes):
        response["base64"] = base64.b64encode(text).decode()
    else:
        response["body"] = text
    return response


def _body(response: Mapping[str, Any]) -> bytes:
    if "base64" in response:
        return base64.b64decode(response["base64"])
    return str(response["body"]).encode()


def _text(body: bytes, kind: str) -> Any:
    """A body as text without secrets; bytes that are no text stay as they are."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return body
    if "json" in kind:
        with contextlib.suppress(ValueError):
            return json.dumps(_scrubbed(json.loads(text)), ensure_ascii=False)
    if "x-www-form-urlencoded" in kind:
        return _form(text)
    return mask_text(text, len(text))


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: MASK if _hides(key) and isinstance(part, str) and part else _scrubbed(part)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_scrubbed(part) for part in value]
    return _masked(value) if isinstance(value, str) else value


def _masked(text: str) -> str:
    """A text without secrets; JSON within JSON, as Moodle has it, by its keys as well."""
    if text.startswith(("{", "[")):
        with contextlib.suppress(ValueError):
            inner = json.loads(text)
            if (scrubbed := _scrubbed(inner)) != inner:
                return json.dumps(scrubbed, ensure_ascii=False)
    return mask_text(text, len(text))


def _form(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, MASK if _hides(name) else value) for name, value in pairs], safe="*")


def _links(value: str) -> str:
    """A Link or Location header with the queries of its URLs scrubbed."""
    parts = value.replace("<", "<\0").split("\0")
    cleaned = []
    for part in parts:
        url, end, rest = part.partition(">") if len(parts) > 1 else (part, "", "")
        before, mark, query = url.partition("?")
        cleaned.append(f"{before}{mark}{_form(query) if mark else ''}{end}{rest}")
    return "".join(cleaned)


def _hides(name: str) -> bool:
    return name.lower() in _CREDENTIALS or is_private(name)
