"""Hints of other systems that something has changed: verified, taken once, and fetched.

A subscription may begin with a secret that the other side sends, unsigned, to an address that is
shown to admins alone.

What a hint says is not believed. It only has the record that it names fetched, or, where it names
none, the connection read.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bloop.accounts.sessions import system_call
from bloop.content.quarantine import plain
from bloop.content.syncing import ask_for_refresh, ask_for_sync
from bloop.hub.connections import open_provider
from bloop.kernel.queries import CONNECTION_OF
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import AuthError, BloopError, Call, Hint, UnsupportedError, WebhookRequest

if TYPE_CHECKING:
    from bloop.hub import Hub

log = get_logger("bloop.hints")

KEY = "key"
"""What tells, in an address, that whoever has it was given it by an admin."""
HINTS_AT_ONCE = 500
"""So many of one request are taken; what is beyond, the next sync finds."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where hints of a connection come in, and what is to be pasted at the other side, if any."""

    url: str
    to_confirm: str | None = field(repr=False)


async def address(hub: Hub, call: Call, connection_id: str) -> Address:
    """For admins alone: a subscription can be begun by whoever has the address."""
    provider = await open_provider(hub, call, connection_id)
    if not provider.spec().webhooks:
        raise UnsupportedError(
            f"plugin {provider.handle.plugin_id} takes no hints",
            cure="have the connection read more often",
        )
    proof = await asyncio.to_thread(hub.links.proof, "hints", connection_id)
    url = f"{hub.config.value.public_url}/api/v1/connections/{connection_id}/hints?{KEY}={proof}"
    return Address(url, provider.to_confirm())


async def take(hub: Hub, connection_id: str, request: WebhookRequest) -> int:
    """Have what a request hints at fetched; how many hints it had.

    Raises NotFoundError, the same for whatever is wrong: who cannot sign learns nothing, not even
    which connections there are.
    """
    rows = await hub.database.read(CONNECTION_OF, system_call(EVERY_INSTITUTION), id=connection_id)
    if not rows:
        raise _refusal()
    call = system_call(CONNECTION_OF.as_dict(rows[0])["institution_id"])
    hints = await _verified(hub, call, connection_id, request)
    await hub.database.run(in_unit, hub.database, call, _ask, hub, connection_id, hints)
    return len(hints)


async def _verified(
    hub: Hub, call: Call, connection_id: str, request: WebhookRequest
) -> Sequence[Hint]:
    try:
        provider = await open_provider(hub, call, connection_id)
        if not provider.spec().webhooks:
            raise AuthError("it takes no hints")
        if await _is_told(hub, connection_id, request) and await provider.subscribe(request):
            log.info("a subscription was begun", connection=connection_id)
            return []
        return list(provider.verify_webhook(request))[:HINTS_AT_ONCE]
    except BloopError as err:
        log.warning("a hint was refused", connection=connection_id, code=err.code, reason=str(err))
        raise _refusal() from err


async def _is_told(hub: Hub, connection_id: str, request: WebhookRequest) -> bool:
    """Whether it came to the address that only admins are shown."""
    given = request.query.get(KEY)
    if not given:
        return False
    proof = await asyncio.to_thread(hub.links.proof, "hints", connection_id)
    return hmac.compare_digest(given.encode(), proof.encode())


@command("connections:write")
def _ask(unit: UnitOfWork, hub: Hub, connection_id: str, hints: Sequence[Hint]) -> None:
    for hint in hints:
        enqueue, key = hub.jobs.enqueue, _key(connection_id, hint.event_id)
        try:
            if hint.ref is None:
                ask_for_sync(unit, connection_id, key=key, enqueue=enqueue)
            else:
                refs = [plain(str(hint.ref))]
                ask_for_refresh(unit, connection_id, refs, key=key, enqueue=enqueue)
        except ConflictError as err:
            # It is paused, or is being read in some other way: the next sync finds what is new.
            log.info("a hint had nothing done", connection=connection_id, reason=err.message)


def _key(connection_id: str, event_id: str) -> str:
    """The same for an event that is sent again; ids of others may be long, and may be anything."""
    name = hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"hint/{connection_id}/{name}"


def _refusal() -> NotFoundError:
    return NotFoundError(
        "no hint is taken here",
        cure="check the address, and the secret that both sides sign with",
    )
