"""The API of models that are trained on an institution's own answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content.schemas import JobStarted
from bloop.content.tree_routes import run
from bloop.hub.training import ask_for_training
from bloop.learning.training import service
from bloop.learning.training.queries import MODELS
from bloop.store.statements import to_dicts

router = Router(prefix="/api/v1", tags=["learning"])


class ModelOut(BaseModel):
    """A trained model; ``figures`` is how it did on learners that it had not seen."""

    model_config = ConfigDict(extra="forbid")

    id: str
    plugin: str
    kind: str
    version: str
    standing: Literal["in_use", "beaten", "retired"]
    against: str
    trained_at: datetime
    learners: int
    answers: int
    why: str
    figures: dict[str, Any]


class ModelList(BaseModel):
    """Models, the newest first. Where none is in use, the core's own answers."""

    model_config = ConfigDict(extra="forbid")

    items: list[ModelOut]


@router.get("/learning/models", action="learning:write", response_model=ModelList)
async def list_models(request: Request, limit: int = 50) -> Response:
    """What was trained here, and how it did."""
    rows = await hub_of(request).database.read(
        MODELS, call_of(request), limit=max(1, min(limit, 200))
    )
    return json_response({"items": to_dicts(MODELS, rows)})


@router.post(
    "/learning/models", action="learning:write", response_model=JobStarted, status_code=202
)
async def train_model(request: Request) -> Response:
    """Have a plugin train on the institution's answers; it takes over where it is surely better."""
    job = await run(request, ask_for_training, enqueue=hub_of(request).jobs.enqueue)
    return json_response({"job": job}, 202, headers={"location": f"/api/v1/jobs/{job}"})


@router.put(
    "/learning/models/{model_id}/use",
    action="learning:write",
    status_code=204,
    problems=(404, 409),
)
async def use_model(request: Request, model_id: str) -> Response:
    """Have a model answer from now on; ``core`` is the core's own."""
    await run(request, service.use, model_id)
    return Response(status_code=204)
