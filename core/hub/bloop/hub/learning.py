"""Jobs of learning, and what plugins make of recommendations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from bloop.accounts.sessions import system_call
from bloop.learning.following import renew_after
from bloop.store.database import in_unit

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk import Call
    from bloop_sdk.records import JSONObject

PEOPLE = 10
"""So many people are made anew in one transaction: others wait for it on SQLite."""
_HOOK = "filter_recommendations"


async def run_renew_job(hub: Hub, job: RunningJob, payload: JSONObject) -> dict[str, int]:
    """Handle a job of the kind :data:`bloop.learning.following.RENEW_JOB`; twice is as once."""
    call, after, done = system_call(job.call.institution, job.call.trace), "", 0
    while True:
        last = await hub.database.run(
            in_unit, hub.database, call, renew_after, payload["items"], after, PEOPLE
        )
        if last is None:
            return {"people_up_to": done}
        after, done = last, done + PEOPLE
        job.progress(done, None, "people made anew")


async def run_close_job(hub: Hub, job: RunningJob, payload: JSONObject) -> dict[str, bool]:
    """Handle a job of the kind :data:`bloop.learning.quizzes.service.CLOSE_JOB`."""
    from bloop.learning.quizzes.service import close_over

    call = system_call(job.call.institution, job.call.trace)
    closed = await hub.database.run(in_unit, hub.database, call, close_over, payload["attempt"])
    return {"closed": closed}


async def run_fit_job(hub: Hub, job: RunningJob, _payload: JSONObject) -> dict[str, Any]:
    """Handle a job of the kind :data:`bloop.learning.reviews.fitting.FIT_JOB`."""
    from bloop.learning.reviews import fitting

    call = system_call(job.call.institution, job.call.trace)
    job.progress(0, 2, "reading what was answered")
    found = await asyncio.to_thread(fitting.fit, hub.database, call)
    job.progress(1, 2, "fitted")
    if found.better:
        await hub.database.run(in_unit, hub.database, call, fitting.keep, found)
    return found.facts


def filter_of(hub: Hub) -> Callable[[Call, list[dict[str, Any]]], Awaitable[list[str] | None]]:
    """What the plugins of an institution leave of a list, in the order that they want."""

    async def filtered(call: Call, items: list[dict[str, Any]]) -> list[str] | None:
        hooks = hub.kernel.hooks.without(await hub.choices.off(call))
        if not hooks.listeners(_HOOK):
            return None
        given = json.loads(json.dumps(items))  # What a plugin does to it is its own affair.
        changed = hooks.filter_recommendations(given, call.principal.id).value
        known = [one["item"] for one in items]
        return kept(known, changed)

    return filtered


def kept(known: list[str], changed: Any) -> list[str]:
    """The items of a plugin's answer that were in the list before, each once."""
    if not isinstance(changed, list | tuple):
        return known
    named = [one.get("item") for one in changed if isinstance(one, dict)]
    return [one for one in dict.fromkeys(named) if one in known]
