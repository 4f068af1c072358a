"""Which tables hold what somebody may own: found by their columns and foreign keys."""

from __future__ import annotations

from sqlalchemy import MetaData


def owned_tables(metadata: MetaData) -> set[str]:
    """Tables with an owner, those that refer to them, and those that say so of themselves."""
    tables = metadata.tables.values()
    found = {one.name for one in tables if "owner_id" in one.c or one.info.get("owned")}
    while True:
        more = {
            one.name
            for one in tables
            if one.name not in found
            and any(key.target_fullname.partition(".")[0] in found for key in one.foreign_keys)
        }
        if not more:
            return found
        found |= more
