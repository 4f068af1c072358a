"""Registered reads of trained models; their bytes are read by the hub alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from bloop.learning.training.models import ModelStanding, TrainedModel
from bloop.store.statements import institution, register

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
    select(TrainedModel.id, TrainedModel.plugin_id, TrainedModel.data).where(
        TrainedModel.institution_id == institution,
        TrainedModel.standing == ModelStanding.IN_USE.value,
    ),
    heavy=True,
)
"""The model that answers, with its bytes."""
