"""Connections as all faces show them, without their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bloop.accounts.actions import ForbiddenError
from bloop.content.connection_queries import CONNECTION, CONNECTIONS, OWN_CONNECTIONS
from bloop.hub import own_connections
from bloop.hub.connections import CONNECTABLE, open_provider
from bloop.hub.plugin_settings import settable
from bloop.jobs.owners import is_dead
from bloop.kernel.states import PluginState
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import Statement, parsed
from bloop_sdk import Call, Container, PluginConfig, ProviderSpec, Scope
from bloop_sdk.settings import is_personal, is_secret

if TYPE_CHECKING:
    from bloop.hub import Hub

AT_ONCE = 200

View = dict[str, Any]
"""A row of :data:`bloop.content.connection_queries.CONNECTION`, its documents read."""


async def views(
    hub: Hub, call: Call, *, after: str = "", limit: int = AT_ONCE, own: bool = False
) -> list[View]:
    """A page of the institution's connections, or of the caller's ``own``; the oldest first."""
    statement = OWN_CONNECTIONS if own else CONNECTIONS
    rows = await hub.database.read(statement, call, after=after, limit=limit)
    return [_view(statement, row) for row in rows]


async def all_views(hub: Hub, call: Call) -> list[View]:
    """All of them."""
    found: list[View] = []
    while True:
        part = await views(hub, call, after=found[-1]["id"] if found else "")
        found += part
        if len(part) < AT_ONCE:
            return found


async def view(hub: Hub, call: Call, connection_id: str) -> View:
    """One of them; raises NotFoundError."""
    rows = await hub.database.read(CONNECTION, call, id=connection_id)
    if not rows:
        raise NotFoundError(f"no connection {connection_id[:40]}")
    return _view(CONNECTION, rows[0])


async def find(hub: Hub, call: Call, name: str) -> View:
    """The one with this id, exact name, or unique beginning of an id, or by this plugin alone.

    Raises NotFoundError or, where several fit, InvalidError.
    """
    found = await all_views(hub, call)
    for fits in (
        [one for one in found if name in {one["id"], one["name"]}],
        [one for one in found if one["name"].casefold() == name.casefold()],
        [one for one in found if one["plugin"] == name],
        [one for one in found if name and one["id"].startswith(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            ids = ", ".join(f"{one['name']} ({one['id']})" for one in fits[:5])
            raise InvalidError(
                f"{len(fits)} connections fit {name!r}: {ids}", cure="give one of these ids"
            )
    cure = "`bloop connections list` shows them all" if found else "make one: bloop connect PLUGIN"
    raise NotFoundError(f"no connection {name[:80]!r}", cure=cure)


def _view(statement: Statement, row: Any) -> View:
    found = statement.as_dict(row)
    watcher = found.pop("watcher")
    if watcher is None or is_dead(watcher):
        found["watched_since"] = None
    return found | {
        name: parsed(found[name]) for name in ("settings", "held", "checked", "selected")
    }


@dataclass(frozen=True, slots=True)
class Survey:
    """What a system offers to be read."""

    spec: ProviderSpec
    containers: Sequence[Container]


def refuse_foreign(call: Call, one: View) -> None:
    """Raise ForbiddenError for what somebody else has connected for themselves."""
    if one["owner"] not in {None, call.principal.id}:
        raise ForbiddenError(
            "somebody has connected this for themselves",
            cure="it can be paused or removed; all else they do",
        )


async def survey(hub: Hub, call: Call, connection_id: str) -> Survey:
    """Ask a system what there is to choose from; raises the contract's errors.

    Of what somebody has for themselves only they are told, and not the command line either.
    """
    refuse_foreign(call, await view(hub, call, connection_id))
    provider = await open_provider(hub, call, connection_id)
    return Survey(provider.spec(), await provider.discover())


def about_course(course: Container) -> str:
    """What tells a course from others of its title: its code and its term."""
    return " · ".join(filter(None, (course.code, course.term.title if course.term else None)))


@dataclass(frozen=True, slots=True)
class Connectable:
    """A loaded plugin that can be connected with a system."""

    id: str
    name: str
    summary: str


async def connectable(hub: Hub, call: Call, *, own: bool = False) -> list[Connectable]:
    """The plugins that the call's institution can connect, or people for themselves; by name."""
    off = await hub.choices.off(call)
    found = []
    for id_, record in hub.kernel.plugins.items():
        manifest = record.manifest
        if manifest is None or id_ in off or record.status.state is not PluginState.READY:
            continue
        if not set(CONNECTABLE) & set(manifest.provides):
            continue
        if manifest.imports and not settable(hub.kernel.context(id_).model, Scope.CONNECTION):
            # It brings in files, and knows no other place to read.
            continue
        if own and not own_connections.fits(hub.kernel, id_):
            continue
        found.append(Connectable(id_, manifest.name, manifest.summary))
    return sorted(found, key=lambda one: one.name.casefold())


def asked(model: type[PluginConfig], *, own: bool = False) -> tuple[list[str], list[str]]:
    """What a connection's form asks for, or that of one's ``own``: plain settings, and secrets."""
    names = [
        name for name in settable(model, Scope.CONNECTION) if not own or is_personal(model, name)
    ]
    secrets = [name for name in names if is_secret(model, name)]
    return [name for name in names if name not in secrets], secrets
