"""The INSERT of each dialect, for what a conflict with a row that is there is to do."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""By dialect; each has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
