"""What a plugin's code has that runs for somebody: one class a contract, made in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.sessions import system_call
from bloop.content.reader import ItemReader
from bloop.hub.outside import NoWayOut
from bloop.hub.units import PluginUnit
from bloop.jobs.context import RunningJob
from bloop.jobs.endings import is_final
from bloop.kernel.config_layers import Layer
from bloop.kernel.context import HubContext
from bloop.kernel.own_settings import Owner, OwnSettings, keep_own_secrets
from bloop.kernel.queries import CONNECTION
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.files import PluginFiles
from bloop.store.statements import parsed
from bloop.store.unit import UnitOfWork
from bloop.store.values import PluginValues
from bloop_sdk import (
    Call,
    HttpClient,
    Manifest,
    PluginConfig,
    PrincipalKind,
    Unit,
    UnsupportedError,
)
from bloop_sdk._http.client import Try
from bloop_sdk.content import ContentReader
from bloop_sdk.files import Files
from bloop_sdk.offers import Providers
from bloop_sdk.plugin import KeyValueStore, Logger

if TYPE_CHECKING:
    from bloop.hub import Hub

P = ParamSpec("P")
T = TypeVar("T")
C = TypeVar("C", bound="PluginCall")

READ = "content:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCall:
    """A :class:`bloop_sdk.CallContext`."""

    hub: Hub
    plugin: HubContext
    manifest: Manifest
    call: Call
    config: PluginConfig
    http: HttpClient

    @property
    def plugin_id(self) -> str:
        """The manifest's id."""
        return self.plugin.plugin_id

    @property
    def log(self) -> Logger:
        """The plugin's log."""
        return self.plugin.log

    @property
    def data_dir(self) -> Path:
        """The plugin's folder."""
        return self.plugin.data_dir

    @property
    def public_url(self) -> str:
        """Where browsers reach the hub."""
        return self.hub.config.value.public_url

    @property
    def store(self) -> KeyValueStore:
        """The plugin's values in this institution."""
        return PluginValues(self.hub.database, self.call, self.plugin_id)

    @property
    def content(self) -> ContentReader:
        """The hub's content; raises UnsupportedError for a plugin that has not asked for it."""
        if READ not in self.manifest.scopes:
            raise UnsupportedError(
                f"plugin {self.plugin_id} does not say that it reads content",
                cure=f'write scopes = ["{READ}"] into its bloop-plugin.toml',
            )
        most = self.hub.config.value.limits.upload_bytes
        return ItemReader(self.hub.database, self.hub.blobs, self.call, self.run_sync, most)

    @property
    def files(self) -> Files:
        """The plugin's files in this institution."""
        hub = self.hub
        return PluginFiles(hub.database, hub.blobs, self.call, self.plugin_id, self.run_sync)

    @property
    def providers(self) -> Providers:
        """What other plugins can do."""
        from bloop.hub.between import LentProviders

        return LentProviders(self.hub, self.manifest, self.call)

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in one of the plugin's threads."""
        return await self.plugin.run_sync(function, *args, **kwargs)

    async def read(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Read in one of the plugin's threads: if it hangs there, nobody waits but the plugin."""

        def reading() -> T:
            with self.hub.database.reading(self.call) as unit:
                own = PluginUnit(unit, self.manifest, None, lambda: self.config)
                found = work(own, *args, **kwargs)
                own.check_unwritten()
                return found

        return await self.plugin.run_sync(reading)

    async def transaction(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run in a unit of work, in the thread that writes."""

        def writing() -> T:
            with self.hub.database.unit(self.call) as unit:
                own = PluginUnit(unit, self.manifest, self.hub.jobs, lambda: self.config)
                return work(own, *args, **kwargs)

        return await self.hub.database.run(writing)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCall(PluginCall):
    """A :class:`bloop_sdk.ConnectionContext`; ``source`` is the file that is imported.

    ``trial`` are secrets that are tried, and kept by whoever has them tried.
    """

    connection: str
    owner: str | None = None
    capability: str = "lms"
    source: Path | None = None
    trial: dict[str, Any] | None = field(default=None, repr=False)

    async def keep_secrets(self, values: Mapping[str, str | None]) -> None:
        """Seal the secrets in the connection's row; those of a trial go into that."""
        if self.trial is not None:
            self.trial.update(values)
            return

        @command("connections:write")
        def keeping(unit: UnitOfWork) -> None:
            keep_own_secrets(unit, self.plugin.model, self._owner, values)

        # The hub keeps what the other side has renewed, whoever's call it was.
        call = system_call(self.call.institution)
        await self.hub.database.run(in_unit, self.hub.database, call, keeping)

    @property
    def _owner(self) -> Owner:
        return Owner(self.call.institution, self.plugin_id, self.owner, self.connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCall(PluginCall):
    """A :class:`bloop_sdk.JobContext`."""

    running: RunningJob

    @property
    def job(self) -> str:
        """The job's id."""
        return self.running.job

    def is_final(self, error: Exception) -> bool:
        """Whether the job has failed for good, should it raise ``error`` now."""
        return is_final(self.running.claim, error)

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Report; raises JobStoppedError when it should end."""
        self.running.progress(done, total, message)


async def open_context(hub: Hub, kind: type[C], plugin_id: str, call: Call, **own: Any) -> C:
    """A ready plugin's context for a call; ``own`` is what its kind has besides.

    Raises PluginUnavailableError where the plugin cannot be used in the call's institution, and
    ConfigError where settings of that are missing.
    """
    await hub.choices.require(call, plugin_id)
    plugin = hub.kernel.context(plugin_id)
    layers = await hub.choices.layers(call, plugin_id, plugin.model)
    return _made(hub, kind, plugin, call, layers, own)


async def open_connection_context(
    hub: Hub,
    call: Call,
    connection_id: str,
    *,
    on_try: Callable[[Try], None] | None = None,
    trial: dict[str, Any] | None = None,
) -> ConnectionCall:
    """A connection's context: its settings over the institution's.

    ``trial`` are secrets that hold in this context alone, in place of those that are kept (None:
    without that one); what the plugin renews of them is put there, too. Raises NotFoundError,
    PluginUnavailableError and ConfigError with their cures.
    """
    rows = await hub.database.read(CONNECTION, call, id=connection_id)
    if not rows:
        raise NotFoundError(f"no connection {connection_id}")
    row = CONNECTION.as_dict(rows[0])
    refuse_other(call, row["owner_id"])
    plugin_id: str = row["plugin_id"]
    await hub.choices.require(call, plugin_id)
    plugin = hub.kernel.context(plugin_id)
    owner = Owner(call.institution, plugin_id, row["owner_id"], connection_id)
    own = OwnSettings(parsed(row["settings"]), row["row_version"], row["secrets"])
    layers = (
        *await hub.choices.layers(call, plugin_id, plugin.model, user=False),
        own.layer(owner, plugin.model, hub.database.ring.open, trial or {}),
    )
    config = hub.config.plugin(plugin_id, plugin.model, layers).config
    manifest = manifest_of(hub, plugin_id)
    http = hub.outside.client(
        manifest, config, call.institution, connection=connection_id, on_try=on_try
    )
    parts = {"connection": connection_id, "capability": row["capability"], "http": http}
    parts["owner"] = row["owner_id"]
    parts["trial"] = trial
    return _made(hub, ConnectionCall, plugin, call, layers, parts)


def refuse_other(call: Call, owner: str | None) -> None:
    """Raise ForbiddenError for a connection that somebody else has for themselves."""
    who = call.principal
    if owner is None or who.kind is PrincipalKind.SYSTEM:
        return
    if (who.kind, who.id) != (PrincipalKind.USER, owner):
        raise ForbiddenError(
            "somebody has connected this for themselves", cure="it can be paused, or removed"
        )


def file_context(
    hub: Hub, plugin_id: str, call: Call, connection: str, source: Path
) -> ConnectionCall:
    """The context of an imported file, which has no way out; it may block for a read."""
    plugin = hub.kernel.context(plugin_id)
    layers = hub.choices.layers_now(call, plugin_id, plugin.model)
    own = {"connection": connection, "source": source, "http": NoWayOut()}
    return _made(hub, ConnectionCall, plugin, call, layers, own)


def manifest_of(hub: Hub, plugin_id: str) -> Manifest:
    """The manifest of a plugin that is ready, or was a moment ago."""
    manifest = hub.kernel.plugins[plugin_id].manifest
    assert manifest is not None, "a plugin without one is never ready"
    return manifest


def config_now(hub: Hub, plugin_id: str, call: Call) -> PluginConfig:
    """A ready plugin's settings in the call's institution; it may block for a read."""
    plugin = hub.kernel.context(plugin_id)
    return _config(hub, plugin, hub.choices.layers_now(call, plugin_id, plugin.model))


def _config(hub: Hub, plugin: HubContext, layers: Sequence[Layer]) -> PluginConfig:
    if not layers:
        return plugin.config
    return hub.config.plugin(plugin.plugin_id, plugin.model, layers).config


def _made(
    hub: Hub,
    kind: type[C],
    plugin: HubContext,
    call: Call,
    layers: Sequence[Layer],
    own: dict[str, Any],
) -> C:
    manifest = manifest_of(hub, plugin.plugin_id)
    call = hub.offers.narrowed(call, manifest)
    config = _config(hub, plugin, layers)
    if "http" not in own:
        own["http"] = hub.outside.client(manifest, config, call.institution)
    return kind(hub=hub, plugin=plugin, manifest=manifest, call=call, config=config, **own)
