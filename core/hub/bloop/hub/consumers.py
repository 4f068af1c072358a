"""The consumers of the hub and of its ready plugins, with what the hub has for them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, cast

from bloop.accounts.messages import service as messages
from bloop.accounts.privacy.exporting import forget_exports
from bloop.accounts.sessions import system_call
from bloop.content.search import index
from bloop.events.consumers import Consumers
from bloop.events.handlers import Consumer
from bloop.events.hooks import hook_consumers
from bloop.events.means import Means, Timing
from bloop.events.reader import Log
from bloop.graph import mentions
from bloop.graph import trim as graph_trim
from bloop.hub.contexts import PluginCall, config_now, manifest_of, open_context
from bloop.hub.units import PluginUnit
from bloop.jobs import trim
from bloop.learning import following, submissions
from bloop.store import idempotency
from bloop.store.models import EVERY_INSTITUTION
from bloop.webhooks import queue

_HUBS = frozenset({index.OWNER, mentions.OWNER, following.OWNER, submissions.OWNER})
_OWN = _HUBS | {queue.OWNER}
"""The hub's own consumers: their handlers have the whole unit."""

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.store.unit import UnitOfWork
    from bloop_sdk import Call, CallContext, Unit


def make_consumers(hub: Hub) -> Consumers:
    """What runs the consumers of this process."""
    call = system_call(EVERY_INSTITUTION)
    limits = hub.config.value.limits

    def make_unit(unit: UnitOfWork, plugin_id: str) -> Unit:
        if plugin_id in _OWN:
            return cast("Unit", unit)  # It has the session and the institution.
        settings = partial(config_now, hub, plugin_id, unit.call)
        return PluginUnit(unit, manifest_of(hub, plugin_id), hub.jobs, settings)

    async def make_context(plugin_id: str, call: Call) -> CallContext:
        return await open_context(hub, PluginCall, plugin_id, call)

    async def enabled(call: Call, plugin_id: str) -> bool:
        if plugin_id == queue.OWNER:
            return await hub.webhooks.has_endpoints(call)
        if plugin_id in _HUBS:
            return True
        return await hub.choices.enabled_for(call, plugin_id)

    def keep(plugin_id: str) -> AbstractContextManager[None]:
        return nullcontext() if plugin_id in _OWN else hub.kernel.calls.hold(plugin_id)

    means = Means(
        database=hub.database,
        call=call,
        log=Log(hub.database, call),
        make_unit=make_unit,
        make_context=make_context,
        enabled=enabled,
        keep=keep,
        breakers=hub.kernel.breakers,
        timing=Timing(drain=limits.drain_seconds),
    )
    forget = partial(
        idempotency.trim, hub.database, call, timedelta(hours=limits.idempotency_hours)
    )
    trim_jobs = partial(trim.trim, hub.database, call, timedelta(days=limits.job_days))
    trim_messages = partial(messages.trim, hub.database, call, timedelta(days=limits.job_days))

    trim_graph = partial(graph_trim.trim, hub.database, call, timedelta(days=limits.graph_days))

    def tidy_tokens() -> None:
        from bloop.accounts.tokens.tidy import tidy

        tidy(hub.database, call)

    def tidy_blobs() -> None:
        from bloop.hub.storage.counting import count_if_due
        from bloop.hub.sweeping import sweep_if_due

        sweep_if_due(hub)
        count_if_due(hub)  # Last, so that it counts what the others left.

    exports = partial(forget_exports, hub.database, hub.sources, call)
    return Consumers(
        means,
        keep=timedelta(days=limits.event_days),
        tidy=(forget, trim_jobs, trim_messages, trim_graph, tidy_tokens, exports, tidy_blobs),
    )


def consumers_of(hub: Hub) -> list[Consumer]:
    """The hub's own, what ready plugins declare, and one for the event hooks and sink of each."""
    kernel = hub.kernel
    declared = [
        Consumer(
            name=f"{part.plugin_id}.{part.declaration.name}",
            plugin_id=part.plugin_id,
            topics=part.declaration.topics,
            target=part.target,
            version=part.declaration,
            partitions=part.declaration.partitions,
        )
        for part in kernel.contributions("consumers")
    ]
    sinks = [
        Consumer(
            name=f"{handle.plugin_id}:sink",
            plugin_id=handle.plugin_id,
            topics=("*",),
            target=partial(handle.create, kernel.context(handle.plugin_id)),
            # New settings come in a new context.
            version=kernel.context(handle.plugin_id),
        )
        for handle in kernel.providers("sink")
    ]
    hooks = hook_consumers(kernel.hooks, Timing().delivery)
    # A plugin's own name for a consumer has no colon, so none can pass for these.
    return [
        hub.webhooks.consumer(),
        *hub.searching.consumers(),
        mentions.consumer(),
        submissions.consumer(),
        following.consumer(hub.jobs.enqueue),
        *declared,
        *hooks,
        *sinks,
    ]
