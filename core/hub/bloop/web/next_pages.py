"""What to learn next, on a page of its own, and what is due for review."""

from __future__ import annotations

import contextlib
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.tree_routes import run
from bloop.learning.recommend.log import note_opened
from bloop.learning.recommend.reasons import sentence
from bloop.learning.recommend.routes import recommender
from bloop.learning.reviews.routes import due
from bloop.store.errors import NotFoundError
from bloop.web.render import locale_of, page, translations_of

router = Router(tags=["pages"])

ON_PAGE = 8


def worded(request: Request, found: dict[str, Any]) -> dict[str, Any]:
    """A list with reasons in the reader's language."""
    translate = translations_of(locale_of(request)).gettext
    items = [
        one | {"reason": sentence(one["kind"], one["facts"], translate)} for one in found["items"]
    ]
    return found | {"items": items}


@router.get("/next", action="account:read", problems=(404,), include_in_schema=False)
async def show_next(request: Request, goal: str = "") -> Response:
    """What to learn next, and how much is to be reviewed."""
    call = call_of(request)
    asked = await recommender(request).next(call, goal[:60] or None, ON_PAGE)
    found = worded(request, asked)
    reviews = await due(hub_of(request).database, call, call.principal.id, limit=1)
    load = reviews["load"]
    return await page(
        request,
        "next.html",
        next=found,
        due=load[0],
        week=sum(load[1:8]),
        month=sum(load),
        may_see_map=may(call, "graph:read"),
    )


@router.get("/next/{list_id}/{item_id}", action="account:write", include_in_schema=False)
async def open_next(request: Request, list_id: str, item_id: str) -> Response:
    """Go to a lesson of a list; that it was opened is noted, if the list is the reader's own."""
    await recommender(request).log.flush()
    # Where there is no such list: the lesson's own page says whether it may be seen.
    with contextlib.suppress(NotFoundError):
        await run(request, note_opened, list_id, item_id)
    return RedirectResponse(f"/lessons/{item_id}", 303)
