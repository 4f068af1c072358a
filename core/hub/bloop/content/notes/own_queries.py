"""Registered reads of somebody's own notes: beside a lesson, of a course, and all of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from bloop.content.enrolling.visibility import (
    container_reachable,
    container_visible,
    item_visible,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.content.notes.models import Anchor, NotePlace
from bloop.kernel.models import Connection
from bloop.store.models import ID
from bloop.store.statements import institution, reader, register

THERE = ("active", "pending")
_AFTER: Any = bindparam("after", type_=ID)
_LIMIT: Any = bindparam("limit")
_Note: Any = aliased(Item, name="note")
_Notebook: Any = aliased(Container, name="notebook")
_NOTE: tuple[Any, ...] = (
    _Note.id,
    Anchor.about_id.label("lesson"),
    Anchor.course_id.label("course"),
    Anchor.kind,
    Anchor.exact,
    Anchor.prefix,
    Anchor.suffix,
    Anchor.position,
    Anchor.moment_ms,
    _Note.container_id.label("notebook"),
    _Note.title,
    _Note.data,
    _Note.html,
    _Note.row_version,
    Anchor.created_at,
    _Note.updated_at,
)


def _own(*columns: Any) -> Any:
    """Notes of whoever asks, that are in a notebook of theirs and not in the trash."""
    return (
        select(*columns)
        .select_from(Anchor)
        .join(
            _Note,
            and_(_Note.institution_id == Anchor.institution_id, _Note.id == Anchor.item_id),
        )
        .join(
            _Notebook,
            and_(
                _Notebook.institution_id == _Note.institution_id,
                _Notebook.id == _Note.container_id,
            ),
        )
        .where(
            Anchor.institution_id == institution,
            _Note.institution_id == institution,
            _Notebook.institution_id == institution,
            reader != "",
            Anchor.user_id == reader,
            _Notebook.owner_id == reader,
            _Note.state.in_(THERE),
            _Notebook.state.in_(THERE),
        )
    )


BESIDE = register(
    "content.notes_beside",
    _own(*_NOTE)
    .where(Anchor.about_id == bindparam("lesson"), Anchor.item_id > _AFTER)
    .order_by(Anchor.item_id)
    .limit(_LIMIT),
    heavy=True,
)
"""Those about one lesson, the oldest first."""

ONE = register(
    "content.own_note", _own(*_NOTE).where(Anchor.item_id == bindparam("id")), heavy=True
)
"""One of them."""

_COURSE_THERE = and_(Container.state != "trashed", container_reachable)


def _mine(*conditions: Any, shown: bool) -> Any:
    """A page of own notes, the newest first, with the titles of what whoever asks may still see."""
    lesson = item_visible if shown else and_(Item.state != "trashed", container_reachable)
    course = container_visible if shown else _COURSE_THERE
    return (
        _own(
            *_NOTE,
            case((lesson, Item.title)).label("lesson_title"),
            case((course, Container.title)).label("course_title"),
        )
        .outerjoin(
            Item,
            and_(Item.institution_id == Anchor.institution_id, Item.id == Anchor.about_id),
        )
        .outerjoin(Container, with_container)
        .where(
            or_(Item.institution_id == institution, Item.institution_id.is_(None)),
            or_(Container.institution_id == institution, Container.institution_id.is_(None)),
            or_(_AFTER == "", Anchor.item_id < _AFTER),
            *conditions,
        )
        .order_by(Anchor.item_id.desc())
        .limit(_LIMIT)
    )


_OF_COURSE = Anchor.course_id == bindparam("course")
MINE = register("content.own_notes", _mine(shown=False), heavy=True)
MINE_SHOWN = register("content.own_notes_shown", _mine(shown=True), heavy=True)
OF_COURSE = register("content.own_notes_of_course", _mine(_OF_COURSE, shown=False), heavy=True)
OF_COURSE_SHOWN = register(
    "content.own_notes_of_course_shown", _mine(_OF_COURSE, shown=True), heavy=True
)


def _courses(visible: Any) -> Any:
    """Courses that somebody has notes about."""
    return (
        _own(Container.id, Container.title)
        .join(
            Container,
            and_(
                Container.institution_id == Anchor.institution_id,
                Container.id == Anchor.course_id,
            ),
        )
        .where(Container.institution_id == institution, visible)
        .distinct()
        .order_by(Container.title, Container.id)
        .limit(200)
    )


COURSES = register("content.courses_with_notes", _courses(_COURSE_THERE), heavy=True)
COURSES_SHOWN = register(
    "content.courses_with_notes_shown", _courses(container_visible), heavy=True
)

ABOUT = register(
    "content.own_note_is_about",
    _own(Anchor.about_id.label("lesson"), Anchor.kind, Anchor.moment_ms).where(
        Anchor.item_id == bindparam("id")
    ),
    heavy=True,
)
"""What a note of somebody's own is about."""

NOTEBOOKS = register(
    "content.note_places",
    select(
        Container.id,
        Container.title,
        Connection.name.label("system"),
        Connection.writes,
        Connection.settings["file"].as_string().label("file"),
        (func.coalesce(NotePlace.container_id, "") == Container.id).label("chosen"),
    )
    .outerjoin(
        Connection,
        and_(
            Connection.institution_id == Container.institution_id,
            Connection.id == Container.connection_id,
        ),
    )
    .outerjoin(
        NotePlace,
        and_(
            NotePlace.institution_id == Container.institution_id,
            NotePlace.user_id == Container.owner_id,
        ),
    )
    .where(
        Container.institution_id == institution,
        or_(Connection.institution_id == institution, Connection.institution_id.is_(None)),
        or_(NotePlace.institution_id == institution, NotePlace.institution_id.is_(None)),
        reader != "",
        Container.owner_id == reader,
        Container.kind == "notebook",
        Container.state.in_(THERE),
    )
    .order_by(Container.id)
    .limit(200),
    heavy=True,
)
"""Their notebooks, and which of them new notes go to."""
