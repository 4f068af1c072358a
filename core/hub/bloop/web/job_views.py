"""A job as its pages show it: what it is in words, how far it is, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bloop.accounts.actions import may
from bloop.jobs.models import OVER, JobState
from bloop.store.statements import parsed
from bloop.store.types import utcnow
from bloop.web.moments import Moment, in_full, moment, span
from bloop.web.render import role_names
from bloop_sdk import Call

EARLY_SECONDS = 2.0
"""So long a job has to have run before its pace says anything."""


@dataclass(frozen=True, slots=True)
class JobView:
    """One job; ``left`` is how long it will still take at its pace, ``again`` its next try."""

    id: str
    kind: str
    name: str
    plugin: str | None
    state: str
    stopping: bool
    attempts: int
    max_attempts: int
    done: int | None
    total: int | None
    count: str
    message: str
    left: str
    asker: str
    asked: Moment | None
    began: Moment | None
    ended: Moment | None
    again: Moment | None
    took: str
    error: Mapping[str, Any] | None
    may_cancel: bool
    may_retry: bool

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class JobWords:
    """Says what rows of jobs hold, to one visitor in their language."""

    call: Call
    locale: str
    translate: Callable[[str], str]

    def view(self, row: Mapping[str, Any]) -> JobView:
        """A row of ``bloop.web.queries`` in words."""
        state, may_act = row["state"], may(self.call, "jobs:cancel")
        later = state == JobState.WAITING and _time(row["run_after"]) > utcnow()
        return JobView(
            id=row["id"],
            kind=row["kind"],
            name=self._name(row["kind"]),
            plugin=row["plugin_id"],
            state=state,
            stopping=row["cancel_requested"] and state == JobState.RUNNING,
            attempts=row["attempts"],
            max_attempts=row["max_attempts"],
            done=row["progress_done"],
            total=row["progress_total"],
            count=self._count(row["progress_done"], row["progress_total"]),
            message=row["progress_message"] or "",
            left=self._left(row),
            asker=self._asker(row),
            asked=moment(row["created_at"], self.locale),
            began=moment(row["started_at"], self.locale),
            ended=moment(row["finished_at"], self.locale),
            again=moment(row["run_after"], self.locale) if later else None,
            took=self._took(row),
            error=_error(row["error"]),
            may_cancel=may_act and state not in OVER and not row["cancel_requested"],
            may_retry=may_act and state in {JobState.FAILED, JobState.CANCELLED},
        )

    def _name(self, kind: str) -> str:
        _ = self.translate
        names = {
            "content.import": _("Import of a course"),
            "content.sync": _("Sync of a connection"),
            "content.refresh": _("Fetching of some records"),
            "audit.verify": _("Check of the audit log"),
            "storage.count": _("Counting what is stored"),
            "storage.free": _("Removing files that nothing refers to"),
        }
        return names.get(kind, kind)

    def _asker(self, row: Mapping[str, Any]) -> str:
        """Who asked: by name to who may see the institution's people, else by role."""
        _ = self.translate
        kind, _colon, id_ = row["actor"].partition(":")
        if kind == "system":
            return _("the hub")
        if id_ == self.call.principal.id:
            return _("you")
        named: str | None = row["asker"] if may(self.call, "users:read") else None
        return named or role_names(_).get(row["actor_role"], row["actor_role"])

    def _count(self, done: int | None, total: int | None) -> str:
        from babel.numbers import format_decimal

        if done is None:
            return ""
        shown = format_decimal(done, locale=self.locale)
        if total is None:
            return shown
        _ = self.translate
        return _("{done} of {total}").format(
            done=shown, total=format_decimal(total, locale=self.locale)
        )

    def _left(self, row: Mapping[str, Any]) -> str:
        """How long it takes, as it says or at the pace so far.

        A later attempt may not have begun at nothing.
        """
        done, total, began = row["progress_done"], row["progress_total"], row["started_at"]
        if row["progress_until"] and total and row["state"] not in OVER:
            return self._until(total - done, row["progress_until"])
        if row["state"] != JobState.RUNNING or row["attempts"] != 1 or not (done and total):
            return ""
        elapsed = (utcnow() - _time(began)).total_seconds()
        if elapsed < EARLY_SECONDS or done >= total:
            return ""
        _, time = self.translate, span(elapsed * (total - done) / done, self.locale)
        return _("about {time} left").format(time=time)

    def _until(self, left: int, until: str) -> str:
        from babel.numbers import format_decimal

        _ = self.translate
        return _("{count} left, until about {time}").format(
            count=format_decimal(left, locale=self.locale), time=in_full(until, self.locale)
        )

    def _took(self, row: Mapping[str, Any]) -> str:
        began, ended = row["started_at"], row["finished_at"]
        if began is None or ended is None:
            return ""
        return span((_time(ended) - _time(began)).total_seconds(), self.locale)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _error(found: Any) -> Mapping[str, Any] | None:
    """The last error with ``message`` and ``cure``, whatever the row holds."""
    error = parsed(found)
    if error is None or isinstance(error, Mapping):
        return error
    return {"message": str(error)}
