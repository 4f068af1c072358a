"""Connections: an institution's accounts with other systems, and in which state they are."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import select

import bloop.kernel.topics  # noqa: F401 - declares what is said here
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState, Status
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import AuthError, BloopError, Call, CheckResult, RetriableError
from bloop_sdk._masking import mask_text

_REASON_LENGTH = 2000
_CURE_LENGTH = 1000


class Checked(Protocol):
    """A provider, as far as a check needs it."""

    def check(self) -> Awaitable[CheckResult]:
        """Who the credential is, and what it lacks."""
        ...


def create(
    unit: UnitOfWork,
    *,
    plugin_id: str,
    capability: str,
    key: str,
    name: str,
    settings: Mapping[str, Any] | None = None,
    owner_id: str | None = None,
) -> Connection:
    """A new connection; raises ConflictError where the plugin has one of this key already.

    One with an owner is that user's own, and meets nobody else's.
    """
    if owner_id is not None:
        key = f"{owner_id}/{key}"[:500]
    if find(unit, plugin_id, key) is not None:
        raise ConflictError(
            f"{plugin_id} is connected with {key.removeprefix(f'{owner_id}/')[:100]} already",
            cure="change that connection, or remove it first",
        )
    made = Connection(
        institution_id=unit.institution,
        plugin_id=plugin_id,
        capability=capability,
        key=key,
        name=name,
        settings=dict(settings or {}),
        owner_id=owner_id,
    )
    unit.session.add(made)
    unit.session.flush()
    unit.audit.append("connections:create", f"connection:{made.id}", {"plugin": plugin_id})
    return made


def find(unit: UnitOfWork, plugin_id: str, key: str) -> Connection | None:
    """The institution's connection of a plugin with this key, or None."""
    return unit.session.scalar(
        select(Connection).where(
            Connection.institution_id == unit.institution,
            Connection.plugin_id == plugin_id,
            Connection.key == key,
        )
    )


def audited(connection: Connection, detail: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit tells of a connection: nothing of what somebody has for themselves."""
    return {} if connection.owner_id is not None else dict(detail)


def status_of(connection: Connection) -> Status[ConnectionState]:
    """The state of a connection with all that a person needs to know of it."""
    return Status(
        ConnectionState(connection.state),
        connection.reason,
        connection.cure,
        connection.recoverable,
        connection.since,
    )


@command("connections:write")
def set_state(
    unit: UnitOfWork,
    connection_id: str,
    state: ConnectionState,
    reason: str | None = None,
    cure: str | None = None,
    *,
    recoverable: bool = True,
) -> Status[ConnectionState]:
    """Take a step of the connection's state machine; the same again changes nothing.

    Raises :class:`bloop.kernel.states.IllegalTransitionError` for a step that there is not.
    """
    connection = unit.get(Connection, connection_id)
    before = status_of(connection)
    after = before.to(state, _told(reason), cure and cure[:_CURE_LENGTH], recoverable=recoverable)
    _keep(unit, connection, after)
    return after


def found_by_run(
    unit: UnitOfWork,
    connection: Connection,
    state: ConnectionState,
    reason: str | None = None,
    cure: str | None = None,
) -> None:
    """Keep what reading a connection showed of it: that proves a credential as a check does.

    One that was paused meanwhile stays so, and one that reads lacks what it lacked before.
    """
    if connection.state == ConnectionState.SUSPENDED:
        return
    if state is ConnectionState.ACTIVE:
        state, reason, cure = _lacking(connection.checked.get("missing", ()))
    before = status_of(connection)
    since = before.since if before.state == state else utcnow()
    recoverable = state is not ConnectionState.AUTH_FAILED
    cure = cure and cure[:_CURE_LENGTH]
    _keep(unit, connection, Status(state, _told(reason), cure, recoverable, since))


def _told(reason: str | None) -> str | None:
    return mask_text(reason, _REASON_LENGTH) if reason else None


def _keep(unit: UnitOfWork, connection: Connection, after: Status[ConnectionState]) -> None:
    """Write a state down, where it is another one, and say so."""
    before = status_of(connection)
    if after == before:
        return
    connection.state, connection.reason, connection.cure = after.state, after.reason, after.cure
    connection.recoverable, connection.since = after.recoverable, after.since
    if before.state != after.state:
        payload = {
            "connection": connection.id,
            "plugin": connection.plugin_id,
            "state": after.state,
        }
        if connection.owner_id is not None:
            payload["owner"] = connection.owner_id
        unit.outbox.append("plugin.connection_changed", f"connection:{connection.id}", payload)


def state_after(err: BaseException) -> ConnectionState:
    """What an error of its provider makes of a connection."""
    if isinstance(err, AuthError):
        return ConnectionState.AUTH_FAILED
    if isinstance(err, RetriableError):
        return ConnectionState.RETRYING
    return ConnectionState.DEGRADED


@command("connections:write")
def set_failed(unit: UnitOfWork, connection_id: str, err: BaseException) -> Status[ConnectionState]:
    """Put a connection into the state that an error of its provider stands for."""
    connection = unit.get(Connection, connection_id)
    if connection.state == ConnectionState.SUSPENDED:
        return status_of(connection)  # Somebody paused it meanwhile.
    state, cure = state_after(err), None
    reason = f"{type(err).__name__}: {err}"
    if isinstance(err, BloopError):
        reason, cure = err.message, err.cure
    return set_state(
        unit,
        connection_id,
        state,
        reason,
        cure,
        recoverable=state is not ConnectionState.AUTH_FAILED,
    )


async def check(
    database: Database, call: Call, connection_id: str, provider: Checked
) -> Status[ConnectionState]:
    """Ask a connection's provider whether its credential works, and keep what it said."""

    async def run(function: Any, *args: Any) -> Status[ConnectionState]:
        found: Status[ConnectionState] = await database.run(
            in_unit, database, call, function, connection_id, *args
        )
        return found

    await run(set_state, ConnectionState.CHECKING)
    try:
        result = await provider.check()
    except Exception as err:  # noqa: BLE001 - whatever it is, the connection's state tells it
        return await run(set_failed, err)
    return await run(set_checked, result)


def _lacking(missing: Sequence[str]) -> tuple[ConnectionState, str | None, str | None]:
    """The state of a connection whose credential works, with reason and cure."""
    if not missing:
        return ConnectionState.ACTIVE, None, None
    lacking = ", ".join(missing)
    return (
        ConnectionState.DEGRADED,
        f"the credential lacks {lacking}",
        f"grant it {lacking}, then check again",
    )


@command("connections:write")
def set_checked(
    unit: UnitOfWork, connection_id: str, result: CheckResult
) -> Status[ConnectionState]:
    """Keep what a check found: who the credential is, what it lacks, and the state of that."""
    connection = unit.get(Connection, connection_id)
    connection.checked = {
        "account": result.account,
        "site": result.site,
        "version": result.version,
        "missing": list(result.missing),
        "gaps": list(result.gaps),
        "at": to_text(utcnow()),
    }
    if connection.state == ConnectionState.SUSPENDED:
        return status_of(connection)  # Somebody paused it meanwhile.
    if connection.state != ConnectionState.CHECKING:
        set_state(unit, connection_id, ConnectionState.CHECKING)
    return set_state(unit, connection_id, *_lacking(result.missing))


@command("connections:write")
def choose(
    unit: UnitOfWork,
    connection_id: str,
    *,
    containers: Sequence[str] | None,
    streams: Sequence[str] | None,
    version: int | None = None,
) -> Connection:
    """Say what of a system is read: remote ids of containers, names of streams; None means all.

    What was read before and is not chosen any more stays as it is.
    """
    connection = unit.get(Connection, connection_id)
    unit.expect(connection, version)
    chosen = {"containers": containers, "streams": streams}
    connection.selected = {
        name: sorted(set(value)) for name, value in chosen.items() if value is not None
    }
    told = audited(connection, connection.selected)
    unit.audit.append("connections:select", f"connection:{connection_id}", told)
    unit.session.flush()
    return connection
