"""What the domains above people settle in the transaction that changes somebody.

They register themselves here, since nothing of accounts knows of courses.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from bloop.accounts.models import User
from bloop.store.unit import UnitOfWork

Addressed = Callable[[UnitOfWork, User], None]
Grouped = Callable[[UnitOfWork, str, Collection[str], bool], None]

ADDRESSED: list[Addressed] = []
"""Called with a user whose e-mail address is another, or verified, now."""

GROUPED: list[Grouped] = []
"""Called with a group, users, and whether they are in it from now on or no longer."""


ERASING: list[Addressed] = []
"""Called with a user whose data is about to go."""


def addressed(unit: UnitOfWork, user: User) -> None:
    """Tell of a user's address."""
    unit.session.flush()
    for follow in ADDRESSED:
        follow(unit, user)


def erasing(unit: UnitOfWork, user: User) -> None:
    """Tell of a user before they are erased."""
    for follow in ERASING:
        follow(unit, user)


def grouped(unit: UnitOfWork, group: str, users: Collection[str], *, joined: bool) -> None:
    """Tell of a group's members; of none who left, where the group itself ends."""
    unit.session.flush()
    for follow in GROUPED:
        follow(unit, group, users, joined)
