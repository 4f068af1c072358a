"""What a process makes of the hub on first use, from the kernel to what sends webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from bloop.hub.offers import check_policies
from bloop.telemetry.logs import get_logger

if TYPE_CHECKING:
    from bloop.accounts.privacy.service import Sources
    from bloop.accounts.sessions import Sessions
    from bloop.content.sanitising import SanitiserProcess
    from bloop.events.consumers import Consumers
    from bloop.graph.live import Graphs
    from bloop.hub import Hub
    from bloop.hub.auditing import Auditing
    from bloop.hub.links import Links
    from bloop.hub.live import Live
    from bloop.hub.outside import Outside
    from bloop.hub.search import Searching
    from bloop.hub.tables import Tables
    from bloop.hub.watching import Watches
    from bloop.jobs import Jobs
    from bloop.jobs.clock import Clock
    from bloop.kernel.config import LoadedConfig
    from bloop.kernel.config_layers import Resolved
    from bloop.kernel.kernel import Kernel
    from bloop.kernel.outcomes import HookFailure
    from bloop.kernel.watchdog import Watchdog
    from bloop.learning.behind import Behind
    from bloop.learning.recommend.service import Recommender
    from bloop.store.database import Database
    from bloop.webhooks.sender import Sender
    from bloop_sdk.plugin import Logger
    from bloop_sdk.settings import PluginConfig


class Services:
    """The parts of a hub that are made when they are first asked for.

    What a process never asks for it never imports: a command's has no consumers. Each stands in
    the hub's ``__dict__`` once it is made, and only what stands there has to be stopped.
    """

    config: LoadedConfig
    database: Database
    sessions: Sessions
    tables: Tables
    workers: int
    queues: tuple[str, ...]
    _watchdog: Watchdog | None

    @property
    def _hub(self) -> Hub:
        return cast("Hub", self)

    @property
    def embedded(self) -> bool:
        """Whether this process may upgrade tables by itself: on SQLite nobody else serves."""
        return self.database.dialect == "sqlite"

    @property
    def has_broker(self) -> bool:
        """Whether Celery carries the jobs, so that none are run by who serves."""
        return self.config.value.jobs.carrier == "celery"

    @cached_property
    def kernel(self) -> Kernel:
        """The plugins of this process; what is installed is looked for on first use."""
        from bloop.kernel.discovery import scan
        from bloop.kernel.host import Host
        from bloop.kernel.kernel import Kernel

        host = Host(
            data_dir=self.config.value.hub.data_dir,
            log=_plugin_log,
            resolve=self._resolve,
            pending_upgrade=self.tables.pending,
            check_policies=check_policies,
            report=_report,
            drain_seconds=self.config.value.limits.drain_seconds,
        )
        return Kernel(scan(), host, watchdog=self._watchdog)

    @cached_property
    def jobs(self) -> Jobs:
        """The ledger of jobs; a command's process only asks for them."""
        from bloop.hub.handlers import register
        from bloop.jobs import Jobs, Timing

        drain = self.config.value.limits.drain_seconds
        # With SQLite all processes are on one machine, which sees at once who has died; a long
        # write may hold up their beats.
        timing = Timing(drain=drain, lease=30.0) if self.embedded else Timing(drain=drain)
        url = self.config.value.jobs.broker_url if self.has_broker else None
        made = Jobs(
            self.database,
            workers=self.workers,
            queues=self.queues,
            timing=timing,
            broker_url=url.get_secret_value() if url else None,
        )
        register(self._hub, made.register)
        return made

    @cached_property
    def clock(self) -> Clock:
        """What starts jobs by schedule, in every process that serves or works."""
        from bloop.hub.schedules import make_clock

        return make_clock(self._hub)

    @cached_property
    def graphs(self) -> Graphs:
        """The concept graphs that this process holds."""
        from bloop.graph.live import Graphs

        return Graphs(self.database)

    @cached_property
    def recommending(self) -> Recommender:
        """What tells people what to learn next, in this process."""
        from bloop.hub.learning import filter_of
        from bloop.learning.recommend.service import Recommender

        return Recommender(self.database, self.graphs, filter_of(self._hub))

    @cached_property
    def places(self) -> Behind:
        """Where people were last, as this process has yet to write it."""
        from bloop.learning.behind import Behind
        from bloop.learning.today import places

        return Behind(self.database, places.write, places.WHAT)

    @cached_property
    def watches(self) -> Watches:
        """The connections that this process watches for changes."""
        from bloop.hub.watching import Watches

        return Watches(self._hub)

    @cached_property
    def sources(self) -> Sources:
        """Where people's data is."""
        from bloop.hub.privacy import sources_of

        return sources_of(self._hub)

    @cached_property
    def auditing(self) -> Auditing:
        """What checks and anchors the audit log in this process."""
        from bloop.hub.auditing import Auditing

        return Auditing(self._hub)

    @cached_property
    def links(self) -> Links:
        """What signs addresses of plugins' routes, and opens them."""
        from bloop.hub.links import Links

        return Links(self._hub)

    @cached_property
    def outside(self) -> Outside:
        """The one way out of plugins."""
        from bloop.hub.outside import Outside
        from bloop.net.boards import board_for

        config, redis = self.config.value, self.config.value.redis.url
        folder = config.hub.data_dir / "pace"
        board = board_for(self.database.url, redis.get_secret_value() if redis else None, folder)
        return Outside(config.net, board)

    @cached_property
    def sanitiser(self) -> SanitiserProcess:
        """What cleans the HTML of first syncs beside this process."""
        from bloop.content.sanitising import SanitiserProcess

        return SanitiserProcess()

    @cached_property
    def consumers(self) -> Consumers:
        """Who reads the log of events in this process; a command's process has none."""
        from bloop.hub.consumers import make_consumers

        return make_consumers(self._hub)

    @cached_property
    def searching(self) -> Searching:
        """What this process has for search."""
        from bloop.hub.search import Searching

        return Searching(self._hub)

    @cached_property
    def live(self) -> Live:
        """Who listens to events as they happen, in this process."""
        from bloop.hub.live import Live

        keep = timedelta(days=self.config.value.limits.event_days)
        return Live(self.database, self.consumers, self.sessions, keep=keep)

    @cached_property
    def webhooks(self) -> Sender:
        """What sends events to the addresses of institutions; a command sends only tests."""
        from bloop.webhooks.keys import Keyring
        from bloop.webhooks.sender import Sender

        config = self.config.value
        return Sender(
            self.database,
            self.outside.transport,
            self.outside.guard,
            Keyring(config.hub.data_dir),
            keep=timedelta(days=config.limits.webhook_days),
            drain=config.limits.drain_seconds,
        )

    def _resolve(
        self, plugin_id: str, model: type[PluginConfig], _written: Mapping[str, Any]
    ) -> Resolved[PluginConfig]:
        return self.config.plugin(plugin_id, model)


def _plugin_log(plugin_id: str) -> Logger:
    return get_logger("bloop.plugin", plugin=plugin_id)


def _report(failure: HookFailure) -> None:
    _plugin_log(failure.plugin).warning("hook failed", hook=failure.hook, reason=str(failure))
