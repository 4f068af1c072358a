"""What spine, ground and accounts know of people, beside what their keys and marks tell."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select, update

from bloop.accounts.identities.models import IdentityLogin
from bloop.accounts.kept.models import KeptForm
from bloop.accounts.messages.models import Message
from bloop.accounts.mfa.models import Challenge, PendingLogin
from bloop.accounts.models import LoginSession
from bloop.accounts.people.models import Invitation
from bloop.accounts.privacy.parts import Fate, Part, Subject
from bloop.accounts.tokens.models import ApiKey
from bloop.jobs.models import OVER, Job
from bloop.kernel.models import UserPlugin
from bloop.store.models import AuditLine, AuditPersonal, IdempotencyKey, OutboxEvent
from bloop.store.topics import TOPICS
from bloop.webhooks.models import WebhookDelivery
from bloop_sdk import Personal

ERASED = "erased"
"""What a personal field of an event becomes."""

_events: Any = OutboxEvent.__table__
_jobs: Any = Job.__table__
_lines: Any = AuditLine.__table__
_personal: Any = AuditPersonal.__table__
_keys: Any = IdempotencyKey.__table__
_deliveries: Any = WebhookDelivery.__table__
_messages: Any = Message.__table__
_invitations: Any = Invitation.__table__
_api_keys: Any = ApiKey.__table__
_logins: Any = IdentityLogin.__table__
_kept: Any = KeptForm.__table__
_challenges: Any = Challenge.__table__
_pending: Any = PendingLogin.__table__
_sessions: Any = LoginSession.__table__
_settings: Any = UserPlugin.__table__


def rules() -> list[Part]:
    """The parts of the log, jobs, webhooks, answers, the audit, and of accounts."""
    return [*_of_accounts(), *_of_the_spine()]


def _of_accounts() -> list[Part]:
    return [
        # Without its user a key would be one of the institution.
        Part(_api_keys, lambda s: _api_keys.c.user_id == s.id, Fate.DELETED),
        Part(
            _messages,
            lambda s: _is_address(_messages.c.recipient, s),
            Fate.DELETED,
            reason="what a message says is sealed, and forgotten when it is sent",
        ),
        # Without its address an invitation would be anybody's.
        Part(
            _invitations,
            lambda s: or_(
                _invitations.c.created_by == s.name, _is_address(_invitations.c.email, s)
            ),
            Fate.DELETED,
            exported=False,
            reason="one to them holds no more than their address, one of theirs that of another",
        ),
        # Neither has a key to the account: who has none yet logs in as well.
        Part(
            _logins,
            lambda s: _logins.c.user_id == s.id,
            Fate.DELETED,
            exported=False,
            reason="a login elsewhere that was begun, good for some minutes",
        ),
        Part(
            _kept,
            lambda s: _kept.c.user_id == s.id,
            Fate.DELETED,
            exported=False,
            reason="a form that waits for its sender to log in, for half an hour",
        ),
        Part(
            _challenges,
            _was_asked,
            Fate.DELETED,
            exported=False,
            reason="what a passkey was asked to sign, good for some minutes",
        ),
        # By these such challenges are found.
        Part(_sessions, lambda s: _sessions.c.user_id == s.id, Fate.DELETED, late=True),
        Part(_pending, lambda s: _pending.c.user_id == s.id, Fate.DELETED, late=True),
        Part(
            _settings,
            lambda s: _settings.c.user_id == s.id,
            Fate.DELETED,
            reason="secrets that they gave to plugins are sealed, and shown to nobody again",
        ),
    ]


def _was_asked(subject: Subject) -> ColumnElement[bool]:
    """Challenges of the account, of its sessions, and of logins that wait for a second factor."""
    sessions = select(_sessions.c.id).where(
        _sessions.c.institution_id == subject.institution, _sessions.c.user_id == subject.id
    )
    pending = select(_pending.c.token_hash).where(
        _pending.c.institution_id == subject.institution, _pending.c.user_id == subject.id
    )
    holder = _challenges.c.holder
    asked: ColumnElement[bool] = or_(
        holder == subject.id, holder.in_(sessions), holder.in_(pending)
    )
    return asked


def _is_address(column: Any, subject: Subject) -> ColumnElement[bool]:
    if not subject.email:
        return literal(value=False)
    same: ColumnElement[bool] = func.lower(column) == subject.email.lower()
    return same


def _of_the_spine() -> list[Part]:
    return [
        Part(
            _events,
            lambda s: _events.c.aggregate == s.name,
            Fate.BLANKED,
            reason="what they did may tell of others; it is in the audit and in versions",
            eraser=_erase_events,
        ),
        Part(
            _jobs,
            lambda s: _jobs.c.actor == s.name,
            Fate.BLANKED,
            blank={"payload": {}, "result": None, "error": None, "progress_message": None},
            also=lambda: _jobs.c.state.in_(OVER),
            reason="what is still under way keeps its payload; erase again when it is over",
        ),
        Part(
            _jobs,
            lambda s: _jobs.c.owner_id == s.id,
            Fate.DELETED,
            exported=False,
            also=lambda: _jobs.c.state.in_(OVER),
            reason="what was done over their own connections is told by what it brought",
        ),
        Part(
            _keys,
            lambda s: _keys.c.principal == s.name,
            Fate.DELETED,
            exported=False,
            reason="answers to their requests, kept for a day, that repeat what is exported",
        ),
        Part(
            _deliveries,
            lambda s: _deliveries.c.body.contains(s.name),
            Fate.DELETED,
            exported=False,
            reason="copies of events for other systems",
        ),
        Part(
            _lines,
            lambda s: (
                (_lines.c.actor == s.name)
                | (_lines.c.about == s.name)
                | (_lines.c.resource == s.name)
            ),
            Fate.KEPT,
            reason="the audit is never changed; what is personal in it lies beside it and goes",
        ),
        Part(_personal, lambda s: _personal.c.about == s.name, Fate.DELETED),
    ]


def _erase_events(connection: Connection, subject: Subject, dry: bool) -> int:  # noqa: FBT001 - as Part calls it
    """Overwrite what the payloads of events about them tell of them; how many there were."""
    own = (
        _events.c.institution_id == subject.institution,
        _events.c.aggregate == subject.name,
    )
    changed = 0
    found = select(_events.c.seq, _events.c.topic, _events.c.payload).where(*own)
    for seq, topic, payload in connection.execute(found).all():
        new = without_person(topic, payload, subject)
        if new == payload:
            continue
        changed += 1
        if not dry:
            connection.execute(update(_events).where(_events.c.seq == seq).values(payload=new))
    return changed


def without_person(topic: str, payload: dict[str, Any], subject: Subject) -> dict[str, Any]:
    """A payload without what its declaration marks as personal; a plugin's is empty then.

    The id itself stays: it leads to nobody, and is how those who follow know whom to forget.
    """
    declared = TOPICS.get(topic)
    if declared is None:
        return {}
    marked = {
        name
        for name, info in declared.payload.model_fields.items()
        if any(isinstance(mark, Personal) for mark in info.metadata)
    }
    return {
        name: ERASED if name in marked and value not in {None, subject.id} else value
        for name, value in payload.items()
    }
