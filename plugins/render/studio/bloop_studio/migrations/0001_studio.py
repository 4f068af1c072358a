"""Storyboards, videos, their scenes, and kept pieces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bloop_sdk.tables import Json, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "studio_piece",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studio_piece"),
        sa.UniqueConstraint("institution_id", "name", name="uq_studio_piece_institution_id_name"),
    )
    op.create_table(
        "studio_storyboard",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("made_by", sa.String(length=20), nullable=False),
        sa.Column("author_id", sa.String(length=36), nullable=False),
        sa.Column("lesson_version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("institution_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studio_storyboard"),
        sa.UniqueConstraint("institution_id", "id", name="uq_studio_storyboard_institution_id_id"),
        sa.UniqueConstraint(
            "institution_id",
            "item_id",
            "number",
            name="uq_studio_storyboard_institution_id_item_id_number",
        ),
    )
    op.create_table(
        "studio_video",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("storyboard_id", sa.String(length=36), nullable=True),
        sa.Column("storyboard", Json, nullable=True),
        sa.Column("lesson_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=200), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("files", Json, nullable=True),
        sa.Column("report", Json, nullable=True),
        sa.Column("error", Json, nullable=True),
        sa.Column("created_by", sa.String(length=36), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("institution_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studio_video"),
        sa.UniqueConstraint("institution_id", "id", name="uq_studio_video_institution_id_id"),
        sa.UniqueConstraint(
            "institution_id", "request", name="uq_studio_video_institution_id_request"
        ),
    )
    op.create_index("ix_studio_video_item_id", "studio_video", ["item_id"], unique=False)
    op.create_table(
        "studio_scene",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("video_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("plan", Json, nullable=False),
        sa.Column("clip", sa.String(length=200), nullable=True),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("drawn", sa.Integer(), nullable=False),
        sa.Column("reused", sa.Boolean(), nullable=False),
        sa.Column("fault", sa.String(length=500), nullable=True),
        sa.Column("institution_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["institution_id", "video_id"],
            ["studio_video.institution_id", "studio_video.id"],
            name="fk_studio_scene_institution_id_video_id_studio_video",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_studio_scene"),
        sa.UniqueConstraint(
            "institution_id",
            "video_id",
            "number",
            name="uq_studio_scene_institution_id_video_id_number",
        ),
    )
