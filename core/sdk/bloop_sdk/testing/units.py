"""Units of work for tests: a plugin's tables in SQLite, in memory. Needs ``bloop-sdk[tables]``."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import MetaData, TextClause, create_engine, event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.pool import StaticPool

from bloop_sdk.errors import FatalError
from bloop_sdk.events import TOPICS_OF_FAMILIES
from bloop_sdk.plugin import Contact, JobView, Unit
from bloop_sdk.principals import Call
from bloop_sdk.records import JSONObject
from bloop_sdk.settings import PluginConfig
from bloop_sdk.tables import Tenant, check_tables

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Emitted:
    """An event that a unit emitted."""

    topic: str
    aggregate: str
    payload: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A line that a unit wrote into the audit trail."""

    action: str
    resource: str
    detail: JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    """A job that a unit asked for."""

    id: str
    kind: str
    payload: JSONObject
    key: str | None
    delay: float
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a unit had a user told."""

    user: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Text that a unit said of an item."""

    text: str
    language: str | None
    moments: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class FakeUnit:
    """A :class:`bloop_sdk.Unit` that remembers what it was asked to do."""

    session: Session
    institution: str
    plugin_id: str
    known: Sequence[Enqueued] | None
    """The jobs of earlier units; None for one that only reads."""
    views: Mapping[str, JobView] = field(default_factory=dict)
    """What became of jobs, by their ids."""
    events: list[Emitted] = field(default_factory=list)
    audited: list[Audited] = field(default_factory=list)
    jobs: list[Enqueued] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    enrolled: set[tuple[str, str]] = field(default_factory=set)
    granted: set[tuple[str, str]] = field(default_factory=set)
    """Who is in which course by the plugin: (course, user)."""
    config: PluginConfig = field(default_factory=PluginConfig)
    people: Mapping[str, Contact] = field(default_factory=dict)
    described: dict[tuple[str, str], Described | None] = field(default_factory=dict)
    """What it said of items, by (item, key); None where that was taken back."""
    absent: Collection[str] = frozenset()
    """Courses and items that there are not."""
    shelf: Mapping[str, str] = field(default_factory=dict)
    """Titles by the ids of courses that are found by them."""

    def emit(self, topic: str, aggregate: str, payload: JSONObject) -> None:
        """Say that something happened; the topic has to be the plugin's own, or its family's."""
        self._writing()
        shared = any(topic in topics for topics in TOPICS_OF_FAMILIES.values())
        if not shared and not topic.startswith(f"{self.plugin_id}."):
            raise FatalError(
                f"{topic!r} is no topic of {self.plugin_id}",
                cure=f'begin it with "{self.plugin_id}."',
            )
        self.events.append(Emitted(topic=topic, aggregate=aggregate, payload=payload))

    def audit(self, action: str, resource: str, detail: JSONObject | None = None) -> None:
        """Keep who did it."""
        self._writing()
        self.audited.append(Audited(action=action, resource=resource, detail=detail or {}))

    def enqueue(
        self,
        kind: str,
        payload: JSONObject,
        *,
        key: str | None = None,
        delay: float = 0.0,
        after: Sequence[str] = (),
    ) -> str:
        """Ask for a job; its id, or that of the first one with this key.

        Raises FatalError where it is to come after a job that nobody asked for.
        """
        asked = [*self._writing(), *self.jobs]
        if unknown := sorted(set(after) - {job.id for job in asked}):
            raise FatalError(f"no job {unknown[0]!r} to come after")
        same = [job for job in asked if key is not None and job.key == key]
        if same:
            return same[0].id
        job_id = f"job-{len(asked) + 1}"
        self.jobs.append(
            Enqueued(
                id=job_id, kind=kind, payload=payload, key=key, delay=delay, after=tuple(after)
            )
        )
        return job_id

    def job(self, id_: str) -> JobView | None:
        """What became of a job; one that this unit has asked for waits."""
        mine = (JobView(id=one.id, kind=one.kind, state="waiting") for one in self.jobs)
        return self.views.get(id_) or next((one for one in mine if one.id == id_), None)

    def enrol(self, course: str, user: str) -> None:
        """Let a user into a course."""
        self._writing()
        self.enrolled.add((course, user))

    def unenrol(self, course: str, user: str) -> None:
        """Take that back."""
        self._writing()
        self.enrolled.discard((course, user))

    def missing(
        self, *, courses: Collection[str] = (), items: Collection[str] = ()
    ) -> Sequence[str]:
        """Those of ``absent``: everything else is there."""
        return [one for one in (*courses, *items) if one in self.absent]

    def describe(
        self,
        item: str,
        text: str,
        *,
        key: str = "transcript",
        language: str | None = None,
        moments: Sequence[tuple[int, float]] = (),
    ) -> None:
        """Say what text belongs to an item."""
        self._writing()
        said = Described(text=text, language=language, moments=tuple(moments))
        self.described[item, key] = said if text.strip() else None

    def grant(self, item: str, user: str) -> None:
        """Let a user see one item."""
        self._writing()
        self.granted.add((item, user))

    def revoke(self, item: str, user: str) -> None:
        """Take that back."""
        self._writing()
        self.granted.discard((item, user))

    def tell(self, user: str, subject: str, text: str) -> None:
        """Have a message brought."""
        self._writing()
        self.messages.append(Message(user=user, subject=subject, text=text))

    def contact(self, user: str) -> Contact | None:
        """One of ``people``."""
        return self.people.get(user)

    def contacts(self, users: Collection[str]) -> Mapping[str, Contact]:
        """Those of ``people``."""
        return {user: self.people[user] for user in users if user in self.people}

    def find_people(self, text: str, *, limit: int = 20) -> Mapping[str, Contact]:
        """Those of ``people`` whose name or address holds the text."""
        wanted = text.strip().casefold()
        found = {
            user: one
            for user, one in self.people.items()
            if wanted and wanted in f"{one.name}\n{one.email or ''}".casefold()
        }
        return dict(list(found.items())[:limit])

    def find_courses(self, text: str = "", *, limit: int = 50) -> Mapping[str, str]:
        """Those of ``shelf`` whose title holds the text."""
        wanted = text.strip().casefold()
        found = {id_: title for id_, title in self.shelf.items() if wanted in title.casefold()}
        return dict(sorted(found.items(), key=lambda one: one[1])[:limit])

    def titles(
        self, *, courses: Collection[str] = (), items: Collection[str] = ()
    ) -> Mapping[str, str]:
        """Everything is there but what is ``absent``, and called by its id."""
        there = [one for one in (*courses, *items) if one not in self.absent]
        return {one: f"Title of {one}" for one in there}

    def _writing(self) -> Sequence[Enqueued]:
        if self.known is None:
            raise FatalError("read() writes nothing", cure="use ctx.transaction()")
        return self.known


class FakeDatabase:
    """The tables of ``metadata``; what committed units have emitted, audited, enqueued and told.

    ``described`` is the text that items have by now, by (item, key).

    ``views`` holds what became of each job: it waits, unless a test says otherwise. ``people`` are
    those whose contact a unit finds, ``config`` the settings that it has. ``absent`` are courses
    and items that there are not, ``shelf`` the titles of courses that are found by them.
    """

    def __init__(
        self, plugin_id: str, metadata: MetaData | None, config: PluginConfig | None = None
    ) -> None:
        self._plugin_id = plugin_id
        self.config = PluginConfig() if config is None else config
        self.people: dict[str, Contact] = {}
        self.absent: set[str] = set()
        self.shelf: dict[str, str] = {}
        self.messages: list[Message] = []
        self.described: dict[tuple[str, str], Described] = {}
        self.events: list[Emitted] = []
        self.audited: list[Audited] = []
        self.jobs: list[Enqueued] = []
        self.views: dict[str, JobView] = {}
        # One connection: another one would have a database of its own.
        self._engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        weakref.finalize(self, self._engine.dispose)
        self._one_at_a_time = threading.Lock()
        if metadata is not None:
            check_tables(plugin_id, metadata)
            metadata.create_all(self._engine)

    def transaction(
        self,
        call: Call,
        work: Callable[Concatenate[Unit, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What ``work`` gives; it is committed unless it raises."""
        with self._one_at_a_time, Session(self._engine, expire_on_commit=False) as session:
            unit = self._unit(session, call, self.jobs)
            _bind(session, call.institution)
            result = work(unit, *args, **kwargs)
            session.commit()
            self.events += unit.events
            self.audited += unit.audited
            self.jobs += unit.jobs
            self.messages += unit.messages
            kept = self.described | unit.described
            self.described = {place: said for place, said in kept.items() if said is not None}
            for one in unit.jobs:
                self.views[one.id] = JobView(id=one.id, kind=one.kind, state="waiting")
        return result

    def read(
        self,
        call: Call,
        work: Callable[Concatenate[Unit, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What ``work`` finds; raises FatalError where it writes."""
        with self._one_at_a_time, Session(self._engine, expire_on_commit=False) as session:
            unit = self._unit(session, call, None)
            _bind(session, call.institution)
            _refuse_writes(session)
            result = work(unit, *args, **kwargs)
            session.flush()
            return result

    def _unit(self, session: Session, call: Call, known: Sequence[Enqueued] | None) -> FakeUnit:
        return FakeUnit(
            session,
            call.institution,
            self._plugin_id,
            known,
            self.views,
            config=self.config,
            people=self.people,
            absent=self.absent,
            shelf=self.shelf,
        )


def _refuse_writes(session: Session) -> None:
    @event.listens_for(session, "before_flush")
    def refuse(*_: Any) -> None:
        raise FatalError("read() writes nothing", cure="use ctx.transaction()")

    @event.listens_for(session, "do_orm_execute")
    def refuse_statement(state: ORMExecuteState) -> None:
        if state.is_insert or state.is_update or state.is_delete:
            refuse()


def _bind(session: Session, institution: str) -> None:
    """Let a session see and write one institution's rows alone."""

    @event.listens_for(session, "do_orm_execute")
    def see_own(state: ORMExecuteState) -> None:
        if isinstance(state.statement, TextClause):
            given = state.parameters if isinstance(state.parameters, dict) else {}
            if given.get("institution") != institution:
                raise FatalError(
                    f"SQL without its institution: {str(state.statement)[:60]!r}",
                    cure="compare institution_id with :institution, or use a mapped class",
                )
        if state.is_orm_statement and not state.is_insert:
            state.statement = state.statement.options(
                with_loader_criteria(
                    Tenant, lambda cls: cls.institution_id == institution, include_aliases=True
                )
            )

    @event.listens_for(session, "before_flush")
    def write_own(session: Session, *_: Any) -> None:
        for row in itertools.chain(session.new, session.dirty, session.deleted):
            if not isinstance(row, Tenant):
                continue
            if row.institution_id != institution:
                raise FatalError(
                    f"a {type(row).__name__} of institution {row.institution_id} in a unit of "
                    f"{institution}",
                    cure="write institution_id=unit.institution",
                )
