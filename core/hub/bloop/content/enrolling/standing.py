"""How somebody stands to a row of content, for the policies: the same conditions as the reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_, select

from bloop.accounts.policy.engine import Standing
from bloop.content.enrolling.visibility import enrolled, granted, owns, teaches, viewer
from bloop.content.models import Container, Item
from bloop.content.sync_models import SyncRun
from bloop.kernel.models import Connection
from bloop.store.statements import institution, values_of_caller
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

_container: Any = Container
_STANDING = select(
    _container.audience,
    or_(teaches, owns, and_(viewer != "", enrolled)).label("enrolled"),
    teaches.label("taught"),
    _container.owner_id,
).where(_container.institution_id == institution)


_GRANTED = select(granted).select_from(Item).where(Item.institution_id == institution)


def standing_of(unit: UnitOfWork, row: Any, call: Call | None = None) -> Standing:
    """The standing of a call, the unit's by default, to a container or what is in one.

    Of a connection or a run of one it only says whose that is.
    """
    if isinstance(row, Connection):
        return Standing(owner=row.owner_id)
    if isinstance(row, SyncRun):
        with unit.session.no_autoflush:
            return Standing(owner=unit.session.scalar(_owner_of(unit, row.connection_id)))
    id_ = row.id if isinstance(row, Container) else row.container_id
    with unit.session.no_autoflush:
        found = unit.session.execute(
            _STANDING.where(_container.id == id_),
            {"institution": unit.institution, **values_of_caller(call or unit.call)},
        ).one_or_none()
    # A course that is only being made is nobody's yet.
    if found is None:
        return Standing()
    audience, enrolled_, taught, owner = found
    if isinstance(row, Item) and not enrolled_ and owner is None:
        enrolled_ = _granted(unit, row.id, call)
    return Standing(audience, bool(enrolled_), bool(taught), owner)


def _granted(unit: UnitOfWork, item: str, call: Call | None) -> bool:
    """Whether an item was granted by itself: to the policies as good as being in its course."""
    values = {"institution": unit.institution, **values_of_caller(call or unit.call)}
    with unit.session.no_autoflush:
        return bool(unit.session.scalar(_GRANTED.where(Item.id == item), values))


def _owner_of(unit: UnitOfWork, connection_id: str) -> Any:
    return select(Connection.owner_id).where(
        Connection.institution_id == unit.institution, Connection.id == connection_id
    )
