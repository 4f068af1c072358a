"""Registered reads of what is stored."""

from __future__ import annotations

from sqlalchemy import select

from bloop.hub.storage.models import StorageCount
from bloop.store.statements import institution, register

COUNTED = register(
    "hub.storage",
    select(StorageCount.counted_at, StorageCount.found).where(
        StorageCount.institution_id == institution
    ),
)
"""What was counted last: of the caller's institution, or of the whole hub for its own calls."""
