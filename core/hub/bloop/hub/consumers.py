"""The consumers of the plugins that are ready, put together with what the hub has for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from bloop.accounts.sessions import system_call
from bloop.events.consumers import Consumers
from bloop.events.handlers import Consumer
from bloop.events.hooks import hook_consumers
from bloop.events.means import Means, Timing
from bloop.events.reader import Log
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.values import PluginValues
from bloop_sdk import UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from bloop.hub import Hub
    from bloop.jobs import Jobs
    from bloop.kernel.kernel import Kernel
    from bloop.store.unit import UnitOfWork
    from bloop_sdk import Call, HttpClient, PluginContext, Unit
    from bloop_sdk.records import JSONObject

P = ParamSpec("P")
T = TypeVar("T")


def make_consumers(hub: Hub) -> Consumers:
    """What runs the consumers of this process."""
    call = system_call(EVERY_INSTITUTION)
    limits = hub.config.value.limits
    means = Means(
        database=hub.database,
        call=call,
        log=Log(hub.database, call),
        make_unit=hub.make_unit,
        make_context=hub.make_context,
        enabled=hub.choices.enabled_for,
        keep=hub.kernel.calls.hold,
        breakers=hub.kernel.breakers,
        timing=Timing(drain=limits.drain_seconds),
    )
    return Consumers(means, keep=timedelta(days=limits.event_days))


def consumers_of(kernel: Kernel) -> list[Consumer]:
    """What ready plugins declare, and one consumer for the event hooks of each."""
    declared = [
        Consumer(
            name=f"{part.plugin_id}.{part.declaration.name}",
            plugin_id=part.plugin_id,
            topics=part.declaration.topics,
            target=part.target,
            version=part.declaration,
        )
        for part in kernel.contributions("consumers")
    ]
    # A plugin's own name for a consumer has no colon, so none can pass for its hooks.
    return [*declared, *hook_consumers(kernel.hooks, Timing().delivery)]


@dataclass(frozen=True, slots=True)
class EffectUnit:
    """A :class:`bloop_sdk.Unit` of a consumer."""

    unit: UnitOfWork
    plugin_id: str
    jobs: Jobs

    @property
    def session(self) -> Session:
        """For the plugin's own tables."""
        return self.unit.session

    @property
    def institution(self) -> str:
        """Whose rows these are."""
        return self.unit.institution

    def emit(self, topic: str, aggregate: str, payload: JSONObject) -> None:
        """Append to the outbox."""
        self.unit.outbox.append(topic, aggregate, payload)

    def audit(self, action: str, resource: str, detail: JSONObject | None = None) -> None:
        """Append an audit line."""
        self.unit.audit.append(action, resource, detail)

    def enqueue(
        self, kind: str, payload: JSONObject, *, key: str | None = None, delay: float = 0.0
    ) -> str:
        """Ask for one of the plugin's own jobs."""
        name = f"{self.plugin_id}.{kind}"
        options = {"plugin_id": self.plugin_id, "key": key, "delay": delay}
        return self.jobs.enqueue(self.unit, name, payload, **options)


class DeliveryContext:
    """A :class:`bloop_sdk.CallContext` of a consumer; it has no way to the outside yet."""

    def __init__(self, hub: Hub, plugin: PluginContext, call: Call) -> None:
        self.call = call
        self.plugin_id = plugin.plugin_id
        self.config = plugin.config
        self.log = plugin.log
        self.run_sync = plugin.run_sync
        self._hub = hub
        self._plugin = plugin

    @property
    def data_dir(self) -> Path:
        """The plugin's folder."""
        return self._plugin.data_dir

    @property
    def http(self) -> HttpClient:
        """The one way out."""
        raise UnsupportedError("this hub was put together without a way out")

    @property
    def store(self) -> PluginValues:
        """The plugin's values in this institution."""
        return PluginValues(self._hub.database, self.call, self.plugin_id)

    async def transaction(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run in a unit of work, in the thread that writes."""

        def writing() -> T:
            with self._hub.database.unit(self.call) as unit:
                return work(self._hub.make_unit(unit, self.plugin_id), *args, **kwargs)

        return await self._hub.database.run(writing)

    read = transaction
