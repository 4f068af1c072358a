"""A unit of work as a plugin gets it: its own tables, events, jobs and audit lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import case, func, or_, select

import bloop.hub.topics  # noqa: F401 - declares what plugins say
from bloop.accounts.messages.service import Text, queue
from bloop.accounts.models import User
from bloop.content.enrolling.granting import courses_called, grant, missing, revoke, titles
from bloop.content.enrolling.service import admit, dismiss
from bloop.content.search.described import describe
from bloop.jobs.models import Job
from bloop.store.database import READS_ONLY
from bloop.store.tenants import session_of_plugin
from bloop.store.unit import UnitOfWork
from bloop_sdk import Contact, JobView, Manifest, PluginConfig, UnsupportedError
from bloop_sdk.events import TOPICS_OF_FAMILIES
from bloop_sdk.records import JSONObject

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bloop.jobs import Jobs


@dataclass(frozen=True)
class PluginUnit:
    """A :class:`bloop_sdk.Unit` of a plugin; ``jobs`` is None where it only reads.

    ``settings`` gives the plugin's settings of the institution, where they are asked for.
    It raises TenantError or ValueError for what is not the plugin's own, RuntimeError for a write
    while reading.
    """

    unit: UnitOfWork
    manifest: Manifest
    jobs: Jobs | None
    settings: Callable[[], PluginConfig]

    @cached_property
    def session(self) -> Session:
        """For the plugin's own tables: in the unit's transaction, which it cannot end."""
        made = session_of_plugin(self.unit.session, self.manifest.id)
        self.unit.endings.append(lambda _unit: made.flush())
        return made

    def check_unwritten(self) -> None:
        """Raise RuntimeError where the plugin left something to be written in a unit that reads."""
        made = self.__dict__.get("session")
        if made is not None and (made.new or made.dirty or made.deleted):
            raise RuntimeError(READS_ONLY)

    @property
    def institution(self) -> str:
        """Whose rows these are."""
        return self.unit.institution

    @property
    def config(self) -> PluginConfig:
        """The plugin's settings as they hold in the institution."""
        return self.settings()

    def emit(self, topic: str, aggregate: str, payload: JSONObject) -> None:
        """Append to the outbox; the topic has to be the plugin's own, or one of its family."""
        self._writing()
        plugin = self.manifest.id
        of_family = TOPICS_OF_FAMILIES.get(self.manifest.family, ())
        if topic not in of_family and not topic.startswith(f"{plugin}."):
            raise ValueError(f'{topic!r} is no topic of {plugin}: begin it with "{plugin}."')
        self.unit.outbox.append(topic, aggregate, payload)

    def audit(self, action: str, resource: str, detail: JSONObject | None = None) -> None:
        """Append an audit line."""
        self._writing()
        self.unit.audit.append(action, resource, detail)

    def enqueue(
        self,
        kind: str,
        payload: JSONObject,
        *,
        key: str | None = None,
        delay: float = 0.0,
        after: Sequence[str] = (),
    ) -> str:
        """Ask for a job that the manifest declares."""
        jobs, plugin = self._writing(), self.manifest.id
        job = next((job for job in self.manifest.contributes.jobs if job.kind == kind), None)
        if job is None:
            raise ValueError(f"{plugin} has no job {kind!r}: declare it in its manifest")
        return jobs.enqueue(
            self.unit,
            f"{plugin}.{kind}",
            payload,
            # One plugin's keys are nothing to another's.
            key=None if key is None else f"{plugin}:{key}",
            plugin_id=plugin,
            queue=job.queue,
            priority=job.priority,
            max_attempts=job.attempts,
            delay=delay,
            after=after,
        )

    def job(self, id_: str) -> JobView | None:
        """A job of this plugin, in this institution."""
        found = select(Job.id, Job.kind, Job.state, Job.error).where(
            Job.id == id_,
            Job.institution_id == self.institution,
            Job.plugin_id == self.manifest.id,
        )
        row = self.unit.session.execute(found).one_or_none()
        if row is None:
            return None
        kind = row.kind.partition(".")[2]
        return JobView(id=row.id, kind=kind, state=row.state, error=row.error)

    def enrol(self, course: str, user: str) -> None:
        """Let a user in, whoever's call this is: the plugin decides."""
        self._writing()
        self._scoped("enrolments:write")
        admit(self.unit, course, user, self.manifest.id)

    def unenrol(self, course: str, user: str) -> None:
        """Take that back."""
        self._writing()
        self._scoped("enrolments:write")
        dismiss(self.unit, course, user, self.manifest.id)

    def missing(
        self, *, courses: Collection[str] = (), items: Collection[str] = ()
    ) -> Sequence[str]:
        """Those that are not there to be given to anybody."""
        self._scoped("enrolments:write", "content:read")
        return missing(self.unit, courses, items)

    def titles(
        self, *, courses: Collection[str] = (), items: Collection[str] = ()
    ) -> Mapping[str, str]:
        """Read what is there to be given, and how it is called."""
        self._scoped("enrolments:write", "content:read")
        return titles(self.unit, courses, items)

    def describe(
        self,
        item: str,
        text: str,
        *,
        key: str = "transcript",
        language: str | None = None,
        moments: Sequence[tuple[int, float]] = (),
    ) -> None:
        """Keep text of an item, to be found with it."""
        self._writing()
        self._scoped("content:write")
        describe(
            self.unit, item, self.manifest.id, text, key=key, language=language, moments=moments
        )

    def grant(self, item: str, user: str) -> None:
        """Show an item to a user, whoever's call this is: the plugin decides."""
        self._writing()
        self._scoped("enrolments:write")
        grant(self.unit, item, user, self.manifest.id)

    def revoke(self, item: str, user: str) -> None:
        """Take that back."""
        self._writing()
        self._scoped("enrolments:write")
        revoke(self.unit, item, user, self.manifest.id)

    def tell(self, user: str, subject: str, text: str) -> None:
        """Queue a message to a user of this institution."""
        self._writing()
        self._scoped("messages:send")
        found = self._user(user)
        if found is not None and found.email:
            queue(self.unit, f"plugin.{self.manifest.id}", found.email, Text(subject, text))

    def contact(self, user: str) -> Contact | None:
        """Read a user's name and address."""
        self._scoped("users:read")
        found = self._user(user)
        return None if found is None else _contact(found)

    def contacts(self, users: Collection[str]) -> Mapping[str, Contact]:
        """Read names and addresses of many."""
        self._scoped("users:read")
        unknown = [id_ for id_ in dict.fromkeys(users) if id_ not in self._users]
        if unknown:
            some = select(User).where(User.institution_id == self.institution, User.id.in_(unknown))
            rows = self.unit.session.scalars(some.where(User.erased_at.is_(None)))
            self._users.update(dict.fromkeys(unknown) | {row.id: row for row in rows})
        known = ((id_, self._users[id_]) for id_ in users)
        return {id_: _contact(one) for id_, one in known if one}

    def find_people(self, text: str, *, limit: int = 20) -> Mapping[str, Contact]:
        """Find users by a name or an address."""
        self._scoped("users:read")
        wanted = text.strip()
        if not wanted:
            return {}
        exactly = func.lower(User.email) == wanted.lower()
        some = (
            select(User)
            .where(
                User.institution_id == self.institution,
                User.erased_at.is_(None),
                or_(
                    exactly,
                    User.name.icontains(wanted, autoescape=True),
                    User.email.icontains(wanted, autoescape=True),
                ),
            )
            .order_by(case((exactly, 0), else_=1), User.name, User.id)
            .limit(limit)
        )
        rows = self.unit.session.scalars(some).all()
        return {row.id: _contact(row) for row in rows}

    def find_courses(self, text: str = "", *, limit: int = 50) -> Mapping[str, str]:
        """Find courses that could be given."""
        self._scoped("enrolments:write")
        return courses_called(self.unit, text.strip(), limit)

    @cached_property
    def _users(self) -> dict[str, User | None]:
        return {}

    def _user(self, id_: str) -> User | None:
        # Who is written to is mostly named on a paper as well: one look-up for both.
        if id_ not in self._users:
            own = select(User).where(User.institution_id == self.institution, User.id == id_)
            self._users[id_] = self.unit.session.scalar(own.where(User.erased_at.is_(None)))
        return self._users[id_]

    def _scoped(self, *actions: str) -> None:
        """Raise UnsupportedError where the manifest has none of these scopes."""
        if not set(actions) & set(self.manifest.scopes):
            action = actions[0]
            raise UnsupportedError(
                f"plugin {self.manifest.id} does not say that it does {action}",
                cure=f'write scopes = ["{action}"] into its bloop-plugin.toml',
            )

    def _writing(self) -> Jobs:
        if self.jobs is None:
            raise RuntimeError("this unit only reads: write in ctx.transaction")
        return self.jobs


def _contact(user: User) -> Contact:
    return Contact(name=user.name, email=user.email, language=user.language)
