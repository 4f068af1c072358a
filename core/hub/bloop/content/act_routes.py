"""What can be done to containers, items and nodes alike, and what is known of syncing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.content import history, queries, service
from bloop.content.connection_queries import QUARANTINE, RUN
from bloop.content.models import Container, Item, Node, Sourced
from bloop.content.schemas import (
    ContainerOut,
    ItemOut,
    NodeOut,
    QuarantineList,
    RunOut,
    UndoIn,
    VersionList,
)
from bloop.content.tree_routes import (
    PAGE_LIMIT,
    WRITES,
    answer_container,
    answer_item,
    answer_node,
    answer_page,
    one,
    run,
    taught,
)
from bloop.content.versions import subject_of
from bloop.store.statements import to_dicts
from bloop_sdk import LessonView, Principal

router = Router(prefix="/api/v1", tags=["content"])

_SUBJECTS: dict[str, tuple[type[Sourced], type[Any]]] = {
    "containers": (Container, ContainerOut),
    "items": (Item, ItemOut),
    "nodes": (Node, NodeOut),
}


def _add_acts(subject: str, model: type[Sourced], answer: type[Any]) -> None:
    """``POST /SUBJECT/{id}/ACT``, answered with the subject as it is afterwards."""

    async def publish(request: Request, subject_id: str) -> Response:
        """Show it to learners, unless a plugin has a reason against it."""
        version = expected_version(request)
        refuse = await refusal(request)
        row = await run(request, service.publish, model, subject_id, version, refuse)
        return await _answer(request, row)

    async def unpublish(request: Request, subject_id: str) -> Response:
        """Hide it from learners."""
        version = expected_version(request)
        row = await run(request, service.unpublish, model, subject_id, version)
        return await _answer(request, row)

    async def restore(request: Request, subject_id: str) -> Response:
        """Take it out of the trash."""
        version = expected_version(request)
        row = await run(request, service.restore, model, subject_id, version)
        return await _answer(request, row)

    async def undo(request: Request, subject_id: str, body: UndoIn) -> Response:
        """Take its last change back, or go back to an earlier version."""
        version, refuse = expected_version(request), await refusal(request)
        row = await run(request, history.undo, model, subject_id, version, refuse, to=body.to)
        return await _answer(request, row)

    async def versions(
        request: Request, subject_id: str, limit: int = 50, before: int = 2**31 - 1
    ) -> Response:
        """What it held before, newest first."""
        return await _versions(request, subject_of(model), subject_id, limit, before)

    also = taught(subject, "subject_id")
    acts: tuple[tuple[Callable[..., Any], str], ...] = (
        (publish, "content:publish"),
        (unpublish, "content:publish"),
        (restore, "content:write"),
        (undo, "content:write"),
    )
    for handler, action in acts:
        path = f"/{subject}/{{subject_id}}/{handler.__name__}"
        router.post(path, action=action, also=also, response_model=answer, problems=WRITES)(handler)
    router.get(
        f"/{subject}/{{subject_id}}/versions",
        action="content:write",
        also=also,
        response_model=VersionList,
    )(versions)


async def _answer(request: Request, row: Any) -> Response:
    if isinstance(row, Item):
        return await answer_item(request, row.id)
    if isinstance(row, Container):
        return await answer_container(request, row.id)
    return answer_node(row)


async def refusal(request: Request) -> service.RefusePublish:
    """Asks the plugins of the caller's institution what speaks against publishing something."""
    hub = hub_of(request)
    hooks = hub.kernel.hooks.without(await hub.choices.off(call_of(request)))

    def ask(item: LessonView, principal: Principal) -> str | None:
        reason: str | None = hooks.refuse_publish(item=item, principal=principal).value
        return reason

    return ask


async def _versions(request: Request, subject: str, id_: str, limit: int, before: int) -> Response:
    limit = max(1, min(limit, PAGE_LIMIT))
    rows = await hub_of(request).database.read(
        queries.VERSIONS,
        call_of(request),
        subject=subject,
        id=id_,
        before=before,
        limit=limit + 1,
    )
    shown = to_dicts(queries.VERSIONS, rows[:limit])
    more = str(shown[-1]["row_version"]) if len(rows) > limit else None
    return json_response({"items": shown, "next": more})


for _subject, (_model, _answer_model) in _SUBJECTS.items():
    _add_acts(_subject, _model, _answer_model)


@router.get("/runs/{run_id}", action="content:import", response_model=RunOut, problems=(404,))
async def showrun(request: Request, run_id: str) -> Response:
    """What a run has done so far."""
    return json_response(await one(request, RUN, RUN, run_id))


@router.post(
    "/runs/{run_id}/undo", action="content:import", response_model=RunOut, problems=(404, 409)
)
async def undorun(request: Request, run_id: str) -> Response:
    """Take back all that a connection's newest run wrote."""
    await run(request, history.undo_run, run_id)
    return await showrun(request, run_id)


@router.get("/quarantine", action="content:import", response_model=QuarantineList)
async def list_quarantine(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """Records that could not be used, with their reasons."""
    return await answer_page(request, QUARANTINE, limit, cursor)
