"""Commands of messages: written with what they tell of, opened by the job that brings them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from bloop.accounts.messages.models import Message, MessageState
from bloop.jobs.ledger import enqueue
from bloop.store.database import Database
from bloop.store.ids import new_id
from bloop.store.sealing import Place
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

JOB = "accounts.message"
MOST_TRIES = 28
"""With :func:`pause`, two days and a half: a password that expired on a Friday."""
LONGEST_PAUSE_SECONDS = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Text:
    """What a message says."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that is to be brought."""

    id: str
    recipient: str
    text: Text


def queue(unit: UnitOfWork, kind: str, recipient: str, text: Text) -> str:
    """Have a message brought once this unit has committed; its id."""
    message = Message(id=new_id(), institution_id=unit.institution, kind=kind, recipient=recipient)
    message.body = unit.sealer.seal(json.dumps(asdict(text)).encode(), _place(message.id))
    unit.session.add(message)
    unit.session.flush()
    unit.audit.append("message.queued", f"message:{message.id}", {"kind": kind})
    enqueue(
        unit,
        JOB,
        {"message": message.id},
        key=f"message:{message.id}",
        max_attempts=MOST_TRIES,
    )
    return message.id


def opened(unit: UnitOfWork, message_id: str) -> Opened | None:
    """A message that waits; None for one that was brought, given up, or erased with its person."""
    message = unit.session.scalar(select(Message).where(Message.id == message_id))
    if message is None or message.state != MessageState.QUEUED or message.body is None:
        return None
    body = json.loads(unit.sealer.open(message.body, _place(message.id)))
    return Opened(message.id, message.recipient, Text(**body))


def sent(unit: UnitOfWork, message_id: str, plugin_id: str | None) -> None:
    """Note that a plugin has brought a message, and forget its text."""
    _end(unit, message_id, MessageState.SENT, plugin_id, None)


def failed(unit: UnitOfWork, message_id: str, plugin_id: str | None, reason: str) -> None:
    """Give a message up, with the reason, and forget its text."""
    _end(unit, message_id, MessageState.FAILED, plugin_id, reason[:300])
    unit.audit.append("message.failed", f"message:{message_id}", {"reason": reason[:300]})


def pause(attempt: int) -> float:
    """Seconds before the next try, at least: twice as long each time, up to four hours."""
    return min(2.0**attempt, LONGEST_PAUSE_SECONDS)


def trim(database: Database, call: Call, keep: timedelta) -> None:
    """Forget who got which kind of message, once that is as old as ``keep``."""
    old = (Message.state != MessageState.QUEUED) & (Message.created_at < utcnow() - keep)
    with database.unit(call) as unit:
        unit.session.execute(delete(Message).where(old))


def _end(
    unit: UnitOfWork, message_id: str, state: MessageState, plugin: str | None, reason: str | None
) -> None:
    message = unit.get(Message, message_id)
    message.state, message.brought_by, message.reason = state, plugin, reason
    message.body, message.ended_at = None, utcnow()


def _place(message_id: str) -> Place:
    return Place("message", "body", message_id)
