"""Connections with their plugins: made, changed, checked, discovered, read, and resumed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.seen import is_seen
from bloop.accounts.sessions import system_call
from bloop.content.dry import dry_read
from bloop.content.engine import run_read
from bloop.content.grading import GRADE, operation
from bloop.content.notes.folders import write_folder
from bloop.content.options import Progress, RunOptions
from bloop.content.refresh import refresh
from bloop.content.syncing import EVERY, first_time
from bloop.hub import own_connections
from bloop.hub.contexts import ConnectionCall, open_connection_context
from bloop.hub.outlook import Outlook
from bloop.hub.outside import Tally
from bloop.hub.providers import GuardedProvider
from bloop.hub.sending import keep_met, send_before, sending
from bloop.kernel import connections
from bloop.kernel.models import Connection
from bloop.kernel.own_settings import Owner, set_own
from bloop.kernel.states import ConnectionState, Status
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import (
    Call,
    ConfigError,
    Container,
    PluginConfig,
    PrincipalKind,
    Ref,
    UnsupportedError,
)
from bloop_sdk.records import Kind

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject

CONNECTABLE = ("lms", "notes")
"""Capabilities that a connection can stand for."""
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What an admin says of a connection; ``name`` is what people call it.

    ``every`` is how often it is read by itself (None: as most are, "": never). An ``own`` one is of
    whoever asks, and all that it brings is theirs alone.
    """

    plugin: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    every: str | None = None
    own: bool = False


async def create(hub: Hub, call: Call, new: NewConnection) -> str:
    """Make a connection, unchecked; its id. Raises InvalidConfigError with every fault.

    Raises ForbiddenError for an own one where the institution does not allow that.
    """
    await hub.choices.require(call, new.plugin)
    model = hub.kernel.context(new.plugin).model
    if new.own:
        _check_own(hub, call, new.plugin)
    capability = _capability(hub, new.plugin)
    layers = await hub.choices.layers(call, new.plugin, model, user=False)
    zone = hub.config.value.hub.time_zone

    @command("connections:write")
    def creating(unit: UnitOfWork) -> str:
        own = call.principal.id if new.own else None
        if new.own:
            own_connections.require_allowed(unit)
        made = connections.create(
            unit,
            owner_id=own,
            plugin_id=new.plugin,
            capability=capability,
            key=_key(new),
            name=name_of(new.name),
        )
        made.every = EVERY if new.every is None else new.every or None
        made.next_at = first_time(made.every, zone) if made.every else None
        owner = Owner(call.institution, new.plugin, own, made.id)
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
        unit.expect(row, version)
        if name is not None and name != row.name:
            row.name = name_of(name)
            told = connections.audited(row, {"name": row.name})
            unit.audit.append("connections:rename", f"connection:{row.id}", told)
        if settings is None and not secrets:
            return
        owner = Owner(call.institution, row.plugin_id, row.owner_id, row.id)
        values = row.settings if settings is None else settings
        set_own(unit, hub.config, model, owner, values, secrets or {}, None, below=layers)

    await hub.database.run(in_unit, hub.database, call, changing)


def name_of(name: str) -> str:
    """A name without blanks around it; raises InvalidError for none or a long one."""
    text = name.strip()
    if len(text) > LONGEST_NAME or not is_seen(text):
        raise InvalidError(f"name: it has 1 to {LONGEST_NAME} characters", field="name")
    return text


def _below(hub: Hub, call: Call, plugin_id: str) -> tuple[type[PluginConfig], Any]:
    model = hub.kernel.context(plugin_id).model
    return model, hub.choices.layers_now(call, plugin_id, model, user=False)


async def open_provider(
    hub: Hub,
    call: Call,
    connection_id: str,
    *,
    count: Tally | None = None,
    trial: dict[str, Any] | None = None,
) -> GuardedProvider:
    """A connection's provider; raises PluginUnavailableError and ConfigError with their cures.

    ``trial`` are secrets to try in place of those that are kept; it gets what is renewed of them.
    """
    context = await open_connection_context(hub, call, connection_id, on_try=count, trial=trial)
    return await _provider(hub, context)


async def _provider(hub: Hub, context: ConnectionCall) -> GuardedProvider:
    handle = hub.kernel.provider(context.capability, context.plugin_id)
    inner = await asyncio.to_thread(handle.create, context)  # The first one imports its code.
    # A breaker that the old secrets have opened says nothing of new ones.
    place = context.connection if context.trial is None else f"{context.connection}/new"
    return GuardedProvider(inner, handle, hub.kernel.calls, place)


async def check(hub: Hub, call: Call, connection_id: str) -> Status[ConnectionState]:
    """Prove the credential; what was found is kept with the connection.

    Raises ConflictError for one that is paused: :func:`resume` checks that.
    """
    return await _checked(hub, call, connection_id, paused=False)


async def resume(hub: Hub, call: Call, connection_id: str) -> Status[ConnectionState]:
    """Let a paused connection go on: it is checked, and read by its schedule again."""
    return await _checked(hub, call, connection_id, paused=True)


async def _checked(
    hub: Hub, call: Call, connection_id: str, *, paused: bool
) -> Status[ConnectionState]:
    @command("connections:write")
    def expecting(unit: UnitOfWork) -> None:
        row = unit.get(Connection, connection_id)
        if "file" in row.settings:
            raise InvalidError(
                f"{row.name!r} stands for an imported file", cure="there is nothing to check"
            )
        if (row.state == ConnectionState.SUSPENDED) is not paused:
            raise ConflictError(
                f"{row.name!r} is {'not paused' if paused else 'paused'}",
                cure="check it instead" if paused else "resume it first",
            )
        if paused:
            connections.set_state(unit, connection_id, ConnectionState.UNCONFIGURED)
            row.next_at = first_time(row.every, zone) if row.every else None
            unit.audit.append("connections:resume", f"connection:{connection_id}")

    zone = hub.config.value.hub.time_zone
    await hub.database.run(in_unit, hub.database, call, expecting)
    try:
        provider = await open_provider(hub, call, connection_id)
    except ConfigError as err:
        return await hub.database.run(
            in_unit,
            hub.database,
            call,
            connections.set_state,
            connection_id,
            ConnectionState.UNCONFIGURED,
            err.message,
            err.cure,
        )
    return await connections.check(hub.database, call, connection_id, provider)


async def rotate(
    hub: Hub,
    call: Call,
    connection_id: str,
    secrets: Mapping[str, Any],
    *,
    version: int | None = None,
) -> Status[ConnectionState]:
    """Change secrets (None: remove) once they have proven themselves at the other side.

    Until then, and where they fail, the old ones hold: raises what their check raised.
    """
    tried = dict(secrets)
    provider = await open_provider(hub, call, connection_id, trial=tried)
    result = await provider.check()

    @command("connections:write")
    def keeping(unit: UnitOfWork) -> Status[ConnectionState]:
        row = unit.get(Connection, connection_id)
        unit.expect(row, version)
        model, layers = _below(hub, call, row.plugin_id)
        owner = Owner(call.institution, row.plugin_id, row.owner_id, row.id)
        set_own(unit, hub.config, model, owner, row.settings, tried, None, below=layers)
        told = connections.audited(row, {"account": result.account})
        unit.audit.append("connections:rotate", owner.resource, told)
        return connections.set_checked(unit, connection_id, result)

    return await hub.database.run(in_unit, hub.database, call, keeping)


async def discover(hub: Hub, call: Call, connection_id: str) -> Sequence[Container]:
    """The courses or notebooks to choose from."""
    provider = await open_provider(hub, call, connection_id)
    return await provider.discover()


async def run_sync_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.syncing.SYNC_JOB`; gives the report."""
    connection = payload["connection"]
    count = Tally()
    context = await open_connection_context(hub, job.call, connection, on_try=count)
    provider = await _provider(hub, context)
    selected = await _selected(hub, job.call, connection)
    streams = payload["streams"] or selected.get("streams")
    chosen = selected.get("containers")
    options = RunOptions(
        confirm_deletes=payload["confirm_deletes"],
        full=payload["full"],
        streams=None if streams is None else frozenset(streams),
        containers=None if chosen is None else frozenset(chosen),
        version=hub.kernel.plugins[provider.handle.plugin_id].version or "",
        sanitiser=hub.sanitiser,
    )
    waits = await keep_met(hub, job.call, connection, provider)
    if waits and not payload["dry_run"]:
        await send_before(hub, job, connection, provider)
    read = dry_read if payload["dry_run"] else run_read
    report = await read(
        hub.database,
        hub.blobs,
        provider,
        job.call,
        connection=connection,
        options=options,
        progress=_progress(hub, job, context, count),
        meter=count,
    )
    return asdict(report)


def _progress(hub: Hub, job: RunningJob, context: ConnectionCall, count: Tally) -> Progress:
    """What tells how far a run is; where the other side says how often it may be asked, until when.

    Its requests, not what is done with their answers, are what such a run waits for.
    """
    manifest = context.manifest
    if not manifest.network.windows:
        return job.progress
    who = (manifest, context.config, job.call.institution, context.connection)
    ahead = partial(hub.outside.ahead, *who)
    return Outlook(job.progress, count, ahead)


async def run_refresh_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.syncing.REFRESH_JOB`; gives its counts."""
    connection = payload["connection"]
    provider = await open_provider(hub, job.call, connection)
    refs = [Ref(Kind(kind), name) for kind, _, name in (r.partition(":") for r in payload["refs"])]
    return await refresh(hub.database, hub.blobs, provider, job.call, connection, refs)


async def run_send_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.notes.waiting.SEND_JOB`; gives its counts."""
    connection = payload["connection"]
    provider = await open_provider(hub, job.call, connection)
    await keep_met(hub, job.call, connection, provider)
    return dict(await sending(hub, job, connection, provider).run())


async def run_folder_job(hub: Hub, job: RunningJob, payload: JSONObject) -> JSONObject:
    """Handle a job of the kind :data:`bloop.content.notes.folders.FOLDER_JOB`; gives its counts."""
    connection = payload["connection"]
    provider = await open_provider(hub, job.call, connection)
    if await keep_met(hub, job.call, connection, provider):
        # Notes that wait have places below folders as they are called now.
        await send_before(hub, job, connection, provider)

    async def do(work: Any, *args: Any, **kwargs: Any) -> Any:
        return await hub.database.run(in_unit, hub.database, job.call, work, *args, **kwargs)

    again = job.attempt > 1
    return await write_folder(do, hub.blobs, provider, payload, job=job.job, again=again)


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
    own = system_call(job.call.institution, job.call.trace)  # Who may write need not import.
    counts = await refresh(hub.database, hub.blobs, provider, own, connection, [written.ref])
    return {"remote_version": written.remote_version, **counts}


async def _selected(hub: Hub, call: Call, connection_id: str) -> dict[str, Any]:
    def reading() -> dict[str, Any]:
        with hub.database.reading(call) as unit:
            return dict(unit.get(Connection, connection_id).selected)

    return await hub.database.run(reading)


def _check_own(hub: Hub, call: Call, plugin_id: str) -> None:
    """Raise where people cannot connect themselves by a plugin, or whoever asks is no person."""
    if call.principal.kind is not PrincipalKind.USER:
        raise ForbiddenError(f"a {call.principal.kind} has no account of its own elsewhere")
    if not own_connections.fits(hub.kernel, plugin_id):
        raise InvalidError(
            f"plugin {plugin_id} is not for accounts of one's own",
            field="plugin",
            cure="ask an admin to connect it for the institution",
        )


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
    "resume",
    "rotate",
    "run_folder_job",
    "run_grade_job",
    "run_refresh_job",
    "run_send_job",
    "run_sync_job",
]
