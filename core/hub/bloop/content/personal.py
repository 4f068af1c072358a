"""What content knows of people: those of other systems who have an account's mail address.

An erased person of another system comes back when that system changes the record, unless it was
erased there: so begin there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_, select

from bloop.accounts.models import User
from bloop.accounts.people.followers import ERASING
from bloop.accounts.privacy.parts import (
    ERASED_NAME,
    Condition,
    Fate,
    Part,
    Subject,
    blanks_of,
)
from bloop.content.changes import announce_all
from bloop.content.enrolling.models import CourseEnrolment, ItemGrant, PersonLink
from bloop.content.models import (
    Completion,
    Container,
    Enrolment,
    Item,
    Node,
    Person,
    Submission,
    Version,
)
from bloop.content.search.models import ItemText, SearchDocument
from bloop.content.sync_models import Quarantine
from bloop.kernel.models import Connection
from bloop.store.unit import UnitOfWork

_people: Any = Person.__table__
_seats: Any = CourseEnrolment.__table__
_grants: Any = ItemGrant.__table__
_links: Any = PersonLink.__table__
_versions: Any = Version.__table__
_quarantine: Any = Quarantine.__table__
_connections: Any = Connection.__table__
_containers: Any = Container.__table__
_items: Any = Item.__table__
_nodes: Any = Node.__table__
_documents: Any = SearchDocument.__table__
_texts: Any = ItemText.__table__

HOLDERS = ((Item, Item.blob), (Version, Version.snapshot["blob"].as_string()))
"""Tables with a column that names bytes by their SHA-256, which therefore stay."""


def rules() -> list[Part]:
    """The parts of people in other systems, and of versions."""
    erased = {**blanks_of(_people), "name": ERASED_NAME, "url": None}
    return [
        *_owned(),
        # Without its user an enrolment is nobody's, and a link says that it was taken away.
        Part(_seats, lambda s: _seats.c.user_id == s.id, Fate.DELETED),
        Part(_grants, lambda s: _grants.c.user_id == s.id, Fate.DELETED),
        Part(_links, lambda s: _links.c.user_id == s.id, Fate.DELETED),
        Part(_people, _same_address, Fate.BLANKED, blank=erased, late=True),
        _of_person(Enrolment, raw=None),
        _of_person(Submission, raw=None, comments=[]),
        _of_person(Completion, raw=None),
        Part(
            _versions,
            _versions_of_owned,
            Fate.DELETED,
            exported=False,
            reason="stand among the other versions",
        ),
        Part(
            _versions,
            lambda s: or_(
                # What a run of theirs brought of other people is not theirs.
                and_(_versions.c.actor == s.name, _versions.c.subject.not_in(_SUBJECTS)),
                _of_them(s),
                _versions_of_owned(s),
            ),
            Fate.DELETED,
            reason="versions of what they wrote stay; the author leads to nobody then",
            also=lambda: _versions.c.subject.in_(_SUBJECTS),
        ),
        Part(
            _quarantine,
            _quotes,
            Fate.BLANKED,
            exported=False,
            reason="a record of another system that could not be read may be of several people",
            blank={"raw": None},
        ),
    ]


def _owned() -> list[Part]:
    """What is a person's alone goes with them; nobody else could do anything with it.

    What refers to these goes as well, as its foreign keys tell.
    """
    reason = "only says again, or of others, what is in their notebooks"
    gone: dict[str, Any] = {"fate": Fate.DELETED, "exported": False, "reason": reason}
    inside = (
        _documents,
        _seats,
        *(model.__table__ for model in (Enrolment, Submission, Completion)),
    )
    return [
        # Versions are found by these.
        Part(_connections, lambda s: _connections.c.owner_id == s.id, Fate.DELETED, late=True),
        Part(_containers, lambda s: _containers.c.owner_id == s.id, Fate.DELETED, late=True),
        Part(_items, _inside(_items), Fate.DELETED, late=True, bytes=_items.c.blob),
        Part(_nodes, _inside(_nodes), Fate.DELETED, late=True),
        *(Part(table, _inside(table), **gone) for table in inside),
        Part(_texts, lambda s: _texts.c.item_id.in_(_ids_of_own_items(s)), **gone),
        Part(_links, lambda s: _links.c.person_id.in_(_ids_over_own(s)), **gone),
        Part(_people, lambda s: _people.c.id.in_(_ids_over_own(s)), late=True, **gone),
    ]


def _ids_over_own(subject: Subject) -> Any:
    """People of the systems that somebody has connected for themselves."""
    return select(_people.c.id).where(
        _people.c.institution_id == subject.institution,
        _people.c.connection_id.in_(
            select(_connections.c.id).where(
                _connections.c.institution_id == subject.institution,
                _connections.c.owner_id == subject.id,
            )
        ),
    )


def _ids_of_own_items(subject: Subject) -> Any:
    return select(_items.c.id).where(
        _items.c.institution_id == subject.institution, _inside(_items)(subject)
    )


def _inside(table: Any) -> Condition:
    """Rows of a table that are in what somebody owns."""
    return lambda s: table.c.container_id.in_(
        select(_containers.c.id).where(
            _containers.c.institution_id == s.institution, _containers.c.owner_id == s.id
        )
    )


def _versions_of_owned(subject: Subject) -> ColumnElement[bool]:
    owned = select(_containers.c.id).where(
        _containers.c.institution_id == subject.institution, _containers.c.owner_id == subject.id
    )
    found = and_(_versions.c.subject == "container", _versions.c.subject_id.in_(owned))
    for table in (_items, _nodes):
        inside = select(table.c.id).where(
            table.c.institution_id == subject.institution, table.c.container_id.in_(owned)
        )
        found = or_(
            found, and_(_versions.c.subject == table.name, _versions.c.subject_id.in_(inside))
        )
    return found


def _tell_of_owned(unit: UnitOfWork, user: User) -> None:
    """Say that what is theirs alone goes, so that indexes forget it."""
    theirs = select(Container.id).where(
        Container.institution_id == unit.institution, Container.owner_id == user.id
    )
    model: Any
    for model, inside in ((Item, Item.container_id), (Container, Container.id)):
        rows = unit.session.execute(
            select(model.id, model.kind, inside).where(
                model.institution_id == unit.institution, inside.in_(theirs)
            )
        )
        announce_all(unit, model, "deleted", [(id_, kind, in_) for id_, kind, in_ in rows])


ERASING.append(_tell_of_owned)

_SUBJECTS = ("person", "submission", "completion")
"""Whose versions tell of a person."""


def _of_person(model: Any, **blank: Any) -> Part:
    table: Any = model.__table__
    return Part(table, lambda s: table.c.person_id.in_(_ids(s)), Fate.BLANKED, blank=blank)


def _of_them(subject: Subject) -> ColumnElement[bool]:
    """Versions of the person's rows, and of what they did."""
    found = and_(_versions.c.subject == "person", _versions.c.subject_id.in_(_ids(subject)))
    for model in (Submission, Completion):
        table: Any = model.__table__
        done = select(table.c.id).where(
            table.c.institution_id == subject.institution, table.c.person_id.in_(_ids(subject))
        )
        named = _versions.c.subject == table.name
        found = or_(found, and_(named, _versions.c.subject_id.in_(done)))
    return found


def _same_address(subject: Subject) -> ColumnElement[bool]:
    if not subject.email:
        return literal(value=False)
    same: ColumnElement[bool] = func.lower(_people.c.email) == subject.email.lower()
    return same


def _ids(subject: Subject) -> Any:
    return select(_people.c.id).where(
        _people.c.institution_id == subject.institution, _same_address(subject)
    )


def _quotes(subject: Subject) -> ColumnElement[bool]:
    """Records whose text holds the address."""
    if not subject.email:
        return literal(value=False)
    told = func.lower(cast(_quarantine.c.raw, Text))
    quoted: ColumnElement[bool] = told.contains(subject.email.lower(), autoescape=True)
    return quoted
