"""The pages of concepts: what there is to know, what comes before it, and what covers it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.queries import CONTAINERS
from bloop.content.tree_routes import run, sees_drafts
from bloop.graph import mentions, queries, service
from bloop.graph.edges import EdgeKind
from bloop.graph.names import key_of
from bloop.graph.routes import read_concept, read_rows
from bloop.hub.inferring import ask_for_graph
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import Statement, parsed
from bloop.store.unit import UnitOfWork
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

READ, WRITE = "graph:read", "graph:write"
AT_ONCE = 200
MOST_SAID = 20_000
_PAST = "\U0010ffff"


async def read_explained(
    request: Request, statement: Statement, **values: Any
) -> list[dict[str, Any]]:
    """Rows of a registered read with their evidence parsed, for templates."""
    return with_reasons(await read_rows(request, statement, **values))


def with_reasons(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with their evidence parsed, for templates."""
    return [
        one | {"evidence": parsed(one["evidence"])} if "evidence" in one else one for one in rows
    ]


async def named(request: Request, name: str) -> str | None:
    """The concept that a link by a name leads to, for those who may read the graph."""
    call = call_of(request)
    if not may(call, READ):
        return None
    row = await hub_of(request).database.read_one(mentions.BY_NAME, call, key=key_of(name))
    return None if row is None else str(row[0])


@router.get("/concepts", action=READ, include_in_schema=False)
async def show_concepts(request: Request, name: str = "") -> Response:
    """The concepts whose names begin so; all of the first page where nothing is asked for."""
    return await _concepts(request, name)


async def _concepts(
    request: Request, name: str = "", new: str = "", error: BloopError | None = None
) -> Response:
    low = key_of(name) if name.strip() else ""
    found = await read_explained(
        request, queries.NAMED, low=low, high=low + _PAST, limit=AT_ONCE + 1
    )
    writes = may(call_of(request), WRITE)
    waiting = await read_explained(request, queries.SUGGESTED, sure=0.0) if writes else []
    return await page(
        request,
        "concepts.html",
        status=422 if error else 200,
        concepts=found[:AT_ONCE],
        more=len(found) > AT_ONCE,
        asked=name,
        new=new,
        fault=str(error) if error else "",
        may_write=writes,
        courses=await read_explained(request, CONTAINERS, after="", limit=AT_ONCE)
        if writes
        else [],
        suggestions=any(one["number"] for one in waiting),
    )


@router.post("/concepts", action=WRITE, problems=(403, 409, 422), include_in_schema=False)
async def add_concept(request: Request) -> Response:
    """Make a concept and show it; or the list again with what is wrong."""
    name = (await read_form(request))["name"]
    try:
        made = await run(request, service.add_concept, name)
    except (InvalidError, ConflictError) as err:
        return await _concepts(request, new=name, error=err)
    return RedirectResponse(f"/concepts/{made}", 303)


@router.post("/concepts/read", action=WRITE, problems=(403, 404, 422), include_in_schema=False)
async def read_course(request: Request) -> Response:
    """Have a course read for its concepts, and show how far that is."""
    container = (await read_form(request))["container"]
    enqueue = hub_of(request).jobs.enqueue
    job = await run(request, ask_for_graph, container, enqueue=enqueue)
    return RedirectResponse(f"/jobs/{job}", 303)


@router.get("/concepts/{concept_id}", action=READ, problems=(404,), include_in_schema=False)
async def show_concept(request: Request, concept_id: str) -> Response:
    """A concept: what comes before it, what it opens, what covers it, whose notes name it."""
    return await _concept(request, concept_id)


async def _concept(
    request: Request,
    concept: str,
    name: str = "",
    fault: str = "",
    changes: dict[str, Any] | None = None,
) -> Response:
    found = await read_concept(request, concept)
    drafts = sees_drafts(call_of(request))
    covering = queries.COVERING if drafts else queries.COVERING_SHOWN
    naming = mentions.MENTIONING if drafts else mentions.MENTIONING_SHOWN
    edges = with_reasons(found["edges"])
    return await page(
        request,
        "concept.html",
        status=422 if fault else 200,
        concept=found,
        changes=changes or found,
        changing=changes is not None,
        before=[one for one in edges if _is(one, "prerequisite", "target", concept)],
        after=[one for one in edges if _is(one, "prerequisite", "source", concept)],
        wider=[one for one in edges if _is(one, "part_of", "source", concept)],
        parts=[one for one in edges if _is(one, "part_of", "target", concept)],
        related=[_other(one, concept) for one in edges if one["kind"] == "related"],
        items=await read_explained(request, covering, id=concept, limit=AT_ONCE),
        notes=await read_explained(request, naming, id=concept, limit=AT_ONCE),
        name=name,
        fault=fault,
        may_write=may(call_of(request), WRITE),
    )


def _is(edge: dict[str, Any], kind: str, end: str, concept: str) -> bool:
    return bool(edge["kind"] == kind and edge[end] == concept)


def _other(edge: dict[str, Any], concept: str) -> dict[str, Any]:
    end = "target" if edge["source"] == concept else "source"
    return {"id": edge[end], "name": edge[f"{end}_name"]}


@router.post(
    "/concepts/{concept_id}",
    action=WRITE,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def change_concept(request: Request, concept_id: str) -> Response:
    """Change a concept's names and description; a suggestion is accepted by that."""
    form = await read_form(request)
    changes: dict[str, Any] = {
        "name": form["name"],
        "aliases": [one for one in form["aliases"].splitlines() if one.strip()],
        "description": form["description"].strip()[:MOST_SAID],
    }
    version = form["version"]
    read = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
    try:
        await run(request, service.change_concept, concept_id, changes, read)
    except (InvalidError, ConflictError) as err:
        return await _concept(request, concept_id, fault=str(err), changes=changes)
    return RedirectResponse(f"/concepts/{concept_id}", 303)


@router.post(
    "/concepts/{concept_id}/before",
    action=WRITE,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def add_before(request: Request, concept_id: str) -> Response:
    """Say by its name what is to be known before a concept; it is made where there is none."""
    name = (await read_form(request))["name"]
    try:
        await run(request, _link_by_name, concept_id, name)
    except (InvalidError, ConflictError) as err:
        return await _concept(request, concept_id, name, str(err))
    return RedirectResponse(f"/concepts/{concept_id}", 303)


@command(WRITE)
def _link_by_name(unit: UnitOfWork, concept: str, name: str) -> None:
    service.link(unit, service.concept_called(unit, name), concept)


@router.post(
    "/concepts/{concept_id}/before/{source}/remove",
    action=WRITE,
    problems=(403, 404),
    include_in_schema=False,
)
async def remove_before(request: Request, concept_id: str, source: str) -> Response:
    """Say that one need not be known before the other."""
    await run(request, service.unlink, source, concept_id, EdgeKind.PREREQUISITE)
    return RedirectResponse(f"/concepts/{concept_id}", 303)
