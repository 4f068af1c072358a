"""Event hooks of plugins: those of one plugin are one consumer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bloop.events.handlers import Consumer, call_plain, in_thread, is_async, matches
from bloop.kernel.dispatch import Hooks
from bloop.kernel.outcomes import Implementation
from bloop_sdk.events import Event
from bloop_sdk.hooks import ContentEvent
from bloop_sdk.plugin import CallContext


@dataclass(frozen=True, slots=True)
class Feed:
    """The topics whose events reach a hook, and the hook's arguments for one of them."""

    topics: tuple[str, ...]
    arguments: Callable[[Event], dict[str, Any]]


def _content_changed(event: Event) -> dict[str, Any]:
    payload = event.payload
    change = ContentEvent(
        event_id=event.id,
        institution=event.institution,
        kind=str(payload["kind"]),
        id=str(payload["id"]),
        container=str(payload["container"] or ""),
        change=str(payload["change"]),
    )
    return {"event": change}


def _learner_enrolled(event: Event) -> dict[str, Any]:
    payload = event.payload
    return {
        "institution": event.institution,
        "learner": str(payload["id"]),
        "container": str(payload["container"]),
    }


def _video_ready(event: Event) -> dict[str, Any]:
    payload = event.payload
    return {
        "institution": event.institution,
        "lesson": str(payload["lesson"]),
        "video": str(payload["id"]),
    }


FEEDS: dict[str, Feed] = {
    "content_changed": Feed(
        ("content.container.*", "content.node.*", "content.item.*"), _content_changed
    ),
    "learner_enrolled": Feed(("learning.enrolled",), _learner_enrolled),
    "video_ready": Feed(("video.ready",), _video_ready),
}
"""The event hooks that something feeds."""


def hook_consumers(hooks: Hooks, seconds: float) -> list[Consumer]:
    """A consumer for each plugin that listens; a plain function has ``seconds`` in a thread."""
    by_plugin: dict[str, list[Implementation]] = {}
    for hook in FEEDS:
        for listener in hooks.listeners(hook):
            by_plugin.setdefault(listener.plugin, []).append(listener)
    return [
        Consumer(
            name=f"{plugin_id}:hooks",
            plugin_id=plugin_id,
            topics=tuple(topic for one in listeners for topic in FEEDS[one.hook].topics),
            target=partial(_handler, tuple(listeners), seconds),
            version=tuple(listeners),
        )
        for plugin_id, listeners in by_plugin.items()
    ]


def _handler(listeners: Sequence[Implementation], seconds: float) -> Callable[..., Any]:
    async def deliver(_ctx: CallContext, event: Event) -> None:
        for listener in listeners:
            feed = FEEDS[listener.hook]
            if not matches(event.topic, feed.topics):
                continue
            arguments = feed.arguments(event)
            if is_async(listener.function):
                await listener(**arguments)
            else:
                name = f"hook-{listener.plugin}-{listener.hook}"
                await in_thread(name, partial(call_plain, listener, **arguments), seconds)

    # Where it failed is looked for in the plugin.
    deliver.__module__ = listeners[0].function.__module__
    return deliver
