"""Containers, their trees and their items: reading them, and writing them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, by_user, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.http import expected_version, json_response, not_modified, tag
from bloop.content import placing, queries, service
from bloop.content.links import resolve_json
from bloop.content.models import Container, Item, Node
from bloop.content.schemas import (
    ContainerChange,
    ContainerIn,
    ContainerList,
    ContainerOut,
    ItemChange,
    ItemIn,
    ItemList,
    ItemOut,
    NodeChange,
    NodeIn,
    NodeOut,
    NotebookIn,
    Tree,
)
from bloop.content.tree import nested
from bloop.content.trees import read_tree
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import Row, Statement
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call
from bloop_sdk.records import ITEM_KINDS

P = ParamSpec("P")
T = TypeVar("T")

router = Router(prefix="/api/v1", tags=["content"])

PAGE_LIMIT = 200
WRITES = (404, 409, 412, 422, 428)


_TEACHES = {
    "containers": queries.TEACHES,
    "items": queries.TEACHES_ITEM,
    "nodes": queries.TEACHES_NODE,
}


def taught(subject: str, parameter: str) -> Callable[[Request], Awaitable[bool]]:
    """For ``also`` of a route: whether the caller teaches the course that a path's id is of."""

    async def also(request: Request) -> bool:
        id_ = request.path_params[parameter]
        database = hub_of(request).database
        return await database.read_one(_TEACHES[subject], call_of(request), id=id_) is not None

    return also


_THIS_CONTAINER = taught("containers", "container_id")
_THIS_ITEM = taught("items", "item_id")
_THIS_NODE = taught("nodes", "node_id")


def sees_drafts(call: Call) -> bool:
    """Whether this caller sees what is not published, and the answers of quizzes."""
    return may(call, "content:write")


async def run(
    request: Request,
    command: Callable[Concatenate[UnitOfWork, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a command of this request in a unit of its own."""
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)


async def one(request: Request, shown: Statement, drafts: Statement, id_: str) -> dict[str, Any]:
    """A row as the caller may see it; raises :class:`NotFoundError`."""
    call = call_of(request)
    statement = drafts if sees_drafts(call) else shown
    row = await hub_of(request).database.read_one(statement, call, id=id_)
    if row is None:
        raise NotFoundError(f"nothing here has the id {id_[:40]}")
    return statement.as_dict(row)


# -- containers


@router.get("/containers", action="content:read", response_model=ContainerList)
async def list_containers(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """The courses and notebooks that the caller may see."""
    call = call_of(request)
    statement = queries.CONTAINERS if sees_drafts(call) else queries.CONTAINERS_SHOWN
    return await answer_page(request, statement, limit, cursor)


@router.post(
    "/containers",
    action="content:write",
    response_model=ContainerOut,
    status_code=201,
    problems=(422,),
)
async def create_container(request: Request, body: ContainerIn) -> Response:
    """A new course or notebook."""
    made = await run(request, service.create_container, **body.model_dump())
    return await answer_container(request, made.id, 201)


@router.get(
    "/containers/{container_id}",
    action="content:read",
    response_model=ContainerOut,
    problems=(404,),
)
async def show_container(request: Request, container_id: str) -> Response:
    """One course or notebook."""
    return await answer_container(request, container_id)


async def answer_container(request: Request, id_: str, status: int = 200) -> Response:
    """A container as it is now."""
    found = await one(request, queries.CONTAINER_SHOWN, queries.CONTAINER, id_)
    version = found["row_version"]
    if status == 200 and (same := not_modified(request, version)):
        return same
    return _resolved(found, found["id"], status)


@router.patch(
    "/containers/{container_id}",
    action="content:write",
    also=_THIS_CONTAINER,
    response_model=ContainerOut,
    problems=WRITES,
)
async def change_container(request: Request, container_id: str, body: ContainerChange) -> Response:
    """Change a course or notebook that was written here or came from a file."""
    changes = body.model_dump(exclude_unset=True)
    await run(request, service.update_container, container_id, expected_version(request), changes)
    return await answer_container(request, container_id)


@router.delete(
    "/containers/{container_id}",
    action="content:write",
    also=_THIS_CONTAINER,
    status_code=204,
    problems=WRITES,
)
async def trash_container(request: Request, container_id: str) -> Response:
    """Put a course or notebook into the trash."""
    await run(request, service.trash, Container, container_id, expected_version(request))
    return Response(status_code=204)


@router.get(
    "/containers/{container_id}/tree", action="content:read", response_model=Tree, problems=(404,)
)
async def show_tree(request: Request, container_id: str) -> Response:
    """The tree of a container, in order."""
    database, call = hub_of(request).database, call_of(request)
    nodes = await read_tree(database, call, container_id, drafts=sees_drafts(call))
    return json_response({"nodes": nested(nodes)})


# -- notebooks of one's own


@router.get("/account/notebooks", action="account:read", response_model=ContainerList)
async def list_notebooks(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """The notebooks that are the caller's alone: written here, and brought by own connections."""
    return await answer_page(request, queries.OWN_NOTEBOOKS, limit, cursor)


@router.post(
    "/account/notebooks",
    action="content:write",
    also=by_user("content:write"),
    response_model=ContainerOut,
    status_code=201,
    problems=(409, 422),
)
async def create_notebook(request: Request, body: NotebookIn) -> Response:
    """A new notebook of one's own, which nobody else sees."""
    made = await run(request, service.create_notebook, **body.model_dump())
    return await answer_container(request, made.id, 201)


# -- items


@router.get(
    "/containers/{container_id}/items",
    action="content:read",
    response_model=ItemList,
    problems=(404, 422),
)
async def list_items(
    request: Request, container_id: str, kind: str = "", limit: int = 50, cursor: str = ""
) -> Response:
    """What a container holds, in the order in which it came; ``kind`` names one of the kinds."""
    drafts = sees_drafts(call_of(request))
    if kind:
        statement = queries.ITEMS_OF_KIND if drafts else queries.ITEMS_OF_KIND_SHOWN
        answer = await answer_page(
            request, statement, limit, cursor, container=container_id, kind=kind
        )
    else:
        statement = queries.ITEMS if drafts else queries.ITEMS_SHOWN
        answer = await answer_page(request, statement, limit, cursor, container=container_id)
    if answer.body == _EMPTY:
        await one(request, queries.CONTAINER_SHOWN, queries.CONTAINER, container_id)
        if kind and kind not in ITEM_KINDS:
            raise NotFoundError(f"no items are of the kind {kind[:40]!r}")
    return answer


_EMPTY = orjson.dumps({"items": [], "next": None})


async def answer_page(
    request: Request, statement: Statement, limit: int, cursor: str, **values: Any
) -> Response:
    """A page of a registered read that takes ``after`` and ``limit``."""
    return json_response(await read_page(request, statement, limit, cursor, **values))


async def read_page(
    request: Request, statement: Statement, limit: int, cursor: str, **values: Any
) -> dict[str, Any]:
    """The same for whoever changes something of it first."""
    limit = max(1, min(limit, PAGE_LIMIT))
    rows = await hub_of(request).database.read(
        statement, call_of(request), after=after_of(cursor), limit=limit + 1, **values
    )
    return page_of(statement, rows, limit)


@router.post(
    "/containers/{container_id}/items",
    action="content:write",
    also=_THIS_CONTAINER,
    response_model=ItemOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def create_item(request: Request, container_id: str, body: ItemIn) -> Response:
    """A new, unpublished item."""
    made = await run(request, service.create_item, container_id, **body.model_dump())
    return await answer_item(request, made.id, 201)


@router.get("/items/{item_id}", action="content:read", response_model=ItemOut, problems=(404,))
async def show_item(request: Request, item_id: str) -> Response:
    """One item. The links of its HTML lead to pages and files of this hub."""
    call = call_of(request)
    statement = queries.ITEM if sees_drafts(call) else queries.ITEM_SHOWN
    row = await hub_of(request).database.read_one(statement, call, id=item_id)
    if row is None:
        raise NotFoundError(f"nothing here has the id {item_id[:40]}")
    same = not_modified(request, row[_VERSION])
    return same or _item_answer(statement, row)


_VERSION = queries.ITEM.columns.index("row_version")


def _item_answer(statement: Statement, row: Row, status: int = 200) -> Response:
    return _resolved(statement.as_dict(row), row[1], status)


def _resolved(found: dict[str, Any], container: str, status: int = 200) -> Response:
    return Response(
        resolve_json(orjson.dumps(found), container),
        status,
        headers={"etag": tag(found["row_version"])},
        media_type="application/json",
    )


async def answer_item(request: Request, id_: str, status: int = 200) -> Response:
    """An item as it is now."""
    found = await one(request, queries.ITEM_SHOWN, queries.ITEM, id_)
    return _resolved(found, found["container"], status)


@router.patch(
    "/items/{item_id}",
    action="content:write",
    also=_THIS_ITEM,
    response_model=ItemOut,
    problems=WRITES,
)
async def change_item(request: Request, item_id: str, body: ItemChange) -> Response:
    """Change an item that was written here or came from a file."""
    changes = body.model_dump(exclude_unset=True)
    await run(request, service.update_item, item_id, expected_version(request), changes)
    return await answer_item(request, item_id)


@router.delete(
    "/items/{item_id}", action="content:write", also=_THIS_ITEM, status_code=204, problems=WRITES
)
async def trash_item(request: Request, item_id: str) -> Response:
    """Put an item into the trash."""
    await run(request, service.trash, Item, item_id, expected_version(request))
    return Response(status_code=204)


# -- nodes


@router.post(
    "/containers/{container_id}/nodes",
    action="content:write",
    also=_THIS_CONTAINER,
    response_model=NodeOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def create_node(request: Request, container_id: str, body: NodeIn) -> Response:
    """A new module, or a new place of an item."""
    made = await run(request, placing.create_node, container_id, **body.model_dump())
    return answer_node(made, 201)


@router.patch(
    "/nodes/{node_id}",
    action="content:write",
    also=_THIS_NODE,
    response_model=NodeOut,
    problems=WRITES,
)
async def change_node(request: Request, node_id: str, body: NodeChange) -> Response:
    """Rename, publish or move a node."""
    changes = body.model_dump(exclude_unset=True)
    row = await run(request, placing.update_node, node_id, expected_version(request), changes)
    return answer_node(row)


@router.delete(
    "/nodes/{node_id}", action="content:write", also=_THIS_NODE, status_code=204, problems=WRITES
)
async def trash_node(request: Request, node_id: str) -> Response:
    """Take a node, and what is below it, out of the tree; its items stay."""
    await run(request, service.trash, Node, node_id, expected_version(request))
    return Response(status_code=204)


def answer_node(row: Node, status: int = 200) -> Response:
    """A node as it is now."""
    shown = {
        "id": row.id,
        "container": row.container_id,
        "parent": row.parent_id,
        "title": row.title,
        "item": row.item_id,
        "published": row.published,
        "state": row.state,
        "row_version": row.row_version,
    }
    return json_response(shown, status, version=row.row_version)
