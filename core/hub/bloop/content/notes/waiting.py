"""What waits to be sent: asked for in the transaction of the change, one job a connection.

Who ends the job looks once more for what waits, and says in the same transaction that it sends
nothing more: whoever changes a note afterwards asks for another one. So nothing is left behind, and
two never send at once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update

from bloop.content.models import Container, Item
from bloop.content.notes.models import Unsent
from bloop.content.syncing import ATTEMPTS, QUEUE
from bloop.jobs import ledger
from bloop.jobs.models import OVER, Job
from bloop.jobs.schedules import Enqueue
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState
from bloop.store.commands import command
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import NoteWrite

SEND_JOB = "content.send"
_RESTING = frozenset({ConnectionState.UNCONFIGURED, ConnectionState.SUSPENDED})
"""States in which nothing is sent: what waits is, by the first sync afterwards."""


def live_connection(unit: UnitOfWork, row: Item | Container) -> Connection | None:
    """The connection that a note or notebook is written to: no imported file's, nor none."""
    id_ = row.connection_id
    if id_ is None and isinstance(row, Item):
        id_ = unit.session.scalar(
            select(Unsent.connection_id).where(
                Unsent.institution_id == unit.institution, Unsent.item_id == row.id
            )
        )
    if id_ is None:
        return None
    found = unit.get(Connection, id_)
    return None if is_file(found) else found


def is_file(connection: Connection) -> bool:
    """Whether a connection stands for an imported file: it is read when somebody imports it."""
    return "file" in connection.settings


def unsent_of(unit: UnitOfWork, item_id: str, *ops: str) -> Unsent | None:
    """What waits of an item, of the first of ``ops`` that does."""
    rows = unit.session.scalars(
        select(Unsent).where(
            Unsent.institution_id == unit.institution,
            Unsent.item_id == item_id,
            Unsent.op.in_(ops),
        )
    ).all()
    return min(rows, key=lambda row: ops.index(row.op), default=None)


def want(
    unit: UnitOfWork,
    connection: Connection,
    item: Item,
    op: str,
    *,
    node: str | None = None,
    about: str | None = None,
) -> None:
    """Have a change sent: what is said of an earlier one that waits is forgotten.

    A note that the other side does not have yet is sent whole, so that nothing else of it waits.
    An imported file is sent nothing.
    """
    if is_file(connection):
        return
    whole = op in {NoteWrite.UPDATE, NoteWrite.MOVE}
    row = unsent_of(unit, item.id, *([NoteWrite.CREATE] if whole else []), op)
    if row is None:
        row = Unsent(
            institution_id=unit.institution,
            connection_id=connection.id,
            container_id=item.container_id,
            item_id=item.id,
            node_id=node,
            about_id=about,
            op=str(op),
        )
        unit.session.add(row)
    row.node_id = node or row.node_id
    row.actor, row.updated_at = actor_of(unit.call), utcnow()
    row.code = row.reason = row.cure = None
    if row.state == "refused":
        row.state = "waiting"
    unit.session.flush()
    ask_for_send(unit, connection)


def drop(unit: UnitOfWork, item_id: str, *ops: str) -> None:
    """Send nothing more of these; all where none is named."""
    conditions = [Unsent.institution_id == unit.institution, Unsent.item_id == item_id]
    if ops:
        conditions.append(Unsent.op.in_(ops))
    unit.session.execute(
        delete(Unsent).where(*conditions).execution_options(synchronize_session="fetch")
    )


def drop_files(unit: UnitOfWork, note_id: str) -> None:
    """Send no file of a note that is not made over there any more."""
    unit.session.execute(
        delete(Unsent)
        .where(
            Unsent.institution_id == unit.institution,
            Unsent.about_id == note_id,
            Unsent.state != "sending",
        )
        .execution_options(synchronize_session="fetch")
    )


def sender_of(unit: UnitOfWork, connection: Connection) -> str | None:
    """The job that sends for a connection now, or is about to."""
    # Others change it as well, which makes no new version of the row: who comes second waits.
    sender = unit.session.scalar(
        select(Connection.send_job)
        .where(Connection.institution_id == unit.institution, Connection.id == connection.id)
        .with_for_update()
    )
    if sender is None:
        return None
    return unit.session.scalar(
        select(Job.id).where(
            Job.institution_id == unit.institution,
            Job.id == sender,
            Job.state.not_in(sorted(OVER)),
        )
    )


def set_unversioned(unit: UnitOfWork, connection: Connection, **values: Any) -> None:
    """Keep what the hub itself notes of a connection: nobody set it, so it is no new version."""
    unit.session.execute(
        update(Connection)
        .where(Connection.institution_id == unit.institution, Connection.id == connection.id)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def ask_for_send(
    unit: UnitOfWork, connection: Connection, *, enqueue: Enqueue = ledger.enqueue
) -> str | None:
    """Ask for the job that sends what waits; the one that is under way where there is one.

    None where a person has to look after the connection first.
    """
    if ConnectionState(connection.state) in _RESTING:
        return None
    if (sender := sender_of(unit, connection)) is not None:
        return sender
    job = enqueue(
        unit,
        SEND_JOB,
        {"connection": connection.id},
        plugin_id=connection.plugin_id,
        queue=QUEUE,
        max_attempts=ATTEMPTS,
        owner=connection.owner_id,
    )
    set_unversioned(unit, connection, send_job=job)
    return job


@command("content:write")
def send_now(unit: UnitOfWork, connection_id: str) -> str | None:
    """Send what waits for a connection, also what was refused; the job's id."""
    connection = unit.get(Connection, connection_id)
    unit.session.execute(
        update(Unsent)
        .where(*_of(unit, connection_id), Unsent.state == "refused")
        .values(state="waiting", code=None, reason=None, cure=None)
        .execution_options(synchronize_session=False)
    )
    return ask_for_send(unit, connection) if waits(unit, connection_id) else None


def waits(unit: UnitOfWork, connection_id: str) -> bool:
    """Whether something waits that was not refused."""
    found = select(Unsent.id).where(*_of(unit, connection_id), Unsent.state != "refused")
    return unit.session.scalar(found.limit(1)) is not None


def _of(unit: UnitOfWork, connection_id: str) -> list[ColumnElement[bool]]:
    return [Unsent.institution_id == unit.institution, Unsent.connection_id == connection_id]


def reconcile(unit: UnitOfWork, connection_id: str) -> None:
    """Let what waits be what rows say, after rows were given back what they held before."""
    mine: Any = and_(Item.institution_id == unit.institution, Item.connection_id == connection_id)
    changed = unit.session.scalars(select(Item).where(mine, Item.theirs.is_not(None))).all()
    by_item = {item.id: item for item in changed}
    ops = (NoteWrite.UPDATE, NoteWrite.DELETE)
    unit.session.execute(
        delete(Unsent)
        .where(
            *_of(unit, connection_id),
            or_(
                Unsent.item_id.not_in(
                    select(Item.id).where(Item.institution_id == unit.institution)
                ),
                and_(Unsent.op.in_(ops), Unsent.item_id.not_in(sorted(by_item))),
            ),
        )
        .execution_options(synchronize_session="fetch")
    )
    connection = unit.get(Connection, connection_id)
    for item in changed:
        op = NoteWrite.DELETE if item.state == "trashed" else NoteWrite.UPDATE
        if unsent_of(unit, item.id, op) is None:
            want(unit, connection, item, op)
