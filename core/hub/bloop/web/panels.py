"""Panels that plugins add to a lesson, a course and the admin's page: at once, and briefly.

What fails, hangs or gives rubbish is left out and counted; the page is served without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup
from starlette.requests import Request

from bloop.accounts.access import call_of, hub_of
from bloop.hub.contexts import open_context
from bloop.kernel.faults import CircuitOpenError
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop.web.plugin_static import addresses
from bloop_sdk import DeadlineError, PanelSubject, PanelView

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import Contribution

PANEL_SECONDS = 1.5
"""All panels of a page together may keep it waiting so long."""

GRACE_SECONDS = 0.25
"""For a panel to end once it was told to."""

LONGEST = 256 * 1024
"""The most characters of a panel."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a page; its HTML is the plugin's own."""

    plugin: str
    html: Markup
    modules: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()


def parts(beside: Iterable[Panel]) -> dict[str, Any]:
    """What a page has to load for its panels, as :func:`bloop.web.render.page` takes it."""
    shown = list(beside)
    return {
        "modules": [module for panel in shown for module in panel.modules],
        "styles": [style for panel in shown for style in panel.styles],
    }


async def panels(request: Request, subject: PanelSubject) -> list[Panel]:
    """The panels of a page for this visitor, in the plugins' order."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    parts = [
        part
        for part in hub.kernel.contributions("panels")
        if part.declaration.slot == subject.slot
        and hub.offers.may(call, part.plugin_id, part.declaration.action)
    ]
    if not parts:
        return []
    off = await hub.choices.off(call)
    tasks = {
        asyncio.create_task(_panel(hub, request, part, subject)): part
        for part in parts
        if part.plugin_id not in off
    }
    if not tasks:
        return []
    try:
        # Each has its own deadline; a plugin may swallow that, and the page does not wait for it.
        await asyncio.wait(tasks, timeout=PANEL_SECONDS + GRACE_SECONDS)
    finally:
        for task in tasks:
            task.add_done_callback(_told)
            task.cancel()
    return [
        panel
        for task, part in tasks.items()
        if (panel := _taken(hub, task, part, call.institution))
    ]


async def _panel(
    hub: Hub, request: Request, part: Contribution, subject: PanelSubject
) -> Panel | None:
    from bloop.web.plugin_calls import RequestCall

    view = await part.load()
    ctx = await open_context(hub, RequestCall, part.plugin_id, call_of(request), request=request)

    async def work() -> Any:
        answer = await view(request, ctx, subject)
        if answer is None:
            return None
        shown = answer if isinstance(answer, PanelView) else PanelView(html=answer)
        html: Any = shown.html  # A stranger's, which may be anything.
        if not isinstance(html, str) or len(html) > LONGEST:
            raise TypeError(f"a panel is HTML of at most {LONGEST} characters, or None")
        return Panel(
            part.plugin_id,
            Markup(html),  # noqa: S704  # nosec B704 - trusted code's
            tuple(addresses(hub, part.plugin_id, shown.scripts)),
            tuple(addresses(hub, part.plugin_id, shown.styles)),
        )

    found: Panel | None = await hub.kernel.calls.call(
        cast("Any", part),
        f"panel {subject.slot}",
        work(),
        timeout=PANEL_SECONDS,
        connection=call_of(request).institution,
    )
    return found


def _told(task: asyncio.Task[Panel | None]) -> None:
    """Ask for the error of one that ended too late, of which nobody else will."""
    if not task.cancelled():
        task.exception()


def _taken(
    hub: Hub, task: asyncio.Task[Panel | None], part: Contribution, institution: str
) -> Panel | None:
    """What a panel has become; one that is not done costs its plugin's breaker."""
    slot = part.declaration.slot
    error: BaseException | None
    if not task.done():
        error = DeadlineError(f"panel {slot} did not end when its time was over")
        hub.kernel.breakers.get(part.plugin_id, f"panel {slot}", institution).failed(error)
    else:
        error = task.exception()
    if error is None:
        metrics().panels.labels(part.plugin_id, slot, "ok").inc()
        return task.result()
    outcome = "skipped" if isinstance(error, CircuitOpenError) else "failed"
    metrics().panels.labels(part.plugin_id, slot, outcome).inc()
    if outcome == "failed":
        get_logger("bloop.plugin", plugin=part.plugin_id).warning(
            "panel left out", slot=slot, reason=str(error)
        )
    return None
