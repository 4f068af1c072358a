"""Secrets of the hub itself, by name: sealed in the database, so that all processes have one."""

from __future__ import annotations

from bloop.store.inserting import INSERT
from bloop.store.models import HubSecret
from bloop.store.sealing import Place
from bloop.store.unit import UnitOfWork


def find_secret(unit: UnitOfWork, name: str) -> bytes | None:
    """A secret; None before one was made. Raises SealError where it does not open."""
    found = unit.session.get(HubSecret, name)
    return None if found is None else unit.sealer.open(found.value, _place(name))


def make_secret(unit: UnitOfWork, name: str, value: bytes) -> bytes:
    """Keep a secret; gives the one of whoever was first."""
    row = {"name": name, "value": unit.sealer.seal(value, _place(name))}
    unit.session.execute(INSERT[unit.dialect](HubSecret).values(row).on_conflict_do_nothing())
    kept = find_secret(unit, name)
    assert kept is not None, "it was inserted, here or elsewhere"
    return kept


def _place(name: str) -> Place:
    return Place("hub_secret", "value", name)
