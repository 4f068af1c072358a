"""What is written down of factors: an audit line and an event for each act and each refusal."""

from __future__ import annotations

from bloop.store.unit import UnitOfWork


def added(unit: UnitOfWork, user_id: str, factor: str, row: str = "") -> None:
    """That somebody has a factor more."""
    _changed(unit, user_id, "added", factor, row)


def removed(unit: UnitOfWork, user_id: str, factor: str, row: str = "") -> None:
    """That somebody has a factor less."""
    _changed(unit, user_id, "removed", factor, row)


def refused(unit: UnitOfWork, user_id: str, way: str, reason: str) -> None:
    """That something proved nothing; ``reason`` is a word."""
    unit.audit.append("mfa.refused", f"user:{user_id}", {"way": way, "reason": reason})
    unit.outbox.append(
        "user.proof_refused", f"user:{user_id}", {"id": user_id, "way": way, "reason": reason}
    )


def _changed(unit: UnitOfWork, user_id: str, what: str, factor: str, row: str) -> None:
    detail = {"factor": factor} | ({"id": row} if row else {})
    unit.audit.append(f"mfa.factor_{what}", f"user:{user_id}", detail)
    unit.outbox.append(f"user.factor_{what}", f"user:{user_id}", {"id": user_id, "factor": factor})
