"""Commands on the steps of setting up: not shown any more, and shown again."""

from __future__ import annotations

from sqlalchemy import delete, select

from bloop.hub.setup.models import SetupDismissal
from bloop.store.commands import command
from bloop.store.unit import UnitOfWork, actor_of


@command("institutions:configure")
def dismiss(unit: UnitOfWork, step: str, *, for_all: bool) -> None:
    """Show a step to the caller no more, or to nobody; the same again changes nothing."""
    user = None if for_all else unit.call.principal.id
    found = unit.session.scalar(
        select(SetupDismissal.id).where(
            SetupDismissal.institution_id == unit.institution,
            SetupDismissal.step == step,
            SetupDismissal.user_id.is_not_distinct_from(user),
        )
    )
    if found is not None:
        return
    unit.session.add(
        SetupDismissal(
            institution_id=unit.institution,
            step=step,
            user_id=user,
            created_by=actor_of(unit.call),
        )
    )
    if for_all:
        unit.audit.append("setup:dismiss", f"institution:{unit.institution}", {"step": step})


@command("institutions:configure")
def restore(unit: UnitOfWork, step: str) -> None:
    """Show a step again, to the caller and to all; of one that is shown nothing changes."""
    gone = unit.session.execute(
        delete(SetupDismissal)
        .where(
            SetupDismissal.institution_id == unit.institution,
            SetupDismissal.step == step,
            SetupDismissal.user_id.is_(None) | (SetupDismissal.user_id == unit.call.principal.id),
        )
        .returning(SetupDismissal.user_id)
    ).scalars()
    if None in set(gone):
        unit.audit.append("setup:restore", f"institution:{unit.institution}", {"step": step})
