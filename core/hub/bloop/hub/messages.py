"""Brings messages to people by the first plugin that can, for the institution that sends them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bloop.accounts.messages import service
from bloop.accounts.seen import seen
from bloop.accounts.sessions import system_call
from bloop.hub.contexts import PluginCall, open_context
from bloop.jobs.context import RunningJob
from bloop.kernel.registry import ProviderHandle
from bloop.store.database import in_unit
from bloop_sdk import BloopError, Call, RateLimitedError, RetriableError, SkippableError
from bloop_sdk.providers.services import Notification, Notifier

if TYPE_CHECKING:
    from bloop.hub import Hub

NOTIFY_SECONDS = 360.0
"""Longer than mail servers think about a message: given up before, it would be sent twice."""


async def notifier_for(hub: Hub, call: Call) -> ProviderHandle | None:
    """Who brings messages for this institution; None where nobody does."""
    choices = await hub.choices.choices(call)
    for handle in hub.kernel.providers("notifier"):
        choice = choices.get(handle.plugin_id)
        if choice is None or choice.enabled:
            return handle
    return None


async def run_message_job(hub: Hub, job: RunningJob, payload: dict[str, Any]) -> dict[str, Any]:
    """Handle a job of the kind :data:`bloop.accounts.messages.service.JOB`."""
    database, call = hub.database, job.call
    # The message is the hub's to bring, whoever's deed it tells of.
    own = system_call(call.institution, call.trace)
    message_id: str = payload["message"]
    message = await database.run(in_unit, database, own, service.opened, message_id)
    if message is None:
        return {"state": "ended before"}
    handle = await notifier_for(hub, call)
    plugin = handle.plugin_id if handle else None
    try:
        await _notify(hub, call, handle, message)
    except BloopError as err:
        if not isinstance(err, SkippableError) and job.attempt < service.MOST_TRIES:
            raise _later(err, job.attempt) from err
        reason = str(err)
        await database.run(in_unit, database, own, service.failed, message_id, plugin, reason)
        raise
    await database.run(in_unit, database, own, service.sent, message_id, plugin)
    return {"state": "sent", "plugin": plugin}


def _later(err: BloopError, attempt: int) -> RetriableError:
    """Only a refusal of the message itself ends it: a password, a setting or a plugin is mended."""
    if isinstance(err, RateLimitedError):
        return err  # The ledger does not count what was asked for.
    asked = err.retry_after if isinstance(err, RetriableError) else None
    pause = max(asked or 0.0, service.pause(attempt))
    return RetriableError(err.message, cure=err.cure, code=err.code, retry_after=pause)


def _one_line(subject: str) -> str:
    """A title or a name in it may have line breaks, for which the whole would be refused."""
    return seen(" ".join(subject.split()))


async def _notify(
    hub: Hub, call: Call, handle: ProviderHandle | None, message: service.Opened
) -> None:
    if handle is None:
        raise RetriableError(
            "no plugin brings messages here", cure="enable one, like `bloop plugins enable smtp`"
        )
    ctx = await open_context(hub, PluginCall, handle.plugin_id, call)
    provider: Notifier = await asyncio.to_thread(handle.create, ctx)
    notification = Notification(
        to=message.recipient,
        subject=_one_line(message.text.subject),
        text=message.text.text,
        idempotency_key=message.id,
    )
    await hub.kernel.calls.call(
        handle, "notify", provider.notify(notification), timeout=NOTIFY_SECONDS
    )
