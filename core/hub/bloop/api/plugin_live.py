"""What a plugin's route shows as it changes: its :class:`bloop_sdk.LiveView` as a stream."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import call_of, hub_of
from bloop.api.event_stream import EventStream
from bloop.hub.listeners import Listener, frame
from bloop.hub.live import BEAT_SECONDS
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call, LiveView, NotFoundError

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import Contribution

LOOK_SECONDS = 0.5
"""How often a plugin is asked for news, where few people wait for any."""
MOST_LOOKS = 100
"""So many times a second at most, for all who wait in this process: each look reads."""
LONGEST_LOOK = 5.0
"""Seconds after which a look has failed."""


async def live_answer(
    request: Request, part: Contribution, view: LiveView, link: tuple[Call, float] | None = None
) -> Response:
    """The stream; 204 for who has seen the last of it, which tells a browser not to come again.

    Where the request came by a ``link``, it is for who signed that, until it expires (Unix time).
    """
    hub = cast("Hub", hub_of(request))
    known = request.headers.get("last-event-id", "")
    first = await view.look()
    if view.over(first) and _mark(first) == known:
        return Response(status_code=204)
    if request.method == "HEAD":
        return Response(media_type=EventStream.media_type)
    hub.live.admit()
    request.scope["bloop.edge"].deadlines.lift()
    if link is None:
        listener, until = Listener(call_of(request), request.scope.get("bloop.token")), None
    else:
        listener, until = Listener(link[0], None), link[1]
    return EventStream(listener, _frames(hub, part, view, listener, known, until))


def pause(looking: int) -> float:
    """Seconds between two looks of one of so many who wait in this process."""
    return max(LOOK_SECONDS, looking / MOST_LOOKS)


async def _frames(
    hub: Hub,
    part: Contribution,
    view: LiveView,
    listener: Listener,
    known: str,
    until: float | None,
) -> AsyncGenerator[bytes, None]:
    sent = time.monotonic()
    with hub.live.listening(listener), hub.live.looking():
        while until is None or time.time() < until:
            try:
                mark, found, over = await _look(hub, part, view, listener)
            except BloopError as err:
                # Gone, no longer theirs, or the plugin was switched off: who comes again is told.
                get_logger("bloop.plugin", plugin=part.plugin_id).info(
                    "a live view has ended", path=part.declaration.path, reason=str(err)
                )
                return
            if mark != known:
                known, sent = mark, time.monotonic()
                yield frame(found, id=mark)
            elif time.monotonic() - sent >= BEAT_SECONDS:
                sent = time.monotonic()
                yield frame()
            if over:
                return
            await asyncio.sleep(pause(hub.live.lookers))


async def _look(
    hub: Hub, part: Contribution, view: LiveView, listener: Listener
) -> tuple[str, Any, bool]:
    """What there is with its mark, and whether it was the last; raises as any call of a plugin."""
    if not await hub.choices.enabled_for(listener.call, part.plugin_id):
        raise NotFoundError(f"plugin {part.plugin_id} is switched off for this institution")

    async def looked() -> tuple[str, Any, bool]:
        found = await view.look()
        return _mark(found), found, bool(view.over(found))

    return await hub.kernel.calls.call(
        cast("Any", part),
        f"live {part.declaration.path}",
        looked(),
        timeout=LONGEST_LOOK,
        connection=listener.call.institution,
    )


def _mark(found: Any) -> str:
    """The same for the same, so that a browser that comes again is told only what is new."""
    return hashlib.sha256(orjson.dumps(found, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
