"""The page of how the hub does: each part, the processes, and a few numbers over time."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, hub_of
from bloop.ops.topology import Process, processes
from bloop.ops.trends import RANGES, Part, parts, trend
from bloop.store.types import utcnow
from bloop.web.moments import moment, span
from bloop.web.render import locale_of, page, translations_of
from bloop.web.system_plots import Plots, marks

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

Range = Annotated[str, Field(pattern="^(1h|24h|7d)$")]

_STATES = {True: "well", None: "impaired", False: "failing_part"}


@router.get("/admin/system", action="ops:read", problems=(422,), include_in_schema=False)
async def show_system(request: Request, range: Range = "1h") -> Response:  # noqa: A002 - its word
    """Each part with its state, reason and cure; the processes; the last hour, day or week."""
    hub, locale = cast("Hub", hub_of(request)), locale_of(request)
    found, kept, running = await asyncio.gather(
        parts(hub), trend(hub, range), asyncio.to_thread(processes, hub)
    )
    drawn = Plots(kept, locale, translations_of(locale).gettext)
    shown = [_part(one, locale) for one in found]
    times = drawn.times()
    return await page(
        request,
        "system.html",
        ailing=sorted(
            (one for one in shown if one["ok"] is not True or one["is_late"]),
            key=lambda one: one["ok"] is not False,
        ),
        well=[one for one in shown if one["ok"] is True and not one["is_late"]],
        checked=moment(min((one.checked_at for one in found), default=None), locale),
        range=range,
        ranges=list(RANGES),
        plots=drawn.all(),
        ends=marks(times),
        times=times,
        table=drawn.table(),
        processes=[_process(one, locale) for one in running],
        versions=len({one.version for one in running if not one.is_stale}),
    )


def _part(part: Part, locale: str) -> dict[str, Any]:
    lasts = (utcnow() - datetime.fromisoformat(part.since)).total_seconds()
    return asdict(part) | {
        "since": moment(part.since, locale),
        "lasts": span(lasts, locale),
        "state": _STATES[part.ok],
    }


def _process(process: Process, locale: str) -> dict[str, Any]:
    return asdict(process) | {
        "beat": moment(process.beat_at, locale),
        "since": moment(process.started_at, locale),
        "state": "silent" if process.is_stale else "alive",
    }
