"""The job that has a plugin train on an institution's answers, and tries what it made.

The learners that a model is compared by are seen by neither model while they are made. What is in
use stays unless the new one is surely better (:mod:`bloop.learning.mastery.comparison`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bloop.accounts.sessions import system_call
from bloop.hub.inferring import provider_of
from bloop.jobs.ledger import unfinished
from bloop.jobs.schedules import Enqueue
from bloop.learning.mastery.comparison import compare
from bloop.learning.mastery.model import DEFAULTS
from bloop.learning.training import service
from bloop.learning.training.histories import Histories, core_chances, read_histories
from bloop.learning.training.queries import IN_USE
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError, Call
from bloop_sdk.providers.ai import MasteryProvider, Training

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject

TRAIN_JOB = "learning.train"
Progress = Callable[[int, int, str], None]


@command("learning:write")
def ask_for_training(unit: UnitOfWork, *, enqueue: Enqueue) -> str:
    """The id of the job that trains, asked for now or before."""
    return unfinished(unit, TRAIN_JOB) or enqueue(unit, TRAIN_JOB, {})


async def run_train_job(hub: Hub, running: RunningJob, _payload: JSONObject) -> dict[str, Any]:
    """Handle a job of the kind :data:`TRAIN_JOB`."""
    call = system_call(running.call.institution, running.call.trace)
    return await train(hub, call, running.progress)


async def train(hub: Hub, call: Call, progress: Progress, *, seed: int = 0) -> dict[str, Any]:
    """Train, compare and keep; what was made, whether it is in use now, and why.

    Raises InvalidError where no plugin has the capability, or nobody has answered anything.
    """
    found = await provider_of(hub, call, "mastery")
    if found is None:
        raise InvalidError(
            "no plugin that trains models is enabled here", cure="bloop plugins enable tracing"
        )
    plugin, provider = found
    histories = await asyncio.to_thread(read_histories, hub.database, call)
    if not histories.fit:
        raise InvalidError(
            "nobody has answered anything about a concept yet",
            cure="have learners take quizzes whose items cover concepts, then train again",
        )
    training = Training(learners=histories.fit, watched=histories.watched, seed=seed)
    model = await provider.fit(training, progress)
    candidate = await provider.evaluate(model.data, histories.held)
    against, incumbent = await _incumbent(hub, call, plugin, provider, histories)
    compared = await asyncio.to_thread(compare, histories.held, incumbent, candidate, seed=seed)
    kept = await hub.database.run(
        in_unit,
        hub.database,
        call,
        service.keep,
        plugin,
        model,
        compared,
        against=against,
        learners=histories.learners,
        answers=histories.answers,
    )
    return {
        "model": kept,
        "kind": model.kind,
        "in_use": compared.takes_over,
        "why": f"{compared.why} {model.why}".strip(),
        "learners": histories.learners,
        "answers": histories.answers,
    }


async def _incumbent(
    hub: Hub, call: Call, plugin: str, provider: MasteryProvider, histories: Histories
) -> tuple[str, Any]:
    """The id of what is in use, and what it foretells of the learners that were kept apart."""
    row = await hub.database.read_one(IN_USE, call)
    if row is not None and row[1] == plugin:
        try:
            return str(row[0]), await provider.evaluate(bytes(row[2]), histories.held)
        except BloopError:
            pass  # An older version of the plugin made it: the core's model stands in for it.
    chances = await asyncio.to_thread(core_chances, DEFAULTS, histories.held)
    return (str(row[0]) if row is not None else service.CORE), chances
