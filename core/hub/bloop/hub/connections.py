"""Connections with their plugins: made, checked, discovered, read, and given new secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bloop.content.dry import dry_read
from bloop.content.engine import RunOptions, run_read
from bloop.content.grading import GRADE, operation
from bloop.content.refresh import refresh
from bloop.hub.contexts import ConnectionCall, open_connection_context
from bloop.hub.outside import Tally
from bloop.hub.providers import GuardedProvider
from bloop.kernel import connections
from bloop.kernel.models import Connection
from bloop.kernel.own_settings import Owner, set_own
from bloop.kernel.states import ConnectionState, Status
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, Container, PluginConfig, Ref, UnsupportedError
from bloop_sdk.records import Kind

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject

CONNECTABLE = ("lms", "notes")
"""Capabilities that a connection can stand for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What an admin says of a connection; ``name`` is what people call it."""

    plugin: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)


async def create(hub: Hub, call: Call, new: NewConnection) -> str:
    """Make a connection, unchecked; its id. Raises InvalidConfigError with every fault."""
    await hub.choices.require(call, new.plugin)
    model = hub.kernel.context(new.plugin).model
    capability = _capability(hub, new.plugin)
    layers = await hub.choices.layers(call, new.plugin, model, user=False)

    @command("connections:write")
    def creating(unit: UnitOfWork) -> str:
        made = connections.create(
            unit,
            plugin_id=new.plugin,
            capability=capability,
            key=_key(new),
            name=new.name,
        )
        owner = Owner(call.institution, new.plugin, connection=made.id)
        set_own(unit, hub.config, model, owner, new.settings, new.secrets, None, below=layers)
        return made.id

    made: str = await hub.database.run(in_unit, hub.database, call, creating)
    return made


async def change(
    hub: Hub,
    call: Call,
    connection_id: str,
    *,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    name: str | None = None,
    version: int | None = None,
) -> None:
    """Rename a connection, replace its settings, change secrets (None: remove)."""

    @command("connections:write")
    def changing(unit: UnitOfWork) -> None:
        row = unit.get(Connection, connection_id)
        model, layers = _below(hub, call, row.plugin_id)
        if name is not None:
            row.name = name
        if settings is None and not secrets:
            unit.expect(row, version)
            return
        owner = Owner(call.institution, row.plugin_id, connection=row.id)
        values = row.settings if settings is None else settings
        set_own(unit, hub.config, model, owner, values, secrets or {}, version, below=layers)

    await hub.database.run(in_unit, hub.database, call, changing)


def _below(hub: Hub, call: Call, plugin_id: str) -> tuple[type[PluginConfig], Any]:
    model = hub.kernel.context(plugin_id).model
    return model, hub.choices.layers_now(call, plugin_id, model, user=False)


async def open_provider(
    hub: Hub, call: Call, connection_id: str, *, count: Tally | None = None
) -> GuardedProvider:
    """A connection's provider; raises PluginUnavailableError and ConfigError with their cures."""
    context = await open_connection_context(hub, call, connection_id, on_try=count)
    handle = hub.kernel.provider(context.capability, context.plugin_id)
    inner = handle.create(context)
    return GuardedProvider(inner, handle, hub.kernel.calls, connection_id)


async def check(hub: Hub, call: Call, connection_id: str) -> Status[ConnectionState]:
    """Prove the credential; what was found is kept with the connection."""
    provider = await open_provider(hub, call, connection_id)
    return await connections.check(hub.database, call, connection_id, provider)


async def discover(hub: Hub, call: Call, connection_id: str) -> Sequence[Container]:
    """The courses or notebooks to choose from."""
    provider = await open_provider(hub, call, connection_id)
    return await provider.discover()


async def run_sync_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.syncing.SYNC_JOB`; gives the report."""
    connection = payload["connection"]
    count = Tally()
    provider = await open_provider(hub, job.call, connection, count=count)
    selected = await _selected(hub, job.call, connection)
    streams = payload["streams"] or selected.get("streams")
    chosen = selected.get("containers")
    options = RunOptions(
        confirm_deletes=payload["confirm_deletes"],
        full=payload["full"],
        streams=None if streams is None else frozenset(streams),
        containers=None if chosen is None else frozenset(chosen),
    )
    read = dry_read if payload["dry_run"] else run_read
    report = await read(
        hub.database,
        hub.blobs,
        provider,
        job.call,
        connection=connection,
        options=options,
        progress=job.progress,
        meter=count,
    )
    return asdict(report)


async def run_refresh_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.syncing.REFRESH_JOB`; gives its counts."""
    connection = payload["connection"]
    provider = await open_provider(hub, job.call, connection)
    refs = [Ref(Kind(kind), name) for kind, _, name in (r.partition(":") for r in payload["refs"])]
    return await refresh(hub.database, hub.blobs, provider, job.call, connection, refs)


async def run_grade_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.grading.GRADE_JOB`; what is there now."""
    connection = payload["connection"]
    provider = await open_provider(hub, job.call, connection)
    if GRADE not in provider.spec().writes:
        raise UnsupportedError(
            f"plugin {provider.handle.plugin_id} writes no grades",
            cure="give it in the system where the work was handed in",
        )
    written = await provider.write(*operation(job.job, payload))
    counts = await refresh(hub.database, hub.blobs, provider, job.call, connection, [written.ref])
    return {"remote_version": written.remote_version, **counts}


async def _selected(hub: Hub, call: Call, connection_id: str) -> dict[str, Any]:
    def look(unit: UnitOfWork) -> dict[str, Any]:
        return dict(unit.get(Connection, connection_id).selected)

    def reading() -> dict[str, Any]:
        with hub.database.reading(call) as unit:
            return look(unit)

    return await hub.database.run(reading)


def _capability(hub: Hub, plugin_id: str) -> str:
    manifest = hub.kernel.plugins[plugin_id].manifest
    provides = manifest.provides if manifest else {}
    found = next((name for name in CONNECTABLE if name in provides), None)
    if found is None:
        raise InvalidError(
            f"plugin {plugin_id} connects to nothing: it is no {' and no '.join(CONNECTABLE)}",
            field="plugin",
        )
    return found


def _key(new: NewConnection) -> str:
    """What tells this connection from others of its plugin: its address, else its name."""
    address = new.settings.get("base_url")
    return str(address).rstrip("/").lower() if address else new.name


__all__ = [
    "ConnectionCall",
    "NewConnection",
    "change",
    "check",
    "create",
    "discover",
    "open_provider",
    "run_grade_job",
    "run_refresh_job",
    "run_sync_job",
]
