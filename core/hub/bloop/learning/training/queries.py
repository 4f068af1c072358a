"""Registered reads of trained models; their bytes are read by the hub alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select

from bloop.learning.mastery.models import Learner
from bloop.learning.training.models import ModelStanding, TrainedModel, Upkeep
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_COLUMNS: Any = (
    TrainedModel.id,
    TrainedModel.plugin_id.label("plugin"),
    TrainedModel.kind,
    TrainedModel.version,
    TrainedModel.standing,
    TrainedModel.against,
    TrainedModel.trained_at,
    TrainedModel.learners,
    TrainedModel.answers,
    TrainedModel.why,
    TrainedModel.figures,
)
_models: Any = select(*_COLUMNS).where(TrainedModel.institution_id == institution)

MODELS = register(
    "learning.models", _models.order_by(TrainedModel.id.desc()).limit(bindparam("limit"))
)
"""The newest first."""

IN_USE = register(
    "learning.model_in_use",
    select(
        TrainedModel.id,
        TrainedModel.plugin_id,
        TrainedModel.data,
        TrainedModel.kind,
        TrainedModel.trained_at,
    ).where(
        TrainedModel.institution_id == institution,
        TrainedModel.standing == ModelStanding.IN_USE.value,
    ),
    heavy=True,
)
"""The model that answers, with its bytes."""

_upkeep: Any = select(Upkeep.fault, Upkeep.detail, Upkeep.due_at)
UPKEEP = register("learning.model_upkeep", _upkeep.where(Upkeep.institution_id == institution))
"""Why the core's model stands in for the one in use, should it; one row at most."""

_behind = exists().where(
    Learner.institution_id == Upkeep.institution_id, Learner.estimated != Learner.version
)


def is_due(now: Any) -> ColumnElement[bool]:
    """Whether a row's learners are to be looked for: it is time, or one of them has answered."""
    answered = and_(Upkeep.due_at.is_not(None), Upkeep.fault == "", Upkeep.ask_from <= now, _behind)
    return or_(Upkeep.due_at <= now, answered)


DUE_UPKEEP = register(
    "learning.due_upkeep",
    select(Upkeep.institution_id)
    .where(
        or_(Upkeep.institution_id == institution, institution == EVERY_INSTITUTION),
        is_due(bindparam("now", type_=UtcDateTime)),
    )
    .limit(1),
    heavy=True,
)
"""Whether learners are to be brought into line with a model."""
