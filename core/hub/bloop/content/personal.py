"""What content knows of people: those of other systems who have an account's mail address.

An erased person of another system comes back when that system changes the record, unless it was
erased there: so begin there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, func, literal, or_, select

from bloop.accounts.privacy.parts import ERASED_NAME, Fate, Part, Subject, blanks_of
from bloop.content.enrolling.models import CourseEnrolment, PersonLink
from bloop.content.models import Completion, Enrolment, Item, Person, Submission, Version
from bloop.content.sync_models import Quarantine

_people: Any = Person.__table__
_seats: Any = CourseEnrolment.__table__
_links: Any = PersonLink.__table__
_versions: Any = Version.__table__
_quarantine: Any = Quarantine.__table__

HOLDERS = ((Item, Item.blob), (Version, Version.snapshot["blob"].as_string()))
"""Tables with a column that names bytes by their SHA-256, which therefore stay."""


def rules() -> list[Part]:
    """The parts of people in other systems, and of versions."""
    erased = {**blanks_of(_people), "name": ERASED_NAME, "url": None}
    return [
        # Without its user an enrolment is nobody's, and a link says that it was taken away.
        Part(_seats, lambda s: _seats.c.user_id == s.id, Fate.DELETED),
        Part(_links, lambda s: _links.c.user_id == s.id, Fate.DELETED),
        Part(_people, _same_address, Fate.BLANKED, blank=erased, late=True),
        _of_person(Enrolment, raw=None),
        _of_person(Submission, raw=None, comments=[]),
        _of_person(Completion, raw=None),
        Part(
            _versions,
            lambda s: or_(
                # What a run of theirs brought of other people is not theirs.
                and_(_versions.c.actor == s.name, _versions.c.subject.not_in(_SUBJECTS)),
                _of_them(s),
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
