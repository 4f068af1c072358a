"""Keeping what was trained, and saying which model is in use."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update

from bloop.learning.mastery.comparison import Comparison
from bloop.learning.training.estimates import look_soon
from bloop.learning.training.models import ModelStanding, TrainedModel
from bloop.store.commands import command
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk.providers.ai import MasteryModel

WRITE = "learning:write"
MOST_BYTES = 64 * 1024 * 1024
KEPT = 5
"""So many models that are not in use keep their bytes."""
CORE = "core"


def in_use(unit: UnitOfWork) -> TrainedModel | None:
    """The model that answers; None where the core's does."""
    return unit.session.scalar(
        select(TrainedModel).where(
            TrainedModel.institution_id == unit.institution,
            TrainedModel.standing == ModelStanding.IN_USE,
        )
    )


@command(WRITE)
def keep(
    unit: UnitOfWork,
    plugin_id: str,
    model: MasteryModel,
    compared: Comparison,
    *,
    against: str,
    learners: int,
    answers: int,
) -> str:
    """Keep a model, in use from now on where it won; its id.

    Raises ConflictError where another one is in use by now than it was compared with: compare
    again.
    """
    now = in_use(unit)
    if (now.id if now else CORE) != against:
        raise ConflictError(
            "another model is in use since this one was compared", cure="train once more"
        )
    if len(model.data) > MOST_BYTES:
        raise ConflictError(f"a model of {len(model.data)} bytes is too large to keep")
    standing = ModelStanding.BEATEN
    if compared.takes_over:
        standing = ModelStanding.IN_USE
        _retire(unit, now)
    row = TrainedModel(
        institution_id=unit.institution,
        plugin_id=plugin_id,
        kind=model.kind,
        version=model.version,
        standing=standing,
        against=against,
        learners=learners,
        answers=answers,
        why=f"{compared.why} {model.why}".strip(),
        figures=asdict(compared),
        data=model.data,
    )
    unit.session.add(row)
    unit.session.flush()
    if compared.takes_over:
        look_soon(unit)
    _forget(unit)
    _said(unit, "train", row, {"plugin": plugin_id, "standing": str(standing)})
    return row.id


@command(WRITE)
def use(unit: UnitOfWork, model: str) -> None:
    """Have a model answer, whatever it was compared with; ``core`` is the core's own.

    What it says of learners takes the place of what was said soon after, by a job. One that is in
    use and could not be asked is tried again at once.
    """
    now = in_use(unit)
    look_soon(unit)
    if model == CORE:
        if now is not None:
            _retire(unit, now)
            _said(unit, "use", now, {"model": CORE})
        return
    row = unit.get(TrainedModel, model)
    if not row.data:
        raise ConflictError(f"model {model} was forgotten: only the last {KEPT} are kept")
    if now is not None and now.id == row.id:
        return
    _retire(unit, now)
    row.standing = ModelStanding.IN_USE
    _said(unit, "use", row, {"model": row.id})


def _retire(unit: UnitOfWork, row: TrainedModel | None) -> None:
    if row is not None:
        row.standing = ModelStanding.RETIRED
        unit.session.flush()  # Before another one is: only one may be in use.


def _forget(unit: UnitOfWork) -> None:
    """Of models that are not in use only the newest keep their bytes."""
    kept = unit.session.scalars(
        select(TrainedModel.id)
        .where(
            TrainedModel.institution_id == unit.institution,
            TrainedModel.standing != ModelStanding.IN_USE,
        )
        .order_by(TrainedModel.id.desc())
        .limit(KEPT)
    ).all()
    unit.session.execute(
        update(TrainedModel)
        .where(
            TrainedModel.institution_id == unit.institution,
            TrainedModel.standing != ModelStanding.IN_USE,
            TrainedModel.id.not_in(kept),
        )
        .values(data=b"")
        .execution_options(synchronize_session=False)
    )


def _said(unit: UnitOfWork, act: str, row: TrainedModel, details: dict[str, Any]) -> None:
    unit.audit.append(f"learning:{act}", f"mastery_model:{row.id}", details)
