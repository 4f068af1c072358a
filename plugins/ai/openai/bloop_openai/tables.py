"""What models have used, by institution, month and model."""

from __future__ import annotations

from typing import ClassVar
from uuid import uuid4

from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bloop_sdk.tables import ID, TYPES, Tenant, plugin_metadata

metadata = plugin_metadata("openai")


class Base(Tenant, DeclarativeBase):
    """Of every table of the plugin: its rows belong to institutions."""

    metadata = metadata
    type_annotation_map: ClassVar = TYPES


class Usage(Base):
    """A month (``2026-11``, UTC) of a model.

    ``failed`` are the calls that gave no answer; ``cost`` is in millionths of a US dollar, and
    None where no price is known.
    """

    __tablename__ = "openai_usage"
    __table_args__ = (UniqueConstraint("institution_id", "month", "model"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: str(uuid4()))
    month: Mapped[str] = mapped_column(String(7))
    model: Mapped[str] = mapped_column(String(200))
    calls: Mapped[int] = mapped_column(BigInteger, default=0)
    failed: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_in: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens_out: Mapped[int] = mapped_column(BigInteger, default=0)
    cost: Mapped[int | None] = mapped_column(BigInteger)
