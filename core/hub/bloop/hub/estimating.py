"""What a trained model says of learners: the job that asks it, and why a chance is what it is.

The job is asked for by the clock (:func:`bloop.learning.training.estimates.fire`): soon after an
answer, after another model took over or was rolled back to, and now and then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.hub.inferring import provider_of
from bloop.learning.mastery import model as core
from bloop.learning.mastery.service import parameters_of, state_of
from bloop.learning.models import Mastery
from bloop.learning.training import estimates
from bloop.learning.training.estimates import Asked
from bloop.learning.training.models import Fault
from bloop.learning.training.queries import IN_USE, UPKEEP
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import moment
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call, FatalError, RetriableError
from bloop_sdk._masking import mask_text
from bloop_sdk.providers.ai import BatchMasteryProvider, Explanation, MasteryProvider, Question

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop.kernel.registry import ProviderHandle
    from bloop_sdk.records import JSONObject

BATCH_SECONDS = 60.0
"""So long a plugin may take for one batch of learners."""
EXPLAIN_SECONDS = 5.0
"""And for why a chance is what it is, for which somebody waits."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InUse:
    """A trained model that can be asked; ``name`` is what rows of mastery call it."""

    name: str
    provider: MasteryProvider
    data: bytes
    kind: str
    trained_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why it can't be; without a fault none is in use."""

    fault: Fault = Fault.NONE
    detail: str = ""


async def in_use(hub: Hub, call: Call) -> InUse | Trouble:
    """The trained model that answers in the call's institution."""
    row = await hub.database.read_one(IN_USE, call)
    if row is None:
        return Trouble()
    id_, plugin, data, kind, trained_at = row
    try:
        found = await provider_of(hub, call, "mastery", plugin)
    except BloopError as err:
        return Trouble(Fault.BROKEN, _told(err))
    if found is None:
        return Trouble(Fault.OFF, f"the plugin {plugin}, which made it, is not in use here")
    if not data:
        return Trouble(Fault.BROKEN, "its bytes are gone: train a new one")
    name = estimates.name_of(kind, id_)
    return InUse(name, found[1], bytes(data), str(kind), moment(trained_at))


def _told(err: BloopError) -> str:
    return mask_text(f"{err.message}. {err.cure or ''}".strip(), 1500)


async def run_estimate_job(hub: Hub, running: RunningJob, _payload: JSONObject) -> dict[str, Any]:
    """Handle a job of the kind :data:`bloop.learning.training.estimates.ESTIMATE_JOB`."""
    call = system_call(running.call.institution, running.call.trace)
    last = running.attempt >= running.claim.max_attempts
    return await bring_in_line(hub, call, running, last=last)


async def bring_in_line(
    hub: Hub, call: Call, running: RunningJob, *, last: bool = True
) -> dict[str, Any]:
    """Have every learner's mastery be what the model in use says, or the core's where none can.

    Twice is as once. A plugin that fails for now raises RetriableError unless it is the ``last``
    attempt: then, as with one that fails for good, the core's model stands in.
    """
    found = await in_use(hub, call)
    done = 0
    if isinstance(found, InUse):
        try:
            done = await _ask_about_all(hub, call, running, found)
        except RetriableError as err:
            running.check()  # That the job should end is none of the plugin's fault.
            if not last:
                raise
            found = Trouble(Fault.BROKEN, _told(err))
        except BloopError as err:
            found = Trouble(Fault.BROKEN, _told(err))
    if isinstance(found, InUse):
        return {"model": found.name, "learners": done, "fault": "", "detail": ""}
    if found.fault:
        _log.warning("the core's model stands in", fault=str(found.fault), reason=found.detail)
    await _run(hub, call, estimates.note, found.fault, found.detail)
    done = await _give_all_back(hub, call, running)
    told = {"fault": str(found.fault), "detail": found.detail}
    return {"model": "core", "learners": done} | told


async def _ask_about_all(hub: Hub, call: Call, running: RunningJob, model: InUse) -> int:
    after, done = "", 0
    while asked := await asyncio.to_thread(_next, hub, call, model.name, after):
        chances = await _chances(model, asked)
        if not done:
            await _run(hub, call, estimates.note, Fault.NONE)  # It can be asked, again or still.
        await _run(hub, call, estimates.write, model.name, asked, chances)
        after, done = asked[-1].user, done + len(asked)
        running.progress(done, None, "learners estimated")
    if not done:
        await _run(hub, call, estimates.note, Fault.NONE)
    return done


def _next(hub: Hub, call: Call, name: str, after: str) -> list[Asked]:
    with hub.database.reading(call) as unit:
        return estimates.next_of(unit, name, after)


async def _chances(model: InUse, asked: Sequence[Asked]) -> list[dict[str, float]]:
    """A plugin's answers, in one call where it can take many."""
    questions = [one.question for one in asked]
    try:
        async with asyncio.timeout(BATCH_SECONDS):
            if isinstance(model.provider, BatchMasteryProvider):
                found: Any = await model.provider.predict_many(model.data, questions)
            else:
                found = [await _one(model, question) for question in questions]
    except TimeoutError as err:
        raise RetriableError(
            f"the model did not tell of {len(asked)} learners in {BATCH_SECONDS:.0f} s"
        ) from err
    try:
        return estimates.checked(asked, found)
    except (TypeError, ValueError) as err:
        raise FatalError(f"the model answered with what is no answer: {err}") from err


async def _one(model: InUse, asked: Question) -> Sequence[float]:
    return await model.provider.predict(model.data, asked.history, asked.concepts, asked.at)


async def _give_all_back(hub: Hub, call: Call, running: RunningJob) -> int:
    after, done = "", 0
    while users := await _run(hub, call, estimates.give_back, after):
        after, done = users[-1], done + len(users)
        running.progress(done, None, "learners given back to the core's model")
    return done


async def _run(hub: Hub, call: Call, function: Any, *args: Any) -> Any:
    return await hub.database.run(in_unit, hub.database, call, function, *args)


async def plugins_changed(hub: Hub, before: Sequence[ProviderHandle]) -> None:
    """Have models looked at once more where other plugins have them than ``before``."""
    if {one.plugin_id for one in before} != {
        one.plugin_id for one in hub.kernel.providers("mastery")
    }:
        await _run(hub, system_call(EVERY_INSTITUTION), estimates.look_again)


@dataclass(frozen=True, slots=True)
class Known:
    """A user's row about a concept: the state of the core's model, and what it is by now."""

    model: str
    answers: int
    state: core.ConceptState
    parameters: core.Parameters
    question: Question


async def explain(hub: Hub, call: Call, user: str, concept: str) -> dict[str, Any]:
    """Why a user's chance on a concept is what it is, told by the model that made the row.

    ``stands_in`` says why that is the core's model although another is in use: ``off``, ``broken``,
    ``waiting`` where the last answers have not come to it yet, ``new`` where there is none.
    """
    known = await asyncio.to_thread(_known, hub, call, user, concept)
    model = await in_use(hub, system_call(call.institution, call.trace))
    about: dict[str, Any] = {"concept": concept, "answers": known.answers}
    if isinstance(model, InUse) and known.model == model.name:
        why = await _why(model, known.question, concept)
        if why is not None:
            made = {"model": model.name, "kind": model.kind, "trained_at": model.trained_at}
            return {**about, **made, "stands_in": "", **why}
        model = Trouble(Fault.BROKEN)
    at = known.state.at or utcnow()
    by_core = core.explain(known.parameters, core.LearnerTally(), known.state, concept, at)
    made = {"model": known.parameters.version, "kind": "core", "trained_at": None}
    return {
        **about,
        **made,
        "stands_in": await _stands_in(hub, call, model, known),
        **_reasons(by_core),
    }


async def _why(model: InUse, asked: Question, concept: str) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(EXPLAIN_SECONDS):
            why = await model.provider.explain(model.data, asked.history, concept, asked.at)
        return _reasons(why)
    except (BloopError, TimeoutError):
        return None
    except (KeyError, TypeError, ValueError) as err:
        _log.warning("a reason that is none", model=model.name, error=err)
        return None


async def _stands_in(hub: Hub, call: Call, model: InUse | Trouble, known: Known) -> str:
    if isinstance(model, Trouble):
        return str(model.fault)
    upkeep = await hub.database.read_one(UPKEEP, call)
    if upkeep is not None and upkeep[0]:
        return str(upkeep[0])
    return "waiting" if known.answers else "new"


def _reasons(why: Explanation) -> dict[str, Any]:
    evidence = [
        {"kind": one.kind, "text": one.text, "effect": round(one.effect, 4), "facts": one.facts}
        for one in why.evidence
    ]
    return {"p": round(why.chance, estimates.DIGITS), "evidence": evidence}


def _known(hub: Hub, call: Call, user: str, concept: str) -> Known:
    with hub.database.reading(call) as unit:
        return known_of(unit, user, concept)


def known_of(unit: UnitOfWork, user: str, concept: str) -> Known:
    """What is kept of a user and a concept, and what they answered to any."""
    row = unit.session.scalar(
        select(Mastery).where(
            Mastery.institution_id == unit.institution,
            Mastery.user_id == user,
            Mastery.concept_id == concept,
        )
    )
    asked = estimates.questions_of(unit, [user])[user]
    parameters = parameters_of(unit)
    if row is None:
        return Known(parameters.version, 0, core.ConceptState(), parameters, asked)
    return Known(row.model, row.answers, state_of(row.state), parameters, asked)
