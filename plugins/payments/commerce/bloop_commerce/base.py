"""What all tables of commerce share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

from sqlalchemy import ForeignKeyConstraint, String
from sqlalchemy.orm import DeclarativeBase

from bloop_sdk.tables import TYPES, Tenant, plugin_metadata

metadata = plugin_metadata("commerce")

Name = String(255)
"""What a provider calls a thing: at most so long with those that are known."""
Currency = String(3)
COURSE, ITEM = "course", "item"
"""What may be given: a course as a whole, or one item of one."""


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A new random id."""
    return str(uuid4())


def of_order() -> ForeignKeyConstraint:
    """The key of a row that belongs to an order."""
    return ForeignKeyConstraint(
        ["institution_id", "order_id"], ["commerce_order.institution_id", "commerce_order.id"]
    )


class Base(Tenant, DeclarativeBase):
    """Of every table of the plugin: its rows belong to institutions."""

    metadata = metadata
    type_annotation_map: ClassVar = TYPES
