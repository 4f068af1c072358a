"""The API of models that are trained on an institution's own answers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import job_started, json_response
from bloop.accounts.people.queries import PERSON
from bloop.content.schemas import JobStarted
from bloop.content.tree_routes import run
from bloop.hub.estimating import explain
from bloop.hub.training import ask_for_training
from bloop.learning.mastery.reasons import maker
from bloop.learning.mastery.schemas import MasteryWhy
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.learning.training import service
from bloop.learning.training.queries import MODELS, UPKEEP
from bloop.store.errors import NotFoundError
from bloop.store.statements import to_dicts

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call

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
    """Models, the newest first. Where none is in use, the core's own answers.

    ``fault`` says that the core's stands in for the one in use: its plugin is ``off``, or it is
    ``broken``; ``detail`` says more.
    """

    model_config = ConfigDict(extra="forbid")

    items: list[ModelOut]
    fault: Literal["", "off", "broken"]
    detail: str


@router.get("/learning/models", action="learning:write", response_model=ModelList)
async def list_models(request: Request, limit: int = 50) -> Response:
    """What was trained here, and how it did."""
    database, call = hub_of(request).database, call_of(request)
    rows = await database.read(MODELS, call, limit=max(1, min(limit, 200)))
    upkeep = await database.read_one(UPKEEP, call) or ("", "")
    told = {"fault": upkeep[0], "detail": upkeep[1]}
    return json_response({"items": to_dicts(MODELS, rows), **told})


@router.post(
    "/learning/models", action="learning:write", response_model=JobStarted, status_code=202
)
async def train_model(request: Request) -> Response:
    """Have a plugin train on the institution's answers; it takes over where it is surely better."""
    job = await run(request, ask_for_training, enqueue=hub_of(request).jobs.enqueue)
    return job_started(job)


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


@router.get(
    "/account/mastery/{concept_id}",
    action="account:read",
    response_model=MasteryWhy,
    problems=(404,),
)
async def explain_own_mastery(request: Request, concept_id: str) -> Response:
    """Why your chance of a right answer about a concept is what it is, and which model says so."""
    return json_response(await explained(request, call_of(request).principal.id, concept_id))


@router.get(
    "/users/{user_id}/mastery/{concept_id}",
    action="learning:read",
    response_model=MasteryWhy,
    problems=(404,),
)
async def explain_mastery(request: Request, user_id: str, concept_id: str) -> Response:
    """Why somebody's chance of a right answer about a concept is what it is."""
    if await hub_of(request).database.read_one(PERSON, call_of(request), id=user_id) is None:
        raise NotFoundError(f"no user {user_id[:40]}")
    return json_response(await explained(request, user_id, concept_id))


async def explained(request: Request, user: str, concept: str) -> dict[str, Any]:
    """What :class:`MasteryWhy` says of a user and a concept; raises NotFoundError."""
    return await explained_by(cast("Hub", hub_of(request)), call_of(request), user, concept)


async def explained_by(hub: Hub, call: Call, user: str, concept: str) -> dict[str, Any]:
    """The same without a request."""
    graph = await hub.graphs.of(call)
    if concept not in graph.names:
        raise NotFoundError(f"no concept {concept[:40]}")
    found = await explain(hub, call, user, concept)
    told = {"name": graph.names[concept], "known": found["p"] >= KNOWN_FROM}
    return {**found, **told, "made_by": maker(found)}
