"""The two state machines, each in one table: of a plugin in a process, of a connection."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from bloop_sdk.errors import FatalError


class PluginState(enum.StrEnum):
    """Where a plugin stands in this process."""

    DISCOVERED = "discovered"
    DISABLED = "disabled"
    INVALID = "invalid"
    INCOMPATIBLE = "incompatible"
    BLOCKED = "blocked"
    NEEDS_UPGRADE = "needs_upgrade"
    LOADING = "loading"
    READY = "ready"
    LOAD_FAILED = "load_failed"
    STOPPED = "stopped"


class ConnectionState(enum.StrEnum):
    """Where an institution's connection stands."""

    UNCONFIGURED = "unconfigured"
    CHECKING = "checking"
    ACTIVE = "active"
    RETRYING = "retrying"
    AUTH_FAILED = "auth_failed"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"


_P = PluginState
_OFF = {_P.DISABLED, _P.BLOCKED, _P.NEEDS_UPGRADE}
PLUGIN_TRANSITIONS: Mapping[PluginState, frozenset[PluginState]] = {
    _P.DISCOVERED: frozenset({*_OFF, _P.INVALID, _P.INCOMPATIBLE, _P.LOADING}),
    # A new scan may find another distribution behind the same id.
    _P.DISABLED: frozenset({*_OFF, _P.INVALID, _P.INCOMPATIBLE, _P.LOADING} - {_P.DISABLED}),
    _P.INVALID: frozenset({_P.DISCOVERED}),
    _P.INCOMPATIBLE: frozenset({_P.DISCOVERED}),
    _P.BLOCKED: frozenset({_P.DISCOVERED, _P.DISABLED, _P.LOADING, _P.NEEDS_UPGRADE}),
    _P.NEEDS_UPGRADE: frozenset({_P.DISCOVERED, _P.DISABLED, _P.LOADING, _P.BLOCKED}),
    _P.LOADING: frozenset({_P.READY, _P.LOAD_FAILED}),
    _P.READY: frozenset({_P.STOPPED}),
    _P.LOAD_FAILED: frozenset({_P.STOPPED, _P.LOADING, _P.NEEDS_UPGRADE, _P.BLOCKED}),
    _P.STOPPED: frozenset({_P.DISCOVERED, *_OFF, _P.LOADING} - {_P.DISABLED}),
}

RESTING = frozenset(
    {ConnectionState.UNCONFIGURED, ConnectionState.SUSPENDED, ConnectionState.AUTH_FAILED}
)
"""States of a connection in which nothing starts by itself: only a person ends them."""

_C = ConnectionState
_TROUBLE = {_C.RETRYING, _C.AUTH_FAILED, _C.DEGRADED, _C.SUSPENDED}
CONNECTION_TRANSITIONS: Mapping[ConnectionState, frozenset[ConnectionState]] = {
    _C.UNCONFIGURED: frozenset({_C.CHECKING, _C.SUSPENDED}),
    _C.CHECKING: frozenset({_C.ACTIVE, _C.UNCONFIGURED, *_TROUBLE}),
    _C.ACTIVE: frozenset({_C.CHECKING, _C.UNCONFIGURED, *_TROUBLE}),
    _C.RETRYING: frozenset({_C.CHECKING, _C.ACTIVE, _C.UNCONFIGURED, *_TROUBLE} - {_C.RETRYING}),
    # New credentials, not time, end these two.
    _C.AUTH_FAILED: frozenset({_C.CHECKING, _C.UNCONFIGURED, _C.SUSPENDED}),
    _C.SUSPENDED: frozenset({_C.CHECKING, _C.UNCONFIGURED}),
    _C.DEGRADED: frozenset({_C.CHECKING, _C.ACTIVE, _C.UNCONFIGURED, *_TROUBLE} - {_C.DEGRADED}),
}


_TABLES: dict[type, Mapping[Any, frozenset[Any]]] = {
    PluginState: PLUGIN_TRANSITIONS,
    ConnectionState: CONNECTION_TRANSITIONS,
}


class IllegalTransitionError(FatalError):
    """Code of the hub asked for a step that the table does not have."""

    code = "illegal_transition"


def _now() -> datetime:
    return datetime.now(UTC)


S = TypeVar("S", PluginState, ConnectionState)


@dataclass(frozen=True, slots=True)
class Status(Generic[S]):
    """A state and all that a person needs to know of it.

    ``recoverable`` says whether the hub gets out of it by itself or by the cure; ``since`` is UTC.
    """

    state: S
    reason: str | None = None
    cure: str | None = None
    recoverable: bool = True
    since: datetime = field(default_factory=_now)

    def to(
        self,
        state: S,
        reason: str | None = None,
        cure: str | None = None,
        *,
        recoverable: bool = True,
        clock: Callable[[], datetime] = _now,
    ) -> Status[S]:
        """The status after a step; the same state again keeps ``since``.

        Raises :class:`IllegalTransitionError` for a step that is not in the table.
        """
        if state == self.state:
            return Status(state, reason, cure, recoverable, self.since)
        if state not in _TABLES[type(self.state)][self.state]:
            raise IllegalTransitionError(f"no step leads from {self.state} to {state}")
        return Status(state, reason, cure, recoverable, clock())
