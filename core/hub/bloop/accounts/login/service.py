"""The one way in for whoever has proved a first factor."""

from __future__ import annotations

from bloop.accounts.devices import Device
from bloop.accounts.models import User
from bloop.accounts.service import Method, SecondFactorNeeded, StartedSession, start_session
from bloop.store.unit import UnitOfWork


def log_in(
    unit: UnitOfWork, user: User, method: Method, device: Device
) -> StartedSession | SecondFactorNeeded:
    """A session for somebody whose first factor has been checked."""
    return start_session(unit, user, method, device)
