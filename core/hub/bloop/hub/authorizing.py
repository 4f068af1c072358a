"""Logins at the other side (OAuth 2.0) that give a connection its credential.

State and PKCE's verifier are those of :mod:`bloop.accounts.identities.attempts`: good once, for ten
minutes, in the browser that began, and for the person who began. The secrets that come of it take
the place of the old ones when they have passed a check.

A login by code (RFC 8628) has no way back. What is known of it while it lasts goes with whoever
asks, sealed in a ticket that is good for them and this connection alone.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import orjson

from bloop.accounts.identities import attempts
from bloop.accounts.identities.attempts import Begun, Refusal, Taken
from bloop.hub.connections import open_provider, rotate
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState, Status
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.sealing import Place, SealError
from bloop.store.unit import UnitOfWork
from bloop_sdk import AuthError, Authorization, Call, DeviceLogin

if TYPE_CHECKING:
    from bloop.hub import Hub

CALLBACK = "/connections/callback"


def return_address(hub: Hub) -> str:
    """Where every other side sends the browser back to: what is registered there."""
    return f"{hub.config.value.public_url}{CALLBACK}"


async def begin(hub: Hub, call: Call, connection_id: str) -> tuple[Begun, str]:
    """Begin a login: what goes with the browser, and where to send that."""
    provider = await open_provider(hub, call, connection_id)
    if not provider.can_authorize():
        raise InvalidError(
            "a login at the other side is not possible with these settings",
            cure="give it the client's id and secret that the other side has made for this hub",
        )
    begun = await hub.database.run(
        in_unit,
        hub.database,
        call,
        attempts.begin,
        _place(connection_id),
        f"/connections/{connection_id}",
        call.principal.id,
    )
    return begun, provider.authorize_url(_authorization(hub, begun))


async def finish(
    hub: Hub, call: Call, connection_id: str, begun: Begun, params: Mapping[str, str]
) -> Status[ConnectionState]:
    """Take up what a browser brought back; raises AuthError for a login that is not this one's."""

    @command("connections:write")
    def taking(unit: UnitOfWork) -> Taken | Refusal:
        unit.get(Connection, connection_id)
        return attempts.take(unit, _place(connection_id), begun.state, begun.browser)

    taken = await hub.database.run(in_unit, hub.database, call, taking)
    if isinstance(taken, Refusal) or taken.user_id != call.principal.id:
        raise AuthError(
            "this login was not begun here, was used before, or took too long",
            code="login_refused",
            cure="begin it again",
        )
    provider = await open_provider(hub, call, connection_id)
    secrets = await provider.exchange(_authorization(hub, begun), params)
    return await rotate(hub, call, connection_id, secrets)


async def begin_device(hub: Hub, call: Call, connection_id: str) -> DeviceLogin:
    """Begin a login by code."""
    provider = await open_provider(hub, call, connection_id)
    if not provider.can_authorize_device():
        raise InvalidError(
            "a login by code is not possible with these settings",
            cure="log in from the connection's page, or give it a secret",
        )
    return await provider.begin_device()


async def poll_device(
    hub: Hub, call: Call, connection_id: str, login: DeviceLogin
) -> Status[ConnectionState] | None:
    """Take up what a login by code gave; None while nobody has logged in."""
    provider = await open_provider(hub, call, connection_id)
    secrets = await provider.poll_device(login)
    return None if secrets is None else await rotate(hub, call, connection_id, secrets)


async def ticket_of(hub: Hub, call: Call, connection_id: str, login: DeviceLogin) -> str:
    """A login by code, sealed for who began it."""
    told = {"who": call.principal.id, "until": time.time() + login.expires_in, **asdict(login)}

    @command("connections:write")
    def sealing(unit: UnitOfWork) -> bytes:
        unit.get(Connection, connection_id)
        return unit.sealer.seal(orjson.dumps(told), _sealed_at(connection_id))

    sealed = await hub.database.run(in_unit, hub.database, call, sealing)
    return urlsafe_b64encode(sealed).decode()


async def login_of(hub: Hub, call: Call, connection_id: str, ticket: str) -> DeviceLogin:
    """The login of a ticket; raises InvalidError for one of somebody else, or that is over."""

    @command("connections:write")
    def opening(unit: UnitOfWork) -> bytes:
        unit.get(Connection, connection_id)
        return unit.sealer.open(urlsafe_b64decode(ticket), _sealed_at(connection_id))

    try:
        told = orjson.loads(await hub.database.run(in_unit, hub.database, call, opening))
    except (SealError, ValueError):
        told = {}
    if told.pop("who", None) != call.principal.id or told.pop("until") < time.time():
        raise InvalidError(
            "this login was not begun here, or took too long", field="ticket", cure="begin it again"
        )
    return DeviceLogin(**told)


def _sealed_at(connection_id: str) -> Place:
    return Place("connection", "secrets", f"{connection_id} login by code")


def _place(connection_id: str) -> str:
    return f"connection:{connection_id}"


def _authorization(hub: Hub, begun: Begun) -> Authorization:
    login = begun.request("", return_address(hub))
    return Authorization(
        redirect_uri=login.redirect_uri, state=login.state, verifier=login.verifier
    )
