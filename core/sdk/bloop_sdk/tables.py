"""Tables of a plugin: ``pip install bloop-sdk[tables]`` brings SQLAlchemy.

    class Base(Tenant, DeclarativeBase):
        metadata = plugin_metadata("commerce")
        type_annotation_map = TYPES

    class Order(Base):
        __tablename__ = "commerce_order"
        id: Mapped[str] = mapped_column(ID, primary_key=True)

Every table of a plugin has the column ``institution_id``, is named ``<plugin>_...`` and refers to
no table but the plugin's own: so the hub can guard its rows, and a plugin that is removed never
stands in the way of the hub's own upgrade. Of the hub's rows a plugin keeps the ids, and learns
from events when they go.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, MetaData, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine

from bloop_sdk.errors import FatalError

ID = String(36)
"""An id: a UUID as text on every database."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints, stable across databases, so that a migration can drop them."""


@lru_cache(256)  # A batch has one time for all its rows.
def to_text(moment: datetime) -> str:
    """RFC 3339 with microseconds and ``Z``: 27 characters, sorted by time."""
    here = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{here.isoformat(timespec='microseconds')[:-6]}Z"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; a naive one is refused. Text on SQLite, which sorts as time."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """``timestamptz`` where it exists."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the driver."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC) if dialect.name == "postgresql" else to_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the name is SQLAlchemy's
        """From the driver."""
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return datetime.fromisoformat(value)


Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON with SQL NULL for None."""

TYPES: dict[Any, Any] = {datetime: UtcDateTime, dict[str, Any]: Json, list[str]: Json}
"""Column types by annotation."""


class Tenant:
    """Mixin of every table whose rows belong to one institution; the hub guards those."""

    @declared_attr
    @classmethod
    def institution_id(cls) -> Mapped[str]:
        """The owner of the row."""
        return mapped_column(ID, nullable=False)


def plugin_metadata(plugin_id: str) -> MetaData:
    """What knows a plugin's tables; the manifest names it."""
    return MetaData(naming_convention=NAMING, info={"plugin": plugin_id})


def plugin_base(plugin_id: str) -> type[DeclarativeBase]:
    """The base class of a plugin's tables in one line; type checkers know no such base."""

    class PluginBase(Tenant, DeclarativeBase):
        """Base of one plugin's tables."""

        __abstract__ = True
        metadata = plugin_metadata(plugin_id)
        type_annotation_map: ClassVar = TYPES

    return PluginBase


def check_tables(plugin_id: str, metadata: MetaData) -> None:
    """Raise :class:`FatalError` with everything about the tables that the hub refuses."""
    faults = [fault for table in metadata.tables.values() for fault in _faults(plugin_id, table)]
    if faults:
        raise FatalError(f"tables of {plugin_id}: {'; '.join(faults)}", code="tables_invalid")


def _faults(plugin_id: str, table: Any) -> Iterator[str]:
    if not table.name.startswith(f"{plugin_id}_"):
        yield f"{table.name}: name it {plugin_id}_{table.name}"
    owner = table.c.get("institution_id")
    if owner is None or owner.nullable:
        yield f"{table.name}: has no institution_id; derive from plugin_base({plugin_id!r})"
    for constraint in table.foreign_key_constraints:
        target = constraint.elements[0].target_fullname.rpartition(".")[0]
        if not target.startswith(f"{plugin_id}_"):
            yield (
                f"{table.name}: refers to {target}, which is not the plugin's; "
                "keep the id alone and follow the hub's events"
            )
        elif "institution_id" not in constraint.column_keys:
            yield (
                f"{table.name}: refers to {target} without institution_id, "
                "so that a row could point at another institution's"
            )
