"""The page on which an admin asks why somebody may do something, or may not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import ACTIONS
from bloop.web.render import page
from bloop_sdk import BloopError

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

Text = Annotated[str, Field(max_length=400)]


@router.get("/policy", action="policy:read", include_in_schema=False)
async def show_policy(
    request: Request, user: Text = "", action: Text = "", resource: Text = "", plugin: Text = ""
) -> Response:
    """A form, and the answer to what was asked with it."""
    hub = cast("Hub", hub_of(request))
    found: dict[str, Any] | None = None
    refused: BloopError | None = None
    if user and action:
        from bloop.hub.explaining import Question, explain

        asked = Question(user, action, resource, plugin=plugin or None)
        try:
            found = await asyncio.to_thread(explain, hub, call_of(request), asked)
        except BloopError as err:
            refused = err
    declared = (part.declaration.name for part in hub.kernel.contributions("actions"))
    return await page(
        request,
        "policy.html",
        status=200 if refused is None else 422,
        actions=sorted({*ACTIONS, *declared}),
        asked={"user": user, "action": action, "resource": resource, "plugin": plugin},
        found=found,
        refused=refused,
    )
