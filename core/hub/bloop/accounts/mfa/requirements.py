"""Whom an institution asks for a second factor: roles, in its settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bloop.accounts.models import Institution
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop_sdk import Role

if TYPE_CHECKING:
    from bloop.store.unit import UnitOfWork

SETTING = "mfa_roles"


def required_roles(settings: Mapping[str, Any] | None) -> frozenset[str]:
    """The roles that an institution with these settings asks for a second factor."""
    return frozenset((settings or {}).get(SETTING) or ())


def show_requirement(unit: UnitOfWork) -> tuple[list[str], int]:
    """The roles that need a second factor here, and the version of the institution's row."""
    row = _institution(unit)
    return _in_order(required_roles(row.settings)), row.row_version


@command("mfa:require")
def require_of(unit: UnitOfWork, roles: Iterable[str], version: int | None) -> None:
    """Ask exactly these roles for a second factor, from now on and of those who are logged in."""
    row = _institution(unit)
    unit.expect(row, version)
    wanted = _in_order(roles)
    before = _in_order(required_roles(row.settings))
    row.settings = row.settings | {SETTING: wanted}
    unit.session.flush()
    unit.audit.append("mfa.required", f"institution:{row.id}", {"roles": wanted, "before": before})
    unit.outbox.append(
        "user.mfa_required", f"institution:{row.id}", {"id": row.id, "roles": wanted}
    )


def _institution(unit: UnitOfWork) -> Institution:
    row = unit.session.scalar(select(Institution).where(Institution.id == unit.institution))
    if row is None:
        raise NotFoundError(f"no institution {unit.institution}")
    return row


def _in_order(roles: Iterable[str]) -> list[str]:
    wanted = set(roles)
    return [str(role) for role in Role if role in wanted]
