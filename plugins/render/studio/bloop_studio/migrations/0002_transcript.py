"""What is said in videos, for search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bloop_sdk.tables import Json

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("studio_video", sa.Column("transcript", Json, nullable=True))
