"""The page of suggestions: what was inferred and nobody has looked at, settled many at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router
from bloop.content.tree_routes import run
from bloop.graph import queries, service
from bloop.graph.edges import EdgeKind
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.web.concept_pages import WRITE, read_explained
from bloop.web.render import page
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

AT_ONCE = 50
CONCEPTS = "concept"
KINDS = (CONCEPTS, *EdgeKind)
SURE = ("0", "0.5", "0.7", "0.9")
"""From which confidence on suggestions can be shown."""
LAST_PAGE = 10_000


@router.get("/concepts/suggestions", action=WRITE, include_in_schema=False)
async def show_suggestions(
    request: Request,
    kind: str = "",
    sure: str = "0",
    page: int = 1,
    ticked: int = 0,
    changed: int = 0,
) -> Response:
    """Suggestions of one kind, the surest first, with what speaks for them."""
    return await _suggestions(request, kind, sure, page, ticked=ticked, changed=changed)


async def _suggestions(
    request: Request, kind: str, sure: str, number: int, *, status: int = 200, **told: Any
) -> Response:
    sure = sure if sure in SURE else SURE[0]
    asked = {"sure": float(sure)}
    counts = dict.fromkeys(KINDS, 0)
    for one in await read_explained(request, queries.SUGGESTED, **asked):
        counts[one["kind"]] += one["number"]
    if kind not in counts:
        kind = next((one for one in KINDS if counts[one]), CONCEPTS)
    number = max(1, min(number, LAST_PAGE))
    span = {"limit": AT_ONCE, "offset": (number - 1) * AT_ONCE, **asked}
    if kind == CONCEPTS:
        found = await read_explained(request, queries.SUGGESTED_CONCEPTS, **span)
    else:
        found = await read_explained(request, queries.SUGGESTED_OF_KIND, kind=kind, **span)
    return await page(
        request,
        "suggestions.html",
        status=status,
        found=[
            one | {"key": _key(kind, one), "percent": round(one["confidence"] * 100)}
            for one in found
        ],
        counts=counts,
        kind=kind,
        sure=sure,
        steps=[(one, round(float(one) * 100)) for one in SURE],
        number=number,
        more=counts[kind] > number * AT_ONCE,
        **{"ticked": 0, "changed": 0, "fault": "", "again": (), **told},
    )


def _key(kind: str, row: dict[str, Any]) -> str:
    """What a box that is ticked sends."""
    return str(row["id"]) if kind == CONCEPTS else f"{row['target']} {kind} {row['source']}"


@router.post(
    "/concepts/suggestions", action=WRITE, problems=(403, 409, 422), include_in_schema=False
)
async def review(request: Request) -> Response:
    """Accept or reject what is ticked."""
    form = await read_form(request)
    chosen = [
        (subject, tuple(key.split(" ")))
        for subject in ("concept", "edge")
        for key in form.all(subject)
    ]
    if form["decision"] not in {"accept", "reject"}:
        raise InvalidError("decision: accept or reject", field="decision")
    decision: Any = {form["decision"]: chosen}
    try:
        changed = await run(request, service.review, **decision)
    except (ConflictError, NotFoundError) as err:
        again = {" ".join(key) for _, key in chosen}
        asked = form["kind"], form["sure"], 1
        return await _suggestions(request, *asked, status=409, fault=str(err), again=again)
    return RedirectResponse(f"/concepts/suggestions?{_where(form, changed)}", 303)


def _where(form: Form, changed: int) -> str:
    """The same view again, as a query."""
    kept = {name: form[name] for name in ("kind", "sure") if form[name]}
    return urlencode({**kept, "changed": changed})
