"""What people have put on top of what a run brought: while there is any, it is not taken back.

Domains above know of more than content does, and add themselves to :data:`DONE_WITH_ITEMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import aliased

from bloop.content.enrolling.models import CourseEnrolment, ItemGrant
from bloop.content.models import Container, Item, Node, Version
from bloop.content.search.models import ItemText
from bloop.content.search.tracks import OWNER
from bloop.content.sync_models import SyncRun
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

DONE_WITH_ITEMS: list[Callable[[UnitOfWork, Select[str]], int]] = []
"""Called with the unit and a query of items; how much people did with them that goes with them."""

_EDITS = ("edited", "drafted")
_TRASH = "or put the course into the trash"
_later = aliased(Version)


def refuse_built_upon(unit: UnitOfWork, run: SyncRun) -> None:
    """Raise ConflictError where something of people would be lost with what a run wrote."""
    items = select(Item.id).where(Item.institution_id == unit.institution, Item.run_id == run.id)
    if added := _added(unit, run, items):
        raise ConflictError(
            f"{added} things were added by others to what this run brought",
            cure=f"move them elsewhere first, {_TRASH}",
        )
    if edited := _edited(unit, run):
        raise ConflictError(
            f"{edited} pages that this run brought were edited here since",
            cure="put the course into the trash, where the edits can be had back",
        )
    if done := sum(count(unit, items) for count in DONE_WITH_ITEMS):
        raise ConflictError(
            f"people have worked on what this run brought already: {done} times",
            cure="put the course into the trash, where their work is kept",
        )
    if seated := _seated(unit, run, items):
        raise ConflictError(
            f"{seated} people or groups were let into what this run brought",
            cure=f"take them out of it first, {_TRASH}",
        )


def _added(unit: UnitOfWork, run: SyncRun, items: Select[str]) -> int:
    """What others wrote inside of containers and modules that the run added.

    And what plugins made of its items, such as a video: they forget it with them.
    """
    containers, parents = _containers(unit, run), _of_run(unit, Node, run)
    own: tuple[tuple[Any, Any], ...] = (
        (Item, Item.container_id.in_(containers)),
        (
            Node,
            Node.container_id.in_(containers)
            | Node.parent_id.in_(parents)
            | Node.item_id.in_(items),
        ),
    )
    said = count_rows(unit, ItemText, ItemText.item_id.in_(items), ItemText.plugin_id != OWNER)
    return said + sum(
        count_rows(unit, model, condition, model.run_id.is_distinct_from(run.id))
        for model, condition in own
    )


def _edited(unit: UnitOfWork, run: SyncRun) -> int:
    """Items that the run wrote and people edited after it; of notes their own module knows more."""
    edit = (
        _later.institution_id == unit.institution,
        _later.subject == "item",
        _later.subject_id == Item.id,
        _later.run_id.is_(None),
        _later.change.in_(_EDITS),
    )
    changed = exists().where(
        Version.institution_id == unit.institution,
        Version.subject == "item",
        Version.subject_id == Item.id,
        Version.run_id == run.id,
        exists().where(*edit, _later.row_version > Version.row_version),
    )
    return count_rows(
        unit,
        Item,
        Item.kind != Kind.NOTE,
        ((Item.run_id == run.id) & exists().where(*edit)) | changed,
    )


def _seated(unit: UnitOfWork, run: SyncRun, items: Select[str]) -> int:
    enrolled = CourseEnrolment.container_id.in_(_containers(unit, run))
    granted = ItemGrant.item_id.in_(items)
    return count_rows(unit, CourseEnrolment, enrolled) + count_rows(unit, ItemGrant, granted)


def _containers(unit: UnitOfWork, run: SyncRun) -> Select[str]:
    return _of_run(unit, Container, run)


def _of_run(unit: UnitOfWork, model: Any, run: SyncRun) -> Select[str]:
    return select(model.id).where(model.institution_id == unit.institution, model.run_id == run.id)


def count_rows(unit: UnitOfWork, model: Any, *conditions: ColumnElement[bool]) -> int:
    """How many rows of a table there are of the institution that fit."""
    found = select(func.count()).where(model.institution_id == unit.institution, *conditions)
    return unit.session.scalar(found) or 0
