"""Storyboards with their versions, videos with their scenes, and the pieces that are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from sqlalchemy import Float, ForeignKeyConstraint, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bloop_sdk.tables import ID, TYPES, Tenant, plugin_metadata

metadata = plugin_metadata("studio")

STAGES = ("storyboard", "speech", "scenes", "composing")
"""What is done one after the other; a video is in one of them, ``ready`` or ``failed``."""


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


class Base(Tenant, DeclarativeBase):
    """Of every table of the plugin: its rows belong to institutions."""

    metadata = metadata
    type_annotation_map: ClassVar = TYPES


class StoryboardVersion(Base):
    """One version of a lesson's storyboard; nothing is ever written over.

    ``lesson_version`` is the lesson's as it was when the storyboard was made from it.
    """

    __tablename__ = "studio_storyboard"
    __table_args__ = (
        UniqueConstraint("institution_id", "item_id", "number"),
        UniqueConstraint("institution_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: str(uuid4()))
    item_id: Mapped[str] = mapped_column(ID)
    number: Mapped[int] = mapped_column(Integer)
    body: Mapped[dict[str, Any]]
    made_by: Mapped[str] = mapped_column(String(20))
    author_id: Mapped[str] = mapped_column(ID)
    lesson_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Video(Base):
    """A video of a lesson, from the moment it is asked for.

    ``request`` names what was asked for, so that the same is made once. ``storyboard`` is what is
    drawn: the version's, after the layout check. ``done`` of ``total`` counts within the stage,
    and ``job_id`` is the job that ends it. ``transcript`` is what is said, and when
    (:func:`bloop_studio.finding.transcript`), null for one that is not ready or not read yet.
    """

    __tablename__ = "studio_video"
    __table_args__ = (
        UniqueConstraint("institution_id", "request"),
        UniqueConstraint("institution_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: str(uuid4()))
    item_id: Mapped[str] = mapped_column(ID, index=True)
    title: Mapped[str] = mapped_column(String(300))
    request: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]]
    storyboard_id: Mapped[str | None] = mapped_column(ID)
    storyboard: Mapped[dict[str, Any] | None]
    lesson_version: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(20))
    round: Mapped[int] = mapped_column(Integer, default=1)
    job_id: Mapped[str | None] = mapped_column(ID)
    done: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    message: Mapped[str] = mapped_column(String(200), default="")
    seconds: Mapped[float | None] = mapped_column(Float)
    files: Mapped[dict[str, Any] | None]
    report: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    transcript: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    created_by: Mapped[str] = mapped_column(ID)
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class VideoScene(Base):
    """One scene of a video that is being made: what its picture depends on, and how far it is."""

    __tablename__ = "studio_scene"
    __table_args__ = (
        UniqueConstraint("institution_id", "video_id", "number"),
        ForeignKeyConstraint(
            ["institution_id", "video_id"],
            ["studio_video.institution_id", "studio_video.id"],
            ondelete="CASCADE",
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: str(uuid4()))
    video_id: Mapped[str] = mapped_column(ID)
    number: Mapped[int] = mapped_column(Integer)
    plan: Mapped[dict[str, Any]]
    clip: Mapped[str | None] = mapped_column(String(200))
    frames: Mapped[int] = mapped_column(Integer)
    drawn: Mapped[int] = mapped_column(Integer, default=0)
    reused: Mapped[bool] = mapped_column(default=False)
    fault: Mapped[str | None] = mapped_column(String(500))


class Piece(Base):
    """A kept file that videos share: speech of a line, a drawn scene, a whole video."""

    __tablename__ = "studio_piece"
    __table_args__ = (UniqueConstraint("institution_id", "name"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: str(uuid4()))
    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(Integer)
    used_at: Mapped[datetime] = mapped_column(default=now)
