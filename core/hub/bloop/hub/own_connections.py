"""Connections that people have for themselves: whether an institution allows them, and by what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.models import Institution
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call
from bloop_sdk.settings import is_personal

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.kernel import Kernel

SETTING = "own_connections"


def fits(kernel: Kernel, plugin_id: str) -> bool:
    """Whether people may connect themselves by a ready plugin: it brings notes, and says so."""
    manifest = kernel.plugins[plugin_id].manifest
    model = kernel.context(plugin_id).model
    return (
        manifest is not None
        and manifest.family == "notes"
        and any(is_personal(model, name) for name in model.model_fields)
    )


def allowed(unit: UnitOfWork) -> tuple[bool, int]:
    """Whether people here may connect themselves, and the version of the institution's row."""
    row = _institution(unit)
    return bool((row.settings or {}).get(SETTING)), row.row_version


async def rule(hub: Hub, call: Call) -> tuple[bool, int]:
    """The same, for who has no unit of work."""

    def look() -> tuple[bool, int]:
        with hub.database.reading(call) as unit:
            return allowed(unit)

    return await hub.database.run(look)


def require_allowed(unit: UnitOfWork) -> None:
    """Raise ForbiddenError where they may not."""
    if not allowed(unit)[0]:
        raise ForbiddenError(
            "this institution does not let people connect accounts of their own",
            cure="an admin can allow it, under Connections",
        )


@command("institutions:configure")
def allow(unit: UnitOfWork, *, yes: bool, version: int | None) -> None:
    """Let people here connect themselves, or no longer; what there is stays."""
    row = _institution(unit)
    unit.expect(row, version)
    row.settings = row.settings | {SETTING: yes}
    unit.session.flush()
    unit.audit.append("connections:own", f"institution:{row.id}", {"allowed": yes})


def _institution(unit: UnitOfWork) -> Institution:
    row = unit.session.scalar(select(Institution).where(Institution.id == unit.institution))
    if row is None:
        raise NotFoundError(f"no institution {unit.institution}")
    return row
