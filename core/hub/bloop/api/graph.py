"""The API of walks through the graph, and of its history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import job_started, json_response
from bloop.content.schemas import JobStarted
from bloop.content.tree_routes import run
from bloop.graph import history, queries
from bloop.graph.exchange import service as exchange
from bloop.graph.exchange.giving import document_of
from bloop.graph.live import Graph
from bloop.graph.models import LAST_VERSION
from bloop.graph.schemas import ChangeList, ConceptsAround, TakenIn, VersionList
from bloop.hub.inferring import ask_for_graph
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import to_dicts

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1", tags=["graph"])

READ, WRITE = "graph:read", "graph:write"
MOST_KNOWN = 2000


def _within(version: int) -> int:
    """A version that its column can be compared with; beyond its range there is none."""
    return max(0, min(version, LAST_VERSION))


async def graph_with(request: Request, *concepts: str) -> Graph:
    """The graph as it is now; raises NotFoundError for a concept that is not in it."""
    graph = await cast("Hub", hub_of(request)).graphs.of(call_of(request))
    for one in concepts:
        if one not in graph.names:
            raise NotFoundError(f"no concept {one[:40]}")
    return graph


def _ids(listed: str) -> list[str]:
    """Ids in a list with commas between them; raises InvalidError for too many."""
    found = [one for one in listed.split(",") if one]
    if len(found) > MOST_KNOWN:
        raise InvalidError(f"known: at most {MOST_KNOWN} concepts, not {len(found)}", field="known")
    return found


def _number(text: str) -> int:
    """A version in a path; raises NotFoundError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFoundError(f"the graph has no version {text[:40]}")
    return _within(int(text))


def _answer(graph: Graph, concepts: Iterable[str]) -> Response:
    items = [{"id": one, "name": graph.names[one]} for one in concepts]
    return json_response({"version": graph.version, "items": items})


@router.get(
    "/graph/concepts/{concept_id}/prerequisites",
    action=READ,
    response_model=ConceptsAround,
    problems=(404,),
)
async def list_prerequisites(request: Request, concept_id: str, depth: int = 0) -> Response:
    """What is to be known before a concept; ``depth`` 1 is what stands right before, 0 is all."""
    graph = await graph_with(request, concept_id)
    return _answer(graph, graph.snapshot.prerequisites(concept_id, max(0, depth) or None))


@router.get(
    "/graph/concepts/{concept_id}/opens",
    action=READ,
    response_model=ConceptsAround,
    problems=(404,),
)
async def list_opened(request: Request, concept_id: str, depth: int = 0) -> Response:
    """What a concept is a prerequisite of."""
    graph = await graph_with(request, concept_id)
    return _answer(graph, graph.snapshot.opens(concept_id, max(0, depth) or None))


@router.get("/graph/path", action=READ, response_model=ConceptsAround, problems=(404, 422))
async def show_path(request: Request, goal: str, known: str = "") -> Response:
    """What is still to be learned to know ``goal``, in an order in which it can be.

    ``known`` are ids of concepts, with commas between them.
    """
    graph = await graph_with(request, goal)
    return _answer(graph, graph.snapshot.path(_ids(known), goal))


@router.get("/graph/next", action=READ, response_model=ConceptsAround, problems=(404, 422))
async def list_next(
    request: Request,
    goal: str = "",
    known: str = "",
    limit: int = 20,
) -> Response:
    """What can be learned now: all that comes before it is known, and it is not.

    ``known`` are ids of concepts, with commas between them; with a ``goal`` only what leads there.
    """
    graph = await graph_with(request, *([goal] if goal else ()))
    return _answer(
        graph, graph.snapshot.next(_ids(known), goal or None, limit=max(1, min(limit, 200)))
    )


@router.post(
    "/containers/{container_id}/graph",
    action=WRITE,
    status_code=202,
    response_model=JobStarted,
    problems=(404, 422),
)
async def make_graph(request: Request, container_id: str) -> Response:
    """Have a course read for its concepts in the background; what it finds are suggestions."""
    enqueue = hub_of(request).jobs.enqueue
    job = await run(request, ask_for_graph, container_id, enqueue=enqueue)
    return job_started(job)


@router.get(
    "/graph/export",
    action=WRITE,
    problems=(422,),
    responses={200: {"content": {one.MEDIA_TYPE: {} for one in exchange.FORMS.values()}}},
)
async def export_graph(request: Request, form: str = "jsonld") -> Response:
    """All concepts and edges, as ``jsonld``, ``graphml`` or ``case``."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    read = partial(hub.database.read_now, call=call)

    def made() -> tuple[bytes, str]:
        return exchange.write(form, document_of(read), hub.config.value.hub.name)

    data, media_type = await asyncio.to_thread(made)
    return Response(data, media_type=media_type)


@router.post(
    "/graph/import",
    action=WRITE,
    response_model=TakenIn,
    problems=(409, 413, 422),
    upload=True,
)
async def import_graph(request: Request, form: str = "jsonld") -> Response:
    """Add what a document says, as ``jsonld``, ``graphml`` or ``case``: all of it or nothing."""
    data = await request.body()
    document = await asyncio.to_thread(exchange.read, form, data)
    database, call = hub_of(request).database, call_of(request)
    return json_response(await database.run(exchange.import_document, database, call, document))


@router.get("/graph/history", action=WRITE, response_model=VersionList)
async def list_versions(request: Request, before: int = LAST_VERSION, limit: int = 50) -> Response:
    """What was done to the graph, the last first."""
    rows = await hub_of(request).database.read(
        queries.HISTORY,
        call_of(request),
        before=_within(before),
        limit=max(1, min(limit, 200)),
    )
    return json_response({"items": to_dicts(queries.HISTORY, rows)})


@router.get(
    "/graph/history/{version}", action=WRITE, response_model=ChangeList, problems=(404, 422)
)
async def show_version(request: Request, version: str) -> Response:
    """All that one write changed."""
    rows = await hub_of(request).database.read(
        queries.HISTORY_OF, call_of(request), id=_number(version)
    )
    if not rows:
        raise NotFoundError(f"the graph has no version {version}, or not any more")
    items: list[dict[str, Any]] = to_dicts(queries.HISTORY_OF, rows)
    return json_response({"items": [one | {"key": json.loads(one["key"])} for one in items]})


@router.post(
    "/graph/history/{version}/undo",
    action=WRITE,
    response_model=VersionList,
    problems=(404, 409, 422),
)
async def undo(request: Request, version: str) -> Response:
    """Have what one write changed as it was before; undoing that does it again."""
    await run(request, history.undo, _number(version))
    return await list_versions(request, limit=1)
