"""Drafts of lessons, what a course has not published, and what happened in it, over the API."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.content import drafts, edited, removed
from bloop.content.act_routes import refuser
from bloop.content.draft_schemas import (
    DraftIn,
    DraftOut,
    HistoryList,
    Published,
    PublishIn,
    UnpublishedList,
)
from bloop.content.editing_queries import HISTORY, ITEM_EDITED, ITEMS_UNPUBLISHED
from bloop.content.publishing import publish_chosen
from bloop.content.texts import unsafe_html_of_markdown
from bloop.content.tree_routes import PAGE_LIMIT, WRITES, run, taught
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed, to_dicts

router = Router(prefix="/api/v1", tags=["content"])

_THIS_ITEM = taught("items", "item_id")
_THIS_CONTAINER = taught("containers", "container_id")


@router.get(
    "/items/{item_id}/draft",
    action="content:write",
    also=_THIS_ITEM,
    response_model=DraftOut,
    problems=(404,),
)
async def show_draft(request: Request, item_id: str) -> Response:
    """The text that an author goes on writing: the draft, or what is published."""
    return await _answer(request, item_id)


@router.put(
    "/items/{item_id}/draft",
    action="content:write",
    also=_THIS_ITEM,
    response_model=DraftOut,
    problems=WRITES,
)
async def write_draft(request: Request, item_id: str, body: DraftIn) -> Response:
    """Write a text that learners do not see until it is published; ``removed`` was taken out."""
    changes = body.model_dump(exclude_unset=True)
    await run(request, drafts.write, item_id, expected_version(request), changes)
    html = changes.get("html") or ""
    if changes.get("markdown") is not None:
        html = unsafe_html_of_markdown(changes["markdown"])
    gone = [
        {"what": one.what, "name": one.name, "count": one.count} for one in removed.removed(html)
    ]
    return await _answer(request, item_id, gone)


@router.delete(
    "/items/{item_id}/draft",
    action="content:write",
    also=_THIS_ITEM,
    response_model=DraftOut,
    problems=WRITES,
)
async def discard_draft(request: Request, item_id: str) -> Response:
    """Throw the draft away: what is published stays. It is kept among the versions."""
    await run(request, drafts.discard, item_id, expected_version(request))
    return await _answer(request, item_id)


async def _answer(request: Request, id_: str, gone: list[dict[str, Any]] | None = None) -> Response:
    row = await hub_of(request).database.read_one(ITEM_EDITED, call_of(request), id=id_)
    if row is None:
        raise NotFoundError(f"nothing here has the id {id_[:40]}")
    found = ITEM_EDITED.as_dict(row)
    shown = _draft(found) | {"removed": gone or []}
    return json_response(shown, version=found["row_version"])


def _draft(found: dict[str, Any]) -> dict[str, Any]:
    kept = {name: parsed(found[name]) for name in ("data", "draft")}
    row = edited.kept_row({**found, **kept})
    text = edited.newest(row)
    return {
        "item": row.id,
        "title": text["title"],
        "html": text["html"],
        "markdown": edited.source_of(text),
        "language": text["language"],
        "published": row.published,
        "is_draft": edited.draft_of(row) is not None,
        "moved_on": edited.has_moved_on(row),
        "row_version": row.row_version,
    }


@router.get(
    "/containers/{container_id}/unpublished",
    action="content:write",
    also=_THIS_CONTAINER,
    response_model=UnpublishedList,
)
async def list_unpublished(request: Request, container_id: str) -> Response:
    """What learners do not see yet of what a course holds, and drafts of what they do."""
    rows = await hub_of(request).database.read(
        ITEMS_UNPUBLISHED, call_of(request), container=container_id
    )
    found = [_draft(row) for row in to_dicts(ITEMS_UNPUBLISHED, rows)]
    return json_response({"items": found})


@router.post(
    "/containers/{container_id}/publish-chosen",
    action="content:publish",
    also=_THIS_CONTAINER,
    response_model=Published,
    problems=(404, 409, 412, 422),
)
async def publish_some(request: Request, container_id: str, body: PublishIn) -> Response:
    """Publish all that is named, at the versions that are named with it, or nothing of it."""
    count = await run(
        request,
        publish_chosen,
        container_id,
        await refuser(request),
        items=body.items,
        nodes=body.nodes,
        container=body.container,
    )
    return json_response({"published": count})


@router.get(
    "/containers/{container_id}/history",
    action="content:write",
    also=_THIS_CONTAINER,
    response_model=HistoryList,
)
async def show_history(
    request: Request, container_id: str, limit: int = 50, before: str = ""
) -> Response:
    """What was changed in a course, the newest first; its row's ``undo`` takes a change back."""
    limit = max(1, min(limit, PAGE_LIMIT))
    rows = await hub_of(request).database.read(
        HISTORY, call_of(request), container=container_id, before=before, limit=limit + 1
    )
    found = to_dicts(HISTORY, rows)
    more = found[limit - 1]["id"] if len(found) > limit else None
    return json_response({"items": found[:limit], "next": more})
