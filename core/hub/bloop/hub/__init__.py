"""The hub: everything below the faces, put together once for each process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import bloop.learning.lasting  # noqa: F401 - what keeps an import from being undone, for all faces
from bloop.accounts.queries import INSTITUTIONS, USED_LINKS
from bloop.accounts.service import issue_link
from bloop.accounts.sessions import Sessions, system_call
from bloop.hub.keys import check_keys, key_source
from bloop.hub.offers import Offers
from bloop.hub.services import Services
from bloop.hub.tables import Tables
from bloop.kernel.config import LoadedConfig, load
from bloop.kernel.institutions import InstitutionPlugins
from bloop.store.blobs import Blobs
from bloop.store.database import Database, in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.telemetry.logs import get_logger
from bloop_sdk import Call, ConfigError, PrincipalKind

if TYPE_CHECKING:
    from bloop.content.imports import Importer
    from bloop.jobs.context import RunningJob
    from bloop.kernel.toggle import Toggle
    from bloop.kernel.wanted import Changes, Wanted
    from bloop.kernel.watchdog import Watchdog
    from bloop.store.unit import UnitOfWork
    from bloop_sdk import Exporter, JobContext
    from bloop_sdk.providers.content import ContentProvider
    from bloop_sdk.records import JSONObject

log = get_logger("bloop.hub")


class Part(Protocol):
    """What a face hangs into a hub, to live as long as it does."""

    def start(self) -> None:
        """Begin, once the plugins are loaded."""
        ...

    async def stop(self) -> None:
        """End, while the database can still be reached."""
        ...


class Hub(Services):
    """What the faces reach: configuration, database, blobs, plugins, jobs and sessions.

    ``kind`` is ``api``, ``worker`` or ``cli``. A hub that is only opened has connected to nothing
    and imported no plugin; :meth:`start` makes it work, :meth:`load_plugins` is for commands.
    """

    def __init__(self, config: LoadedConfig, kind: str) -> None:
        store = config.value.store
        self.config = config
        self.kind = kind
        owner = store.owner_url.get_secret_value() if store.owner_url else None
        redis = config.value.redis.url
        self.database = Database(
            store.url.get_secret_value(),
            owner,
            redis_url=redis.get_secret_value() if redis else None,
            key_source=key_source(config),
            judge=_judge,
        )
        assert store.blobs is not None, "the configuration resolves it"
        self.blobs = Blobs(store.blobs)
        access, address = config.value.access, config.value.public_url
        self.sessions = Sessions(
            self.database,
            secure=address.startswith("https://"),
            days=access.session_days,
            idle_hours=access.idle_hours,
            issuer=address,
        )
        self.tables = Tables(self)
        self.choices = InstitutionPlugins(self.database)
        self.offers = Offers(self)
        self.workers = 0 if kind == "cli" or self.has_broker else config.value.jobs.workers
        """Jobs that this process runs at a time, of these queues; none named, all of them."""
        self.queues: tuple[str, ...] = config.value.jobs.queues
        self.loading = False
        self._attached: list[Callable[[], Part]] = []
        self._parts: list[Part] = []
        self._job_kinds: frozenset[str] = frozenset()
        self._loader: asyncio.Task[None] | None = None
        self._toggle: Toggle | None = None
        self._institution: str | None = None
        self._watchdog: Watchdog | None = None

    @classmethod
    def open(cls, path: Path | None, kind: str, *, host: str | None = None) -> Hub:
        """A hub of the configuration at ``path``; ``host`` overrides where it listens."""
        return cls(read_config(path, host=host), kind)

    @property
    def has_database(self) -> bool:
        """Whether there is a database to be asked; before `bloop init` an embedded hub has none."""
        file = self.database.url.database
        return not self.embedded or (file is not None and Path(file).is_file())

    @property
    def process_id(self) -> str | None:
        """What this process beats as, once it does."""
        return self._toggle.process_id if self._toggle is not None else None

    @property
    def journal_folder(self) -> Path:
        """Where processes tell which plugin's code they run."""
        return self.config.value.hub.data_dir / "journal"

    @property
    def institution(self) -> str:
        """The first institution; raises :class:`ConfigError` before `bloop init` made one."""
        if self._institution is None:
            rows = self.database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
            if not rows:
                raise ConfigError("this hub has no institution yet", cure="run: bloop init")
            self._institution = str(rows[0][0])
        return self._institution

    def stop_listening(self) -> None:
        """End the requests that would go on as long as the hub does: it stops."""
        if "live" in self.__dict__:
            self.live.end()

    # Plugins.

    def wanted(self) -> Wanted:
        """What the configuration wants of plugins."""
        from bloop.kernel.wanted import Wanted

        plugins = self.config.wanted()
        return Wanted(
            enabled=frozenset(plugin.id for plugin in plugins),
            order={plugin.id: plugin.order for plugin in plugins},
            settings={plugin.id: plugin.settings for plugin in plugins},
            granted={plugin.id: plugin.granted for plugin in plugins if plugin.granted is not None},
        )

    def load_plugins(self) -> Changes:
        """Load what is wanted; blocks for the imports."""
        return self.kernel.apply(self.wanted())

    async def reconfigure(self, config: LoadedConfig) -> Changes:
        """Take up a new configuration: its plugins at once, where to listen at the next start."""
        if self._toggle is None:
            return await self._bring(config)
        return await self._toggle.take_up(config)

    async def _bring(self, config: LoadedConfig) -> Changes:
        from bloop.hub.estimating import plugins_changed
        from bloop.hub.schedules import schedules_of

        self.config = config
        before = self.kernel.providers("mastery")
        changes = await asyncio.to_thread(self.load_plugins)
        await plugins_changed(self, before)
        await self.take_up_jobs()
        self.clock.follow(schedules_of(self))
        if self.kind != "worker":
            await self._take_up_consumers()
        self.loading = False
        return changes

    async def take_up_jobs(self) -> None:
        """Run the jobs of the plugins that are ready, and claim no more of the others'."""
        parts = {
            f"{part.plugin_id}.{part.declaration.kind}": part
            for part in self.kernel.contributions("jobs")
        }
        for kind in self._job_kinds - parts.keys():
            await self.jobs.unregister(kind)
        for kind in parts.keys() - self._job_kinds:
            self.jobs.register(kind, partial(self._run_plugin_job, kind))
        self._job_kinds = frozenset(parts)

    async def _take_up_consumers(self) -> None:
        """Have the consumers of the plugins that are ready; those of the others end."""
        from bloop.hub.consumers import consumers_of

        await self.consumers.follow(consumers_of(self))

    async def _run_plugin_job(self, kind: str, running: RunningJob, payload: JSONObject) -> Any:
        from bloop.hub.contexts import JobCall, open_context

        plugin_id, _, name = kind.partition(".")
        await self.choices.require(running.call, plugin_id)
        part = next(
            part
            for part in self.kernel.contributions("jobs")
            if (part.plugin_id, part.declaration.kind) == (plugin_id, name)
        )
        handler = await part.load()
        ctx: JobContext = await open_context(
            self, JobCall, plugin_id, running.call, running=running
        )
        return await handler(ctx, payload)

    def open_file_provider(
        self, call: Call, importer: Importer, connection: str, path: Path
    ) -> ContentProvider:
        """A provider that reads a file; raises PluginUnavailableError with a cure."""
        from bloop.hub.providers import open_file_provider

        return open_file_provider(self, call, importer, connection, path)

    def open_exporter(self, plugin_id: str) -> Exporter:
        """A plugin's exporter; raises PluginUnavailableError with a cure."""
        from bloop.hub.providers import open_exporter

        return open_exporter(self, plugin_id)

    async def brings_messages(self, call: Call) -> bool:
        """Whether some plugin brings messages to people, for the call's institution."""
        from bloop.hub.messages import notifier_for

        return await notifier_for(self, call) is not None

    async def landing(self, call: Call) -> str | None:
        """Where whoever sets an empty hub up begins; None for others, and beside a course."""
        from bloop.hub.setup.steps import landing

        return await landing(self, call)

    # Life.

    def attach(self, make: Callable[[], Part]) -> None:
        """Have a part of a face begin once this hub's plugins are loaded, and end with it."""
        self._attached.append(make)

    async def start(self) -> None:
        """Begin to work: tables now; plugins, which take longer, while requests are answered."""
        with contextlib.suppress(FileNotFoundError):
            # Looked for while there is room: Python takes a full disk's folder for none at all.
            await asyncio.to_thread(tempfile.gettempdir)
        await self.database.run(self.tables.prepare)
        await check_keys(self)
        self.guard()
        assert self._watchdog is not None, "the guard has just been set up"
        self._watchdog.watch(asyncio.get_running_loop())
        self.loading = True
        self._loader = asyncio.create_task(self._load(), name="load plugins")

    async def loaded(self) -> None:
        """Wait until the plugins have been loaded, for better or worse."""
        if self._loader is not None:
            await asyncio.shield(self._loader)

    async def stop(self) -> None:
        """Let everything that runs come to its end, then let go of it."""
        await self.loaded()
        for part in self._parts:
            await part.stop()
        if self._toggle is not None:
            await self._toggle.stop()
        # Only what was made has to end; each name is a part that this process may never have asked.
        made = self.__dict__
        parts = ("clock", "watches", "live", "consumers", "webhooks", "jobs", "auditing")
        for name in (*parts, "recommending", "places"):
            if name in made:
                await made[name].stop()
        if "kernel" in made:
            from bloop.kernel.wanted import Wanted

            await asyncio.to_thread(self.kernel.apply, Wanted())
        if self._watchdog is not None:
            self._watchdog.stop()
        if "outside" in made:
            await self.outside.close()
        if "sanitiser" in made:
            self.sanitiser.close()
        await self.sessions.stop()
        await self.database.close()

    async def _load(self) -> None:
        from bloop.kernel.toggle import Toggle

        try:
            self._toggle = Toggle(
                self.database,
                system_call(EVERY_INSTITUTION),
                self.config,
                self._bring,
                lambda: self.kernel.plugins,
                kind=self.kind,
                workers=self.workers,
                queues=self.queues,
            )
            await self._toggle.start()
        except Exception as err:
            log.error("plugins could not be loaded", exc_info=err)  # noqa: TRY400 - the SDK's Logger
        finally:
            self.loading = False
        await self.jobs.start()
        self.clock.start()
        self.watches.start()
        if self.kind != "worker":
            await self.consumers.start()
            await self.webhooks.start()
            self.auditing.start()
            await self.searching.begin()
        self._parts = [make() for make in self._attached]
        for part in self._parts:
            part.start()

    def guard(self) -> None:
        """Have a thread see to it that no plugin hangs; once, before the plugins are looked for."""
        from bloop.kernel.culprits import default_memory_bytes
        from bloop.kernel.journal import Journal
        from bloop.kernel.watchdog import Watchdog

        limits = self.config.value.limits
        memory = limits.memory_bytes
        self._watchdog = Watchdog(
            Journal(self.journal_folder),
            deadline=limits.import_seconds,
            stall=limits.watchdog_seconds,
            memory=default_memory_bytes() if memory is None else memory,
        )
        self._watchdog.start()

    def accuse(self, error: BaseException) -> None:
        """Find the plugin that raised what ends this process."""
        if self._watchdog is not None:
            self._watchdog.accuse(error)

    # Logging in.

    async def somebody_came_in(self) -> bool:
        """Whether anybody ever logged in."""
        return bool(await self.database.read(USED_LINKS, system_call(EVERY_INSTITUTION)))

    async def login_token(self) -> str:
        """A fresh single-use token for the operator of the first institution."""
        call = system_call(await asyncio.to_thread(lambda: self.institution))
        return await self.database.run(in_unit, self.database, call, issue_link)


def read_config(path: Path | None, *, host: str | None = None) -> LoadedConfig:
    """The configuration at ``path``, with what the command line adds; ConfigError tells faults."""
    from bloop.kernel.folders import switched_on

    env = os.environ | switched_on()
    if host is not None:
        env["BLOOP_HTTP__HOST"] = host
    return load(path, env)


def _judge(unit: UnitOfWork, action: str, row: Any = None) -> None:
    if unit.call.principal.kind is not PrincipalKind.SYSTEM:
        from bloop.accounts.policy.judge import judge
        from bloop.content.enrolling.standing import standing_of

        judge(unit, action, row, standing_of)
