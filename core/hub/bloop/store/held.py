"""Which institution holds which bytes: said in the transaction that refers to them.

What nobody holds is removed. So whoever stores bytes says that they are held even where that is
known: a row that is renewed is young, and whoever removes old ones waits for it and sees that.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from bloop.store.blobs import BlobRef
from bloop.store.inserting import INSERT
from bloop.store.models import Blob
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork


def hold(unit: UnitOfWork, *held: tuple[BlobRef, str | None]) -> None:
    """The unit's institution holds these bytes, each with its media type, from now on."""
    now = utcnow()
    rows = {
        ref.sha256: {
            "institution_id": unit.institution,
            "sha256": ref.sha256,
            "size": ref.size,
            "media_type": (media_type or "")[:120] or None,
            "held_at": now,
        }
        for ref, media_type in held
    }
    if rows:
        # In one order everywhere, so that no two units wait for each other in a circle.
        unit.connection.execute(_renewing(unit.dialect), [rows[one] for one in sorted(rows)])


@cache
def _renewing(dialect: str) -> Any:
    table: Any = Blob.__table__
    add = INSERT[dialect](table)
    return add.on_conflict_do_update(
        index_elements=["institution_id", "sha256"], set_={"held_at": add.excluded.held_at}
    )
