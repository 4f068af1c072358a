"""The API of concepts, of the edges between them, and of what covers them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.http import expected_version, json_response
from bloop.content.tree_routes import read_page, run, sees_drafts
from bloop.graph import queries, service
from bloop.graph.models import Standing
from bloop.graph.names import key_of
from bloop.graph.schemas import (
    ConceptChange,
    ConceptIn,
    ConceptList,
    ConceptPage,
    CoverageList,
    CoverIn,
    EdgeIn,
    EdgeList,
    ItemConceptList,
    Kind,
    MergeIn,
    NamedList,
    Reviewed,
    ReviewIn,
)
from bloop.store.errors import NotFoundError
from bloop.store.statements import Statement, to_dicts

router = Router(prefix="/api/v1", tags=["graph"])

READ, WRITE = "graph:read", "graph:write"
MOST = 500
_PAST = "\U0010ffff"


async def read_rows(request: Request, statement: Statement, **values: Any) -> list[dict[str, Any]]:
    """Rows by column names, as whoever asks may see them."""
    rows = await hub_of(request).database.read(statement, call_of(request), **values)
    return _shown(request, to_dicts(statement, rows))


def _shown(request: Request, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows without what quotes courses, which not everybody sees, for who only reads the graph."""
    if may(call_of(request), WRITE):
        return found
    for one in found:
        if "evidence" in one:
            one["evidence"] = []
        if "row_version" in one and one["standing"] == Standing.SUGGESTED:
            one["description"] = ""
    return found


@router.get("/graph/concepts", action=READ, response_model=ConceptList, problems=(422,))
async def list_concepts(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """The concepts of the institution."""
    found = await read_page(request, queries.CONCEPTS, limit, cursor)
    return json_response(found | {"items": _shown(request, found["items"])})


@router.get("/graph/named", action=READ, response_model=NamedList, problems=(422,))
async def find_concepts(request: Request, name: str, limit: int = 20) -> Response:
    """Concepts of which a name or alias begins with ``name``."""
    low = key_of(name)
    found = await read_rows(
        request, queries.NAMED, low=low, high=low + _PAST, limit=max(1, min(limit, 200))
    )
    return json_response({"items": found})


@router.post(
    "/graph/concepts",
    action=WRITE,
    response_model=ConceptPage,
    status_code=201,
    problems=(409, 422),
)
async def add_concept(request: Request, body: ConceptIn) -> Response:
    """A new concept; one that was suggested or rejected under this name is taken up again."""
    given = body.model_dump(exclude={"external"})
    external = body.external.model_dump(exclude_none=True)
    made = await run(request, service.add_concept, external=external, **given)
    return await _answer_concept(request, made, 201)


@router.get(
    "/graph/concepts/{concept_id}", action=READ, response_model=ConceptPage, problems=(404,)
)
async def show_concept(request: Request, concept_id: str) -> Response:
    """A concept, its names, and the edges that touch it."""
    return await _answer_concept(request, concept_id, 200)


async def read_concept(request: Request, concept: str) -> dict[str, Any]:
    """A concept as its page has it; raises NotFoundError."""
    database, call = hub_of(request).database, call_of(request)
    row = await database.read_one(queries.CONCEPT, call, id=concept)
    if row is None:
        raise NotFoundError(f"no concept {concept[:40]}")
    (found,) = _shown(request, [queries.CONCEPT.as_dict(row)])
    names = [one[0] for one in await database.read(queries.ALIASES, call, id=concept)]
    why = await read_rows(request, queries.EVIDENCE, id=concept)
    edges = await read_rows(request, queries.EDGES_OF, id=concept, limit=MOST)
    aliases = [one for one in names if one != found["name"]]
    return found | {"aliases": aliases, "evidence": why[0]["evidence"], "edges": edges}


async def _answer_concept(request: Request, concept: str, status: int) -> Response:
    found = await read_concept(request, concept)
    # The version is that of what can be changed of it; its edges change without.
    return json_response(found, status, version=found["row_version"])


@router.patch(
    "/graph/concepts/{concept_id}",
    action=WRITE,
    response_model=ConceptPage,
    problems=(404, 409, 412, 422, 428),
)
async def change_concept(request: Request, concept_id: str, body: ConceptChange) -> Response:
    """Change a concept; a suggestion is accepted by that."""
    changes = body.model_dump(exclude_unset=True)
    if body.external is not None:
        changes["external"] = body.external.model_dump(exclude_none=True)
    expected = expected_version(request)
    await run(request, service.change_concept, concept_id, changes, expected)
    return await _answer_concept(request, concept_id, 200)


@router.delete("/graph/concepts/{concept_id}", action=WRITE, status_code=204, problems=(404,))
async def remove_concept(request: Request, concept_id: str) -> Response:
    """Reject a concept, with its edges and what covers it; nothing suggests it again."""
    await run(request, service.remove_concept, concept_id)
    return Response(status_code=204)


@router.post(
    "/graph/concepts/{concept_id}/merge",
    action=WRITE,
    response_model=ConceptPage,
    problems=(404, 409, 422),
)
async def merge_concepts(request: Request, concept_id: str, body: MergeIn) -> Response:
    """Make a concept another one, which gets its names, its edges and what covers it."""
    await run(request, service.merge_concepts, concept_id, body.into)
    return await _answer_concept(request, body.into, 200)


@router.put("/graph/edges", action=WRITE, status_code=204, problems=(404, 409, 422))
async def link(request: Request, body: EdgeIn) -> Response:
    """Say that there is an edge; inferred prerequisites that contradict it give way."""
    given = body.model_dump()
    await run(
        request, service.link, given["source"], given["target"], given["kind"], weight=body.weight
    )
    return Response(status_code=204)


@router.delete("/graph/edges", action=WRITE, status_code=204, problems=(404,))
async def unlink(
    request: Request, source: str, target: str, kind: Kind = "prerequisite"
) -> Response:
    """Say that there is none."""
    await run(request, service.unlink, source, target, kind)
    return Response(status_code=204)


@router.get(
    "/graph/concepts/{concept_id}/items",
    action=READ,
    response_model=CoverageList,
    problems=(404,),
)
async def list_covering(request: Request, concept_id: str, limit: int = 50) -> Response:
    """The items that cover a concept, of those that the caller may see."""
    drafts = sees_drafts(call_of(request))
    statement = queries.COVERING if drafts else queries.COVERING_SHOWN
    found = await read_rows(request, statement, id=concept_id, limit=max(1, min(limit, 200)))
    if not found:
        await read_concept(request, concept_id)
    return json_response({"items": found})


@router.get("/items/{item_id}/concepts", action=READ, response_model=ItemConceptList)
async def list_concepts_of_item(request: Request, item_id: str) -> Response:
    """What an item covers."""
    drafts = sees_drafts(call_of(request))
    statement = queries.CONCEPTS_OF_ITEM if drafts else queries.CONCEPTS_OF_ITEM_SHOWN
    return json_response({"items": await read_rows(request, statement, id=item_id)})


@router.put(
    "/items/{item_id}/concepts",
    action=WRITE,
    status_code=204,
    problems=(404, 409, 422),
)
async def cover(request: Request, item_id: str, body: CoverIn) -> Response:
    """Say that an item covers a concept."""
    given = body.model_dump()
    await run(request, service.cover, item_id, **given)
    return Response(status_code=204)


@router.delete(
    "/items/{item_id}/concepts/{concept_id}",
    action=WRITE,
    status_code=204,
    problems=(404,),
)
async def uncover(request: Request, item_id: str, concept_id: str, part: str = "") -> Response:
    """Say that an item does not cover a concept."""
    await run(request, service.uncover, item_id, concept_id, part=part)
    return Response(status_code=204)


@router.get("/graph/suggestions/edges", action=WRITE, response_model=EdgeList)
async def list_suggested_edges(request: Request, limit: int = 100) -> Response:
    """Edges that nobody has looked at, the surest first, with what speaks for them."""
    found = await read_rows(
        request, queries.SUGGESTED_EDGES, sure=0.0, limit=max(1, min(limit, MOST))
    )
    return json_response({"items": found})


@router.post("/graph/review", action=WRITE, response_model=Reviewed, problems=(404, 409, 422))
async def review(request: Request, body: ReviewIn) -> Response:
    """Accept and reject suggestions, all of them or none."""

    def chosen(of: list[Any]) -> list[tuple[str, tuple[str, ...]]]:
        return [(one.subject, tuple(one.key)) for one in of]

    changed = await run(
        request, service.review, accept=chosen(body.accept), reject=chosen(body.reject)
    )
    return json_response({"changed": changed})
