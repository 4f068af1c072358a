"""The consumers of the plugins that are ready, put together with what the hub has for them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from bloop.accounts.sessions import system_call
from bloop.events.consumers import Consumers
from bloop.events.handlers import Consumer
from bloop.events.hooks import hook_consumers
from bloop.events.means import Means, Timing
from bloop.events.reader import Log
from bloop.hub.contexts import PluginCall, manifest_of, open_context
from bloop.hub.units import PluginUnit
from bloop.store import idempotency
from bloop.store.models import EVERY_INSTITUTION

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.kernel import Kernel
    from bloop.store.unit import UnitOfWork
    from bloop_sdk import Call, CallContext, Unit


def make_consumers(hub: Hub) -> Consumers:
    """What runs the consumers of this process."""
    call = system_call(EVERY_INSTITUTION)
    limits = hub.config.value.limits

    def make_unit(unit: UnitOfWork, plugin_id: str) -> Unit:
        return PluginUnit(unit, manifest_of(hub, plugin_id), hub.jobs)

    async def make_context(plugin_id: str, call: Call) -> CallContext:
        return await open_context(hub, PluginCall, plugin_id, call)

    means = Means(
        database=hub.database,
        call=call,
        log=Log(hub.database, call),
        make_unit=make_unit,
        make_context=make_context,
        enabled=hub.choices.enabled_for,
        keep=hub.kernel.calls.hold,
        breakers=hub.kernel.breakers,
        timing=Timing(drain=limits.drain_seconds),
    )
    forget = partial(
        idempotency.trim, hub.database, call, timedelta(hours=limits.idempotency_hours)
    )
    return Consumers(means, keep=timedelta(days=limits.event_days), tidy=(forget,))


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
