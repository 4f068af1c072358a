"""Events of content: one for each row that was created, updated or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select, update

import bloop.content.topics  # noqa: F401 - declares what is said here
from bloop.content.bulk import update_rows
from bloop.content.models import Container, Item, Sourced
from bloop.content.trees import tree_changed
from bloop.content.versions import keep, subject_of
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

_OWNERS = "bloop.content.owners"
IDS_AT_ONCE = 500
"""How many ids one statement names: databases bound the number of parameters."""


def announce(
    unit: UnitOfWork,
    model: type[Sourced],
    change: str,
    *,
    id: str,  # noqa: A002 - it is the id in the payload
    kind: str,
    container: str | None,
    restorable: bool = False,
) -> None:
    """Append ``content.<table>.<change>``; its payload is a :class:`bloop_sdk.ContentEvent`'s.

    What is deleted and ``restorable`` has its row still, and may come back.
    """
    announce_all(unit, model, change, [(id, kind, container)], restorable=restorable)


def announce_all(
    unit: UnitOfWork,
    model: type[Sourced],
    change: str,
    rows: Iterable[tuple[str, str, str | None]],
    *,
    new: bool = False,
    restorable: bool = False,
) -> None:
    """The same of many rows of a table: their ids, kinds and containers.

    Of a ``new`` row nothing was said before, and no place of a tree shows it yet.
    """
    subject = subject_of(model)
    told = list(rows)
    owners = owners_of(unit, {inside for _, _, inside in told if inside is not None})
    said = [
        (
            f"{subject}:{id_}",
            payload_of(id_, kind, container, change, owners)
            | ({"restorable": True} if restorable else {}),
        )
        for id_, kind, container in told
    ]
    unit.outbox.extend(f"content.{subject}.{change}", said, first=new)
    if subject in {"item", "node"} and told:
        items = [id_ for id_, _, _ in told] if subject == "item" and not new else []
        tree_changed(unit, {inside for _, _, inside in told if inside is not None}, items)


def payload_of(
    id_: str, kind: str, container: str | None, change: str, owners: Mapping[str, str | None]
) -> dict[str, Any]:
    """What an event says of a row; ``owners`` are of containers."""
    payload = {"id": id_, "kind": kind, "container": container, "change": change}
    owner = owners.get(container) if container is not None else None
    return payload if owner is None else payload | {"owner": owner}


def owners_of(unit: UnitOfWork, containers: Iterable[str]) -> Mapping[str, str | None]:
    """Whose alone containers are, as far as they are somebody's; each is looked up once a unit."""
    known: dict[str, str | None] = unit.session.info.setdefault(_OWNERS, {})
    for part in chunks(sorted(set(containers) - known.keys())):
        owned = select(Container.id, Container.owner_id).where(
            Container.id.in_(part), Container.owner_id.is_not(None)
        )
        if unit.institution != EVERY_INSTITUTION:
            owned = owned.where(Container.institution_id == unit.institution)
        known |= dict.fromkeys(part)
        known |= {row.id: row.owner_id for row in unit.session.execute(owned)}
    return known


def known_owners(unit: UnitOfWork, owners: Mapping[str, str | None]) -> None:
    """Spare :func:`owners_of` the look at containers that were just read or made."""
    unit.session.info.setdefault(_OWNERS, {}).update(owners)


def announce_row(unit: UnitOfWork, row: Sourced, change: str, *, restorable: bool = False) -> None:
    """The same of a row at hand."""
    announce(
        unit,
        type(row),
        change,
        id=row.id,
        kind=kind_of_row(row),
        container=container_of_row(row),
        restorable=restorable,
    )


def kind_of_row(row: Any) -> str:
    """The kind in events: a node's is ``module`` or what it shows."""
    if hasattr(row, "kind"):
        return str(row.kind)
    return kind_of_subject(row.__tablename__, getattr(row, "item_kind", None))


def kind_of_subject(subject: str, item_kind: str | None) -> str:
    """The kind in events of a table whose rows have none of their own."""
    return (item_kind or "module") if subject == "node" else subject


def container_of_row(row: Any) -> str | None:
    """The container that a row is in, or is."""
    return row.id if isinstance(row, Container) else getattr(row, "container_id", None)


def chunks(values: Iterable[Any]) -> Iterable[list[Any]]:
    """Lists of at most :data:`IDS_AT_ONCE`."""
    ordered = list(values)
    for start in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[start : start + IDS_AT_ONCE]


def load(unit: UnitOfWork, model: type[Sourced], ids: Iterable[str]) -> dict[str, Any]:
    """Whole rows by their ids."""
    found: dict[str, Any] = {}
    for part in chunks(ids):
        rows = unit.session.scalars(
            select(model).where(model.institution_id == unit.institution, model.id.in_(part))
        )
        found |= {row.id: row for row in rows}
    return found


def set_state(
    unit: UnitOfWork,
    model: type[Sourced],
    rows: Iterable[Sourced],
    state: str,
    change: str,
    run_id: str | None,
) -> int:
    """Give rows of one table a state, keeping what they held; how many were in another one."""
    changed = [row for row in rows if row.state != state]
    keep(unit, changed, change, run_id)
    values = {"state": state, "updated_at": utcnow()}
    leave_pending(unit, changed)
    update_rows(unit, model, [(row, values) for row in changed])
    for row in changed:
        announce_row(unit, row, change, restorable=change == "deleted")
    return len(changed)


def leave_pending(unit: UnitOfWork, rows: Iterable[Sourced]) -> None:
    """Hide what is in containers that get another state before a run has read them whole.

    Until now that they are pending did; should they come back, no tree says yet what is open.
    """
    pending = [row.id for row in rows if isinstance(row, Container) and row.state == "pending"]
    for part in chunks(pending):
        unit.session.execute(
            update(Item)
            .where(Item.institution_id == unit.institution, Item.container_id.in_(part))
            .values(concealed=True)
            .execution_options(synchronize_session=False)
        )
