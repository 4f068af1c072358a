"""Folders of notebooks: made, moved and renamed.

Those of a live connection are changed there first, by a job, and here by what the other side then
answers: nothing of a folder waits to be merged. A job that died may have come through, and says so
when it tries again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import select, update

from bloop.content import placing
from bloop.content.changing import changed, editable
from bloop.content.models import Container, Node
from bloop.content.naming import title_of
from bloop.content.notes.service import refuse_unwritten
from bloop.content.options import FILE_LIMIT
from bloop.content.refresh import conceal, take
from bloop.content.syncing import ATTEMPTS, QUEUE, check_readable
from bloop.content.writing import once_more
from bloop.jobs.ledger import enqueue
from bloop.kernel.models import Connection
from bloop.store.blobs import Blobs
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import FolderWrite, Kind, Precondition, Ref, WriteOp
from bloop_sdk.providers.content import ContentProvider

FOLDER_JOB = "content.folder"


@dataclass(frozen=True, slots=True)
class Asked:
    """The folder, where it was changed at once, or the job that changes it over there."""

    node: str | None
    job: str | None


@command("content:write")
def create_folder(
    unit: UnitOfWork, container_id: str, *, title: str, parent: str | None = None
) -> Asked:
    """A new folder of a notebook, below the node ``parent``, behind its siblings."""
    container = editable(unit, Container, container_id, None)
    connection = _live(unit, container)
    if connection is None:
        return Asked(placing.create_node(unit, container.id, title=title, parent=parent).id, None)
    values = _values(unit, connection, container, title_of(title), parent)
    return Asked(None, _ask(unit, connection, FolderWrite.CREATE, None, values))


@command("content:write")
def move_folder(
    unit: UnitOfWork,
    node_id: str,
    version: int | None,
    *,
    title: str | None = None,
    parent: str | None = None,
) -> Asked:
    """Give a folder a place below the node ``parent`` (None: the top), and another name."""
    row = editable(unit, Node, node_id, version)
    if row.item_id is not None or row.item_kind is not None:
        raise ConflictError(f"{row.title!r} is the place of a note", cure="move the note")
    title = row.title if title is None else title_of(title)
    placing.check_place(unit, row, parent)
    container = unit.get(Container, row.container_id)
    connection = _live(unit, container)
    if connection is None:
        position = placing.position_at(unit, container.id, parent, None, without=row.id)
        values = {"title": title, "parent_id": parent, "position": position}
        return Asked(changed(unit, row, values, "moved").id, None)
    if row.connection_id is None:
        raise ConflictError(f"{row.title!r} is not in {connection.name!r}")
    values = _values(unit, connection, container, title, parent)
    ref = str(Ref(Kind.MODULE, row.remote_id))
    return Asked(None, _ask(unit, connection, FolderWrite.MOVE, ref, values))


def _live(unit: UnitOfWork, container: Container) -> Connection | None:
    if container.connection_id is None:
        return None
    found = unit.get(Connection, container.connection_id)
    return None if "file" in found.settings else found


def _values(
    unit: UnitOfWork,
    connection: Connection,
    container: Container,
    title: str,
    parent: str | None,
) -> dict[str, Any]:
    above = unit.get(Node, parent) if parent else None
    if above is not None and (above.container_id, above.state) != (container.id, "active"):
        raise InvalidError(f"parent: no node {parent} in this notebook", field="parent")
    if above is not None and above.connection_id is None:
        raise ConflictError(
            f"{above.title!r} is not in {connection.name!r} yet", cure="send what waits first"
        )
    return {
        "container": container.remote_id,
        "parent": above.remote_id if above else None,
        "after": None,
        "title": title,
    }


def _ask(
    unit: UnitOfWork,
    connection: Connection,
    op: FolderWrite,
    ref: str | None,
    values: dict[str, Any],
) -> str:
    refuse_unwritten(connection, op)
    check_readable(connection)
    payload = {"connection": connection.id, "op": str(op), "ref": ref, "values": values}
    unit.audit.append("content.folder_asked", f"connection:{connection.id}", {"op": str(op)})
    return enqueue(
        unit,
        FOLDER_JOB,
        payload,
        plugin_id=connection.plugin_id,
        queue=QUEUE,
        max_attempts=ATTEMPTS,
        owner=connection.owner_id,
    )


async def write_folder(
    do: Callable[..., Awaitable[Any]],
    blobs: Blobs,
    provider: ContentProvider,
    payload: dict[str, Any],
    *,
    job: str,
    again: bool,
) -> dict[str, Any]:
    """Change a folder over there, then here; ``do`` runs a command in a unit of its own."""
    kind, _, name = (payload["ref"] or "").partition(":")
    ref = Ref(Kind(kind), name) if name else None
    op = WriteOp(
        kind=payload["op"], ref=ref, values=payload["values"], idempotency_key=job, again=again
    )
    answer = await provider.write(op, Precondition(remote_version=None))
    batch = answer.batch
    if batch is None:
        batch = await provider.fetch([answer.ref])
    connection = payload["connection"]
    if ref is not None and ref != answer.ref:
        await do(_rename, connection, ref.remote_id, answer.ref.remote_id)
    counts, _ = await once_more(partial(take, do, blobs, connection, batch, FILE_LIMIT))
    await do(conceal, connection)
    return {**counts, "ref": str(answer.ref), "lost": list(answer.lost)}


@command("content:write")
def _rename(unit: UnitOfWork, connection_id: str, old: str, new: str) -> None:
    """It is the same folder here, by another name over there, unless a read was quicker."""
    mine = (Node.institution_id == unit.institution, Node.connection_id == connection_id)
    if unit.session.scalar(select(Node.id).where(*mine, Node.remote_id == new)) is None:
        unit.session.execute(
            update(Node)
            .where(*mine, Node.remote_id == old)
            .values(remote_id=new)
            .execution_options(synchronize_session=False)
        )
