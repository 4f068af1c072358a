"""The page of a course's progress: how far its learners are, who is stuck, and what they know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.queries import CONTAINER, CONTAINER_SHOWN
from bloop.content.tree_routes import one, taught
from bloop.learning.classes.routes import page_of_class
from bloop.learning.classes.service import ORDERS, Class, class_of, spread_of, weeks_of
from bloop.store.errors import InvalidError
from bloop.web import plots
from bloop.web.course_parts import parts_on
from bloop.web.moments import moment
from bloop.web.render import locale_of, page

router = Router(tags=["pages"])

READ = "learning:read"
AT_ONCE = 50
STUCK_AT_ONCE = 5
CONCEPTS_AT_ONCE = 10
FIRST_DOWN = {"done", "known", "seen"}
"""What a first click sorts with the most first."""


@router.get(
    "/courses/{container_id}/progress",
    action=READ,
    also=taught("containers", "container_id"),
    problems=(404,),
    include_in_schema=False,
)
async def show_progress(
    request: Request, container_id: str, sort: str = "name", only: str = "", cursor: str = ""
) -> Response:
    """How far the learners of a course are, drawn and in numbers."""
    course = await one(request, CONTAINER_SHOWN, CONTAINER, container_id)
    database, call = hub_of(request).database, call_of(request)
    sort = sort if sort.removeprefix("-") in ORDERS else "name"
    only = only if only == "stuck" else ""
    found = await class_of(database, call, container_id, sort)
    try:
        shown = page_of_class(found, cursor, AT_ONCE, only)
    except InvalidError:  # Whom the page began behind is gone: it begins anew.
        shown = page_of_class(found, "", AT_ONCE, only)
    weeks = await weeks_of(database, call, container_id, [row["id"] for row in shown["items"]])
    most = max(map(max, weeks.values()), default=0)  # Plots of one page are compared.
    spread = await spread_of(database, call, container_id, len(found.learners))
    locale, asked = locale_of(request), {"sort": sort, "only": only}
    tenths = plots.tenths([_share(row) for row in found.learners])
    return await page(
        request,
        "course_progress.html",
        course=course,
        parts=parts_on(request, container_id, READ),
        group=found,
        counts=_counts(found),
        tenths=tenths,
        far=plots.columns(tenths),
        learners=[_row(row, weeks, locale, most) for row in shown["items"]],
        stuck=[_row(row, {}, locale) for row in found.stuck[:STUCK_AT_ONCE]],
        concepts=[one | {"plot": plots.stacked(_parts(one))} for one in spread],
        concepts_first=CONCEPTS_AT_ONCE,
        orders=_orders(sort, only),
        only=only,
        following=_query(asked | {"cursor": shown["next"]}) if shown["next"] else None,
        is_later=bool(cursor),
        first_page=_query(asked),
        sees_people=may(call, "users:read"),
    )


def _counts(found: Class) -> dict[str, int]:
    begun = sum(1 for row in found.learners if row["begun"])
    return {
        "all": len(found.learners),
        "finished": found.finished,
        "under_way": max(0, begun - found.finished),
        "not_begun": len(found.learners) - begun,
        "stuck": len(found.stuck),
    }


def _share(row: Mapping[str, Any]) -> float:
    share: float = row["done"] / row["lessons"] if row["lessons"] else 0.0
    return share


def _row(
    row: Mapping[str, Any], weeks: Mapping[str, list[int]], locale: str, most: int = 0
) -> dict[str, Any]:
    of_weeks = weeks.get(row["id"])
    return {
        **row,
        "seen": moment(row["seen_at"], locale),
        "bar": plots.stacked({"done": row["done"], "left": row["lessons"] - row["done"]}),
        "weeks": of_weeks,
        "weeks_plot": plots.columns(of_weeks, most) if of_weeks else [],
    }


def _parts(one: Mapping[str, Any]) -> dict[str, int]:
    return {name: one[name] for name in ("known", "unsure", "weak", "silent")}


def _query(asked: Mapping[str, str | None]) -> str:
    """The query of this page for what was asked, without what goes without saying."""
    told = {name: value for name, value in asked.items() if value and (name, value) != USUAL}
    return f"?{urlencode(told)}"


USUAL = ("sort", "name")


def _orders(sort: str, only: str) -> dict[str, dict[str, str]]:
    """For each column what ``aria-sort`` says of it, and the query of a click on it."""
    found = {}
    for name in ORDERS:
        is_down, is_up = sort == f"-{name}", sort == name
        first = f"-{name}" if name in FIRST_DOWN else name
        turned = name if is_down else f"-{name}"
        found[name] = {
            "query": _query({"sort": turned if is_down or is_up else first, "only": only}),
            "aria": "descending" if is_down else "ascending" if is_up else "",
        }
    return found
