"""How somebody stands to a row of content, for the policies: the same conditions as the reads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, or_, select

from bloop.accounts.policy.engine import Standing
from bloop.content.enrolling.visibility import enrolled, teaches, viewer
from bloop.content.models import Container
from bloop.store.statements import institution, values_of_caller
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

_container: Any = Container
_STANDING = select(
    _container.audience,
    or_(teaches, and_(viewer != "", enrolled)).label("enrolled"),
    teaches.label("taught"),
).where(_container.institution_id == institution)


def standing_of(unit: UnitOfWork, row: Any, call: Call | None = None) -> Standing:
    """The standing of a call, the unit's by default, to a container or an item or node in one."""
    id_ = row.id if isinstance(row, Container) else row.container_id
    with unit.session.no_autoflush:
        found = unit.session.execute(
            _STANDING.where(_container.id == id_),
            {"institution": unit.institution, **values_of_caller(call or unit.call)},
        ).one_or_none()
    # A course that is only being made is nobody's yet.
    return Standing() if found is None else Standing(found[0], bool(found[1]), bool(found[2]))
