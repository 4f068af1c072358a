"""The outline of a course for who writes it: added to, renamed, moved, put into the bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.content import adding, placing, service
from bloop.content.editing_queries import ITEMS_EDITED
from bloop.content.file_routes import uploaded
from bloop.content.models import Item, Node
from bloop.content.stepping import WAYS, step, steps
from bloop.content.tree_routes import run, taught
from bloop.content.trees import read_tree
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.web.course_parts import parts_on
from bloop.web.editing import course_edited, editor_of, lesson_of, version_in, words_of
from bloop.web.refusals import status_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

_THIS = taught("containers", "container_id")
_ADD = {"kind": "page", "title": "", "href": "", "parent": ""}
_UNPLACED = {"file"}
"""Kinds that many courses keep at no place: files are shown by pages."""


@router.get(
    "/courses/{container_id}/edit",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def edit(request: Request, container_id: str, node: str = "", add: str = "") -> Response:
    """The outline; ``node`` is the place whose tools are open, ``add`` what is added now."""
    return await _outline(request, container_id, opened=node, form={**_ADD, "kind": add or "page"})


@router.post(
    "/courses/{container_id}/add",
    action="content:write",
    also=_THIS,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def add(request: Request, container_id: str) -> Response:
    """Add a module, a page or a link at the end of the form's module; or the form again."""
    sent = await read_form(request)
    form = {name: sent[name].strip() for name in _ADD}
    try:
        made = await run(
            request,
            adding.add,
            container_id,
            kind=form["kind"],
            title=form["title"],
            href=form["href"],
            parent=form["parent"] or None,
        )
    except (InvalidError, ConflictError) as err:
        return await _outline(request, container_id, form=form, error=err)
    if made.item_kind in {"page", "assignment", "discussion"} and made.item_id:
        return RedirectResponse(editor_of(made.item_kind, made.item_id), 303)
    return _back(container_id, made.id)


@router.post(
    "/courses/{container_id}/add-file",
    action="content:write",
    also=_THIS,
    upload=True,
    problems=(404, 409, 413, 422),
    include_in_schema=False,
)
async def add_file(request: Request, container_id: str) -> Response:
    """Add the form's file at the end of the outline; or the form again."""
    form = {**_ADD, "kind": "file"}
    try:
        name, media_type, ref = await uploaded(request)
        made = await run(
            request,
            adding.add_file,
            container_id,
            name=name,
            media_type=media_type,
            sha256=ref.sha256,
            size=ref.size,
            parent=request.query_params.get("parent") or None,
        )
    except (InvalidError, ConflictError) as err:
        return await _outline(request, container_id, form=form, error=err)
    return _back(container_id, made.id)


@router.post(
    "/courses/{container_id}/places",
    action="content:write",
    also=_THIS,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def change_place(request: Request, container_id: str) -> Response:
    """Rename, move or remove the form's ``node``; or put the form's ``item`` into the outline."""
    form = await read_form(request)
    node, do = form["node"], form["do"]
    try:
        if do == "place":
            made = await run(request, adding.place, container_id, form["item"])
            return _back(container_id, made.id)
        await _change(request, container_id, node, do, form)
    except (InvalidError, ConflictError) as err:
        return await _outline(request, container_id, opened=node, error=err, typed=form["title"])
    return _back(container_id, "" if do == "remove" else node)


async def _change(request: Request, container_id: str, node: str, do: str, form: Form) -> None:
    """One change of a place. A step counts from where it stands now, whoever moved it."""
    version = version_in(form["version"])
    if do in WAYS:
        place = step(await _tree(request, container_id), node, do)
        if place is None:
            raise InvalidError("it cannot go further this way", field="place")
        changes = {"parent": place[0], "index": place[1]}
        await run(request, placing.update_node, node, None, changes)
    elif do == "move":
        index = form["index"]
        changes = {"parent": form["parent"] or None}
        changes |= {"index": int(index)} if index.isdecimal() and len(index) < 7 else {}
        await run(request, placing.update_node, node, version or None, changes)
    elif do == "remove":
        await run(request, adding.remove, node, version)
    elif do == "rename":
        await run(request, adding.rename, node, version, form["title"])
    else:
        raise InvalidError(f"do: {do[:20]!r} is nothing that is done here", field="do")


@router.post(
    "/courses/{container_id}/shown",
    action="content:publish",
    also=_THIS,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def hide(request: Request, container_id: str) -> Response:
    """Hide a place, or what stands at it, from learners."""
    form = await read_form(request)
    model: type[Node | Item] = Item if form["item"] else Node
    id_ = form["item"] or form["node"]
    try:
        await run(request, service.unpublish, model, id_, version_in(form["version"]))
    except (InvalidError, ConflictError) as err:
        return await _outline(request, container_id, opened=form["node"], error=err)
    return _back(container_id, form["node"])


def _back(container_id: str, node: str) -> Response:
    place = f"?node={quote(node, safe='')}#n-{quote(node, safe='')}" if node else ""
    return RedirectResponse(f"/courses/{quote(container_id, safe='')}/edit{place}", 303)


async def _tree(request: Request, container_id: str) -> list[dict[str, Any]]:
    call, database = call_of(request), hub_of(request).database
    return await read_tree(database, call, container_id, drafts=True)


async def _outline(
    request: Request,
    container_id: str,
    *,
    opened: str = "",
    form: Mapping[str, str] = _ADD,
    error: BloopError | None = None,
    typed: str | None = None,
) -> Response:
    course = await course_edited(request, container_id)
    nodes = await _tree(request, container_id)
    found = await hub_of(request).database.read(
        ITEMS_EDITED, call_of(request), container=container_id
    )
    items = {row["id"]: lesson_of(row) for row in to_dicts(ITEMS_EDITED, found)}
    placed = {node["item"] for node in nodes}
    if opened and all(node["id"] != opened for node in nodes):
        opened = ""
        if error is None and request.method != "GET":
            raise NotFoundError("this place is gone")
    rows = rows_of(nodes, items)
    waiting = sum(one.has_draft or not one.published for one in items.values())
    return await page(
        request,
        "course_edit.html",
        status=status_of(error),
        script="outline.js",
        course=course,
        parts=parts_on(request, container_id, "content:write"),
        rows=rows,
        opened=opened,
        ways=steps(nodes, opened) if opened else [],
        holders=[row for row in rows if row["kind"] is None],
        unplaced=[
            one for one in items.values() if one.id not in placed and one.kind not in _UNPLACED
        ],
        waiting=waiting + sum(not node["published"] for node in nodes),
        form=form,
        typed=typed,
        fault=None if error is None else words_of(request, error),
    )


def rows_of(nodes: Sequence[Mapping[str, Any]], items: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The places of a tree in reading order, each with its ``level`` and what stands there."""
    below: dict[str | None, list[Mapping[str, Any]]] = {}
    for node in nodes:
        below.setdefault(node["parent"], []).append(node)

    found: list[dict[str, Any]] = []

    def walk(parent: str | None, level: int) -> None:
        for node in below.get(parent, ()):
            item = items.get(node["item"])
            found.append(
                {
                    **node,
                    "title": node["title"] or node["item_title"] or "",
                    "level": level,
                    "shown": item,
                    "href": editor_of(node["kind"], node["item"]) if node["item"] else None,
                }
            )
            walk(node["id"], level + 1)

    walk(None, 1)
    return found
