"""Registered reads of files, as :func:`bloop.content.file_reads.file_for` asks for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam
from sqlalchemy.orm import aliased

from bloop.content.enrolling.models import ItemGrant
from bloop.content.enrolling.visibility import (
    container_reachable,
    container_shown,
    inside_reachable,
    item_shown,
    item_visible,
    viewer,
)
from bloop.content.models import Item
from bloop.content.queries import of_container
from bloop.store.statements import institution, register, select_rows

_FILE = (Item.id, Item.title, Item.blob, Item.data, Item.row_version)
FILE = register(
    "content.file",
    select_rows(*_FILE).where(
        Item.institution_id == institution,
        Item.id == bindparam("id"),
        Item.kind == "file",
        inside_reachable(Item.container_id),
    ),
)
FILE_SHOWN = register(
    "content.file_shown",
    of_container(*_FILE).where(Item.id == bindparam("id"), Item.kind == "file", item_visible),
)


_Lesson = aliased(Item, name="lesson")
_of_item: Any = ItemGrant
FILE_BESIDE = register(
    "content.file_beside",
    of_container(*_FILE, Item.remote_id, _Lesson.html, _Lesson.data.label("lesson_data"))
    .join(
        _Lesson,
        and_(
            _Lesson.institution_id == Item.institution_id,
            _Lesson.container_id == Item.container_id,
        ),
    )
    .join(
        _of_item,
        and_(ItemGrant.institution_id == _Lesson.institution_id, ItemGrant.item_id == _Lesson.id),
    )
    .where(
        _Lesson.institution_id == institution,
        ItemGrant.institution_id == institution,
        ItemGrant.user_id == viewer,
        viewer != "",
        Item.id == bindparam("id"),
        Item.kind == "file",
        item_shown,
        container_shown,
        container_reachable,
        _Lesson.published.is_(True),
        _Lesson.state == "active",
        _Lesson.concealed.is_(False),
    )
    .order_by(_Lesson.id),
    heavy=True,
)
"""A file with the lessons of its course that were granted to whoever asks: they may show it."""
