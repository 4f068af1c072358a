"""The page of rate limits: how much is let through, where that was set, who met it lately."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, hub_of
from bloop.api.limits import met_of
from bloop.ops.limits import limits
from bloop.store.types import to_text
from bloop.web.amounts import number
from bloop.web.moments import moment
from bloop.web.render import locale_of, page

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])


@router.get("/admin/limits", action="config:read", include_in_schema=False)
async def show_limits(request: Request) -> Response:
    """The limits in force, and who was refused by this process since it began."""
    hub, locale = cast("Hub", hub_of(request)), locale_of(request)
    return await page(
        request,
        "limits.html",
        limits=[asdict(one) | {"shown": number(one.value, locale)} for one in limits(hub)],
        met=[
            asdict(one) | {"at": moment(to_text(one.last), locale), "count": one.times}
            for one in met_of(request)
        ],
        process=f"{socket.gethostname()}:{os.getpid()}",
        is_shared=hub.database.shared_rates is not None,
    )
