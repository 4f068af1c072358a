"""What the pages of who writes courses share: an item or a course as it is edited."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from starlette.requests import Request

from bloop.accounts.access import call_of, hub_of
from bloop.content import edited
from bloop.content.editing_queries import COURSE_EDITED, ITEM_EDITED
from bloop.content.removed import Removed
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.statements import parsed
from bloop.web.refusal_words import refusal
from bloop.web.render import locale_of, translations_of
from bloop_sdk import BloopError, Kind

WRITTEN = frozenset({Kind.PAGE, Kind.ASSIGNMENT, Kind.DISCUSSION, Kind.LINK, Kind.FILE})
"""What has its editor here; quizzes and notes have others."""
EDITED = WRITTEN | {Kind.QUIZ}
"""What the page of a lesson leads to the editor of; a note's has its own way."""


def is_live(row: Mapping[str, Any]) -> bool:
    """Whether a sync may overwrite it any time, so that it is not edited here."""
    return row["system"] is not None and "file" not in (parsed(row["system_settings"]) or {})


class Lesson(SimpleNamespace):
    """An item with its draft, by the names of its row; ``data`` and ``draft`` are parsed."""

    @property
    def text(self) -> dict[str, Any]:
        """What its author sees: the draft, or what is published."""
        return edited.newest(self)

    @property
    def has_draft(self) -> bool:
        """Whether something waits to be published."""
        return edited.draft_of(self) is not None

    @property
    def href(self) -> str:
        """Where it is edited."""
        return editor_of(self.kind, self.id)


def lesson_of(row: Mapping[str, Any]) -> Lesson:
    """What a read of :mod:`bloop.content.editing_queries` gave."""
    data = {name: parsed(row[name]) for name in ("data", "draft") if name in row}
    return Lesson(**{"data": {}, **row, **data}, live=is_live(row))


def editor_of(kind: str | None, id_: str) -> str:
    """The page that changes an item of a kind."""
    if kind == Kind.QUIZ:
        return f"/quizzes/{id_}/edit"
    return f"/notes/{id_}/edit" if kind == Kind.NOTE else f"/lessons/{id_}/edit"


async def lesson_edited(request: Request, id_: str) -> Lesson:
    """An item for its editor; raises NotFoundError."""
    row = await hub_of(request).database.read_one(ITEM_EDITED, call_of(request), id=id_)
    if row is None:
        raise NotFoundError(f"nothing here has the id {id_[:40]}")
    return lesson_of(ITEM_EDITED.as_dict(row))


async def course_edited(request: Request, id_: str) -> dict[str, Any]:
    """A course for its editor; raises NotFoundError."""
    row = await hub_of(request).database.read_one(COURSE_EDITED, call_of(request), id=id_)
    if row is None:
        raise NotFoundError(f"nothing here has the id {id_[:40]}")
    found = COURSE_EDITED.as_dict(row)
    return found | {"live": is_live(found)}


def version_in(text: str) -> int:
    """The version that a form was made from; 0, which no row has, where it says none."""
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def words_of(request: Request, error: BloopError) -> dict[str, str | None]:
    """A refusal for a form: what is wrong, its cure, and the field it stands at."""
    _ = translations_of(locale_of(request)).gettext
    field = getattr(error, "field", None)
    if field == "title" and "empty" in error.message:
        return {"message": _("Give it a title."), "cure": None, "field": field}
    if field == "data.href":
        message = _("A link begins with http:// or https://.")
        return {"message": message, "cure": None, "field": field}
    if isinstance(error, ConflictError) and error.current is not None:
        message = _("Somebody else changed this meanwhile. Look again.")
        return {"message": message, "cure": None, "field": None}
    found = refusal(error, _)
    return {"message": found.message, "cure": found.cure or None, "field": field}


def removed_words(request: Request, gone: list[Removed]) -> list[str]:
    """What was taken out of a text, in words."""
    _ = translations_of(locale_of(request)).gettext
    names = {
        "element": _("the element {name}"),
        "address": _("the address {name}"),
        "attribute": _("the attribute {name}"),
    }
    said = []
    for one in gone:
        times = f" × {one.count}" if one.count > 1 else ""
        said.append(names[one.what].format(name=one.name) + times)
    return said
