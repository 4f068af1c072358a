"""What follows from events of the hub."""

from __future__ import annotations

from sqlalchemy import delete

from bloop_commerce.books import open_books
from bloop_commerce.tables import Access, Cover, Seat
from bloop_sdk import Event, Unit


def forget_user(unit: Unit, event: Event) -> None:
    """Forget what an erased person had access to; orders stay for the books, with a bare id."""
    open_books(unit)
    user = event.payload["id"]
    for table in (Seat, Cover, Access):
        unit.session.execute(delete(table).where(table.user_id == user))
