"""Registered reads of statements: of one person, of everybody, and one by its id."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, and_, bindparam, exists, or_, select
from sqlalchemy.orm import aliased

from bloop.content.enrolling.visibility import with_container
from bloop.content.models import Container, Item
from bloop.learning.statements.models import Statement
from bloop.store.statements import Statement as Registered
from bloop.store.statements import institution, reachable, register

_COLUMNS: Any = (
    Statement.place,
    Statement.id,
    Statement.user_id.label("user"),
    Statement.source,
    Statement.stored_at,
    Statement.told_by,
    Statement.raw,
)
_Voiding: Any = aliased(Statement, name="voiding")
voided = exists(
    select(_Voiding.id).where(
        _Voiding.institution_id == institution,
        _Voiding.voids == Statement.id,
    )
)


def _text(name: str) -> Any:
    return bindparam(name, type_=String())


def _matches(column: Any, name: str) -> Any:
    """Whether a column is what is asked for; an empty text asks for anything."""
    return or_(_text(name) == "", column == _text(name))


_theirs = ~exists(
    select(Item.id)
    .join(Container, with_container)
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        Item.id == Statement.item_id,
        ~reachable(Container.owner_id),
    )
)
"""What somebody does in what is theirs alone nobody else is told."""


def _found(name: str, *, ascending: bool, everybody: bool) -> Registered:
    order = Statement.place if ascending else Statement.place.desc()
    place, after = Statement.place, _text("after")
    whose = [] if everybody else [Statement.user_id == bindparam("user")]
    query = (
        select(*_COLUMNS)
        .where(
            Statement.institution_id == institution,
            _theirs,
            *whose,
            or_(after == "", place > after if ascending else place < after),
            _matches(Statement.verb, "verb"),
            or_(
                _text("activity") == "",
                Statement.activity == _text("activity"),
                and_(Statement.source == "hub", Statement.activity == _text("ours")),
            ),
            _matches(Statement.registration, "registration"),
            Statement.stored_at > bindparam("since"),
            Statement.stored_at <= bindparam("until"),
            ~voided,
        )
        .order_by(order)
        .limit(bindparam("limit"))
    )
    return register(name, query, heavy=True)


OF_USER = {
    up: _found(f"learning.statements_{'up' if up else 'down'}", ascending=up, everybody=False)
    for up in (True, False)
}
OF_ALL = {
    up: _found(f"learning.all_statements_{'up' if up else 'down'}", ascending=up, everybody=True)
    for up in (True, False)
}
"""By whether they ascend."""

ONE = register(
    "learning.statement",
    select(*_COLUMNS, voided.label("voided")).where(
        Statement.institution_id == institution, Statement.id == bindparam("id"), _theirs
    ),
)
"""A statement, voided or not."""
