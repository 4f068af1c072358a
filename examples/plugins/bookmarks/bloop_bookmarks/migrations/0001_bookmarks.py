"""The table of bookmarks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bloop_sdk.tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "bookmarks_bookmark",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("institution_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("item_id", sa.String(36), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bookmarks_bookmark"),
        sa.UniqueConstraint(
            "institution_id",
            "user_id",
            "item_id",
            name="uq_bookmarks_bookmark_institution_id_user_id_item_id",
        ),
    )
    op.create_index("ix_bookmarks_bookmark_item_id", "bookmarks_bookmark", ["item_id"])
