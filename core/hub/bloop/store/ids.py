"""Ids that sort by the time they were made: UUIDv7 (RFC 9562, section 5.7) as 36 characters.

They are kept as text on both databases, so that a statement written once reads them the same.
"""

from __future__ import annotations

import uuid_utils


def new_id() -> str:
    """A fresh id; ids of one process are strictly increasing."""
    return str(uuid_utils.uuid7())
