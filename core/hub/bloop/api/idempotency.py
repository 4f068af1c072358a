"""Requests with an ``Idempotency-Key``: one effect however often they are sent, and one answer.

The header is that of draft-ietf-httpapi-idempotency-key-header, the rules are Stripe's
(https://docs.stripe.com/api/idempotent_requests): `bloop.store.idempotency` keeps key and effect
together, here the answer is kept and given again. See ``docs/api.md``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from bloop.accounts.access import HubParts, Route
from bloop.api.fingerprints import Fingerprint
from bloop.api.security import Head
from bloop.jobs.owners import is_dead, this_process
from bloop.store import idempotency
from bloop.store.database import Database
from bloop.store.errors import InvalidError
from bloop.store.idempotency import KEY, IdempotencyError, KeyedCall, KeyState, RequestKey
from bloop.store.statements import parsed
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call, PrincipalKind

Run = Callable[[Route, Scope, Receive, Send], Awaitable[None]]

HEADER = "Idempotency-Key"
REPLAYED = "idempotent-replayed"
KEY_LENGTH = 255
KEPT_BYTES = 1024 * 1024
"""The longest answer that is kept."""
KEPT_HEADERS = frozenset(
    {
        "content-disposition",
        "content-language",
        "content-type",
        "etag",
        "last-modified",
        "link",
        "location",
    }
)
WAIT_SECONDS = 2.0
"""How long a request waits for its twin."""
LOOK_SECONDS = 0.05
ANSWER_SECONDS = 60.0
"""After so long nobody is thought to be at work on a request in another process."""

log = get_logger("bloop.api")


class Idempotency:
    """Answers the requests of this process that carry a key."""

    def __init__(self) -> None:
        self._answering: Counter[str] = Counter()

    async def answer(
        self, route: Route, scope: Scope, receive: Receive, send: Send, head: Head, run: Run
    ) -> None:
        """Give the answer that was kept under the request's key, or ``run`` it and keep that."""
        call: Call = scope["bloop.call"]
        id_ = _digest(call, scope, _key(call, head))
        if route.permit is not None:
            await route.permit(Request(scope))
        print_ = Fingerprint(scope, head.text(b"content-type") or "", receive)
        receive = print_.receive if route.upload else await print_.buffer()
        hub: HubParts = scope["bloop.hub"]
        if await hub.database.read_one(KEY, call, id=id_) is None:
            key = RequestKey(id_, print_.hex, this_process())
            keyed = KeyedCall(call.principal, call.institution, call.trace, key)
            scope["bloop.call"] = keyed
            if await self._run(route, scope, receive, send, run):
                return
        await print_.drain()
        response = await self._kept(hub, call, id_, print_.hex())
        await response(scope, receive, send)

    async def _run(
        self, route: Route, scope: Scope, receive: Receive, send: Send, run: Run
    ) -> bool:
        """Run a request and keep its answer; gives False where another one has its key."""
        keyed: KeyedCall = scope["bloop.call"]
        key, held = keyed.key, _Held(send)
        self._answering[key.id] += 1
        try:
            await run(route, scope, receive, held.send)
            key.closed = True
            if key.committed:
                await _keep(scope["bloop.hub"], keyed, held)
        except Exception:
            # A plugin may have wrapped what the claim raised.
            if not key.taken:
                raise
        finally:
            self._answering -= Counter([key.id])
        if key.taken and not held.passing:
            return False
        await held.release()
        return True

    async def _kept(self, hub: HubParts, call: Call, id_: str, fingerprint: str) -> Response:
        """The answer under a key, waiting a little for it; raises IdempotencyError without one."""
        end, is_sure = asyncio.get_running_loop().time() + WAIT_SECONDS, False
        while True:
            row = await hub.database.read_one(KEY, call, id=id_)
            found = KEY.as_dict(row) if row else None
            if found and found["fingerprint"] != fingerprint:
                raise IdempotencyError(
                    f"this {HEADER} was used for another request",
                    code="idempotency_conflict",
                    cure="use a new key for each request, the same one only to repeat it",
                )
            if found and found["state"] == KeyState.ANSWERED:
                return _replayed(found)
            if found and found["state"] == KeyState.WITHHELD:
                raise IdempotencyError(
                    "the request had its effect before; its answer is not kept, for it held "
                    "a secret, was a page or too long",
                    code="idempotency_answer_withheld",
                    cure="read what it changed; for a new secret send a new request",
                )
            if found and self._is_lost(id_, found):
                if not is_sure:
                    # Since the row was read, the answer may have been kept and its request ended.
                    is_sure = True
                    continue
                raise IdempotencyError(
                    "the request had its effect before, and its answer was lost",
                    code="idempotency_answer_lost",
                    cure="read what it was to change; do not send it under a new key before",
                )
            if asyncio.get_running_loop().time() >= end:
                raise idempotency.in_progress()
            await asyncio.sleep(LOOK_SECONDS)

    def _is_lost(self, id_: str, found: dict[str, Any]) -> bool:
        """Whether nobody will add the answer any more."""
        if found["owner"] == this_process():
            return id_ not in self._answering
        age = datetime.now(UTC) - datetime.fromisoformat(found["created_at"])
        return age > timedelta(seconds=ANSWER_SECONDS) or is_dead(found["owner"])


class _Held:
    """An answer on its way, held back until it is whole or too long to be kept."""

    def __init__(self, send: Send) -> None:
        self.passing = False
        self._send = send
        self._messages: list[Message] = []
        self._size = 0

    async def send(self, message: Message) -> None:
        """Take the next message of the answer."""
        self._messages.append(message)
        self._size += len(message.get("body", b""))
        known = message["type"] in {"http.response.start", "http.response.body"}
        if self.passing or not known or self._size > KEPT_BYTES:
            self.passing = True
            await self.release()

    async def release(self) -> None:
        """Send what was held back."""
        messages, self._messages = self._messages, []
        for message in messages:
            await self._send(message)

    @property
    def status(self) -> int:
        """The answer's status, as long as it is held back."""
        return int(self._messages[0]["status"]) if self._messages else 500

    @property
    def body(self) -> bytes:
        """The answer's body, as long as it is held back."""
        return b"".join(message.get("body", b"") for message in self._messages[1:])

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The answer's headers, names in lower case."""
        given = self._messages[0]["headers"] if self._messages else ()
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in given]


async def _keep(hub: HubParts, call: KeyedCall, held: _Held) -> None:
    """Keep an answer, unless it is a failure; where that fails, the answer counts as lost."""
    if not held.passing and held.status >= 500:
        return
    if held.passing or _is_secret(held.headers):
        keep = partial(idempotency.withhold_answer, id_=call.key.id)
    else:
        keep = partial(
            idempotency.keep_answer,
            id_=call.key.id,
            status=held.status,
            headers=[pair for pair in held.headers if pair[0] in KEPT_HEADERS],
            body=held.body,
        )
    try:
        await hub.database.run(_in_unit, hub.database, call, keep)
    except BloopError as err:
        log.warning("an answer could not be kept for its Idempotency-Key", error=err)


def _in_unit(database: Database, call: Call, keep: Callable[[UnitOfWork], None]) -> None:
    """Whoever may send a request may have its answer kept, so that it is no action of its own."""
    with database.unit(call) as unit:
        keep(unit)


def _is_secret(headers: list[tuple[str, str]]) -> bool:
    """Whether an answer may be kept nowhere (RFC 9111, section 5.2.2.5).

    A page holds the cross-site token of its session.
    """
    return any(
        name == "set-cookie"
        or (name == "cache-control" and "no-store" in value.lower())
        or (name == "content-type" and value.startswith("text/html"))
        for name, value in headers
    )


def _replayed(found: dict[str, Any]) -> Response:
    headers = dict(parsed(found["headers"])) | {REPLAYED: "true"}
    return Response(bytes(found["body"]), found["status"], headers=headers)


def _key(call: Call, head: Head) -> str:
    """The key as such: the draft writes it as a quoted string, most clients write it bare."""
    given = (head.text(b"idempotency-key") or "").strip()
    if len(given) >= 2 and given[0] == given[-1] == '"':
        given = given[1:-1]
    if not 0 < len(given) <= KEY_LENGTH or not (given.isascii() and given.isprintable()):
        raise InvalidError(
            f"{HEADER}: a key has 1 to {KEY_LENGTH} printable ASCII characters",
            field=HEADER,
            cure="send a random UUID",
        )
    if call.principal.kind is PrincipalKind.GUEST:
        raise InvalidError(
            f"{HEADER}: guests can't be told apart, so their keys can't either",
            field=HEADER,
            cure="log in, or leave the header out",
        )
    return given


def _digest(call: Call, scope: Scope, key: str) -> str:
    principal = call.principal
    parts = [call.institution, principal.kind, principal.id, scope["method"], scope["path"], key]
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()
