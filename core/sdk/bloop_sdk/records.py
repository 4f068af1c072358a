"""What a provider yields and the hub stores: frozen records, told apart by their class.

Identity is ``(connection, kind, remote_id)``: an id that the other system never changes, never a
title or a slug. ``raw`` is the record as it came, JSON-shaped; the hub hashes it, so a record
whose ``raw`` is unchanged writes nothing. ``lost`` names what the translation could not keep.
Times are aware datetimes in UTC. HTML is passed as it came: the hub sanitises it.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JSONObject = dict[str, Any]
"""A JSON object: what ``json.loads`` gives for ``{...}``."""


class Kind(enum.StrEnum):
    """The kinds of the content tree; ``OPAQUE`` keeps what no other kind describes."""

    __hash__ = str.__hash__  # Each is equal to its text; an enumeration's own is that of its name.

    COURSE = "course"
    NOTEBOOK = "notebook"
    MODULE = "module"
    PAGE = "page"
    ASSIGNMENT = "assignment"
    QUIZ = "quiz"
    FILE = "file"
    DISCUSSION = "discussion"
    LINK = "link"
    TOOL = "tool"
    NOTE = "note"
    OPAQUE = "opaque"
    PERSON = "person"
    ENROLMENT = "enrolment"
    OUTCOME = "outcome"
    SECTION = "section"
    SUBMISSION = "submission"
    COMPLETION = "completion"
    CALENDAR_EVENT = "calendar_event"


CONTAINER_KINDS = frozenset({Kind.COURSE, Kind.NOTEBOOK})
ITEM_KINDS = frozenset(
    {
        Kind.PAGE,
        Kind.ASSIGNMENT,
        Kind.QUIZ,
        Kind.FILE,
        Kind.DISCUSSION,
        Kind.LINK,
        Kind.TOOL,
        Kind.NOTE,
        Kind.OPAQUE,
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Points at a record of the same connection."""

    kind: Kind
    remote_id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.remote_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all records share."""

    remote_id: str
    raw: JSONObject = field(default_factory=dict, repr=False)
    remote_version: str | None = None
    url: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """When a course is held: a semester, a trimester, a school year."""

    title: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container(Record):
    """A course or a notebook: the root of one tree."""

    kind: Kind = Kind.COURSE
    title: str
    code: str | None = None
    summary_html: str = ""
    language: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    term: Term | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Record):
    """One place in a container's ordered tree.

    A module (or folder, or heading) has ``content`` None; a leaf points at its content, which may
    hang at several places. ``position`` orders siblings; equal positions fall back to remote id.
    """

    container: str
    parent: str | None = None
    position: int
    title: str
    content: Ref | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Content(Record):
    """What all content shares. ``container`` is the remote id of its course or notebook."""

    container: str
    title: str
    published: bool = True

    @property
    def kind(self) -> Kind:
        """The kind that this class stands for."""
        return KIND_OF[type(self)]

    @property
    def ref(self) -> Ref:
        """How other records point at this one."""
        return Ref(self.kind, self.remote_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Content):
    """A text to read. Links to files of the connection are ``bloop:file:REMOTE_ID`` URLs."""

    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricRating:
    """One level of a criterion."""

    title: str
    points: float
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricCriterion:
    """One row of a rubric."""

    title: str
    points: float
    description: str = ""
    ratings: tuple[RubricRating, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment(Content):
    """Work to hand in. ``submission_types`` are of ``text file url external none``.

    Before ``shown_from`` learners see its title and its dates, and none of its text.
    """

    html: str
    points: float | None = None
    due_at: datetime | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    shown_from: datetime | None = None
    submission_types: tuple[str, ...] = ()
    rubric: tuple[RubricCriterion, ...] = ()


class QuestionKind(enum.StrEnum):
    """The question types of the QTI profile, and the ones LMSs add."""

    CHOICE = "choice"
    MULTIPLE = "multiple"
    TRUE_FALSE = "true_false"
    BLANK = "blank"
    BLANKS = "blanks"
    MATCHING = "matching"
    NUMERIC = "numeric"
    FORMULA = "formula"
    ESSAY = "essay"
    UPLOAD = "upload"
    TEXT = "text"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer to choose, a pattern to match, or one side of a pair.

    ``weight`` is the share of the points it gives, in per cent, from -100 to 100. ``group`` is the
    blank or the left side it belongs to. ``low``/``high`` bound a numeric answer.
    """

    id: str
    html: str
    weight: float = 0.0
    feedback_html: str = ""
    group: str | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a quiz."""

    id: str
    kind: QuestionKind
    title: str = ""
    html: str
    points: float = 1.0
    choices: tuple[Choice, ...] = ()
    feedback_html: str = ""
    correct_html: str = ""
    incorrect_html: str = ""
    case_sensitive: bool = False
    raw_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiz(Content):
    """Questions in order. ``bank`` marks a pool that other quizzes draw from.

    ``time_limit`` is in minutes, ``attempts`` of None means unlimited. ``shuffle`` gives each
    attempt an order of its own, of questions and of what there is to choose. ``pass_mark`` is the
    share of the points from which an attempt is passed, from 0 to 1; of None the hub has its own.
    ``restricted`` says that its
    system restricts who takes it, from where, when, how often for a grade, or what is told of right
    answers: the hub then asks learners none of its questions, and shows them none. Before
    ``shown_from`` they see none of its text either; a quiz that has one is restricted.
    """

    html: str = ""
    questions: tuple[Question, ...] = ()
    bank: bool = False
    points: float | None = None
    due_at: datetime | None = None
    time_limit: float | None = None
    attempts: int | None = None
    restricted: bool = False
    shown_from: datetime | None = None
    shuffle: bool = False
    pass_mark: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File(Content):
    """A file and how to get its bytes.

    ``chunks`` starts a fresh read each time it is called and is asked only when the hub does not
    hold the bytes of this ``raw`` yet; None says that the bytes cannot be had (``lost`` says why).
    ``path`` is the file's place in the course's own folders, with ``/``, or None.
    """

    name: str
    media_type: str | None = None
    size: int | None = None
    path: str | None = None
    chunks: Callable[[], AsyncIterator[bytes]] | None = field(
        default=None, compare=False, repr=False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion(Content):
    """A topic to talk about; an ``announcement`` is for reading, ``posted_at`` when it shows."""

    html: str
    attachments: tuple[Ref, ...] = ()
    announcement: bool = False
    posted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Content):
    """A link to a page outside."""

    href: str
    new_window: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool(Content):
    """An LTI link. ``custom`` are its launch parameters."""

    launch_url: str
    html: str = ""
    version: str = "1.1"
    custom: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something to do that a note holds besides its text; one in the text is ``- [ ]`` there."""

    text: str
    done: bool = False
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Content):
    """A note of a notebook.

    ``markdown`` is its normal form: CommonMark with tables, strikethrough, ``$formulas$``,
    ``- [ ]`` tasks, ``> [!note]`` callouts, ``==highlights==``, footnotes and ``[[links]]``. Where
    it is None the hub makes it of ``html``, and the other way round where ``html`` is empty. Links
    are ``bloop:note:REMOTE_ID`` and ``bloop:file:REMOTE_ID`` in both. ``raw`` keeps what Markdown
    cannot say, so that a note can be written back whole; what neither holds is named in ``lost``.

    ``place`` is latitude and longitude in degrees. ``properties`` are what the system lets people
    add to a note, by their names: texts, numbers, booleans, ISO 8601 times, or lists of them.
    """

    html: str = ""
    markdown: str | None = None
    tags: tuple[str, ...] = ()
    author: str | None = None
    source_url: str | None = None
    place: tuple[float, float] | None = None
    reminder_at: datetime | None = None
    tasks: tuple[Task, ...] = ()
    properties: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opaque(Content):
    """Something whose type nobody here knows: kept as it came, shown by its title."""

    remote_kind: str
    html: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Record):
    """Somebody in the other system."""

    name: str
    email: str | None = None
    login: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment(Record):
    """A person in a container, in a role of ``learner educator admin``.

    ``sections`` are the remote ids of the sections that the person is in.
    """

    container: str
    person: str
    role: str
    active: bool = True
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Record):
    """A part of a course's people that is taught together: a section, a group."""

    container: str
    title: str


class SubmissionState(enum.StrEnum):
    """How far a person's work has come; ``MISSING`` is late and not handed in.

    ``UNRELEASED`` has a grade that its system does not show to the person yet: the hub shows it to
    who teaches, and counts it for nothing else.
    """

    UNSUBMITTED = "unsubmitted"
    SUBMITTED = "submitted"
    UNRELEASED = "unreleased"
    GRADED = "graded"
    MISSING = "missing"
    EXCUSED = "excused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """What somebody said of a submission; ``person`` is the remote id of who did."""

    text: str
    person: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission(Record):
    """A person's work on one assignment or quiz, and its grade: the newest attempt.

    ``score`` is of ``points``; ``grade`` is as the other system shows it (``"B+"``, ``"87 %"``).
    """

    container: str
    person: str
    content: Ref
    state: SubmissionState
    attempt: int | None = None
    score: float | None = None
    points: float | None = None
    grade: str | None = None
    late: bool = False
    submitted_at: datetime | None = None
    graded_at: datetime | None = None
    comments: tuple[Comment, ...] = ()


class CompletionState(enum.StrEnum):
    """How far a person is with one thing."""

    INCOMPLETE = "incomplete"
    COMPLETE = "complete"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion(Record):
    """How far a person is with ``content``, or (None) with the whole course."""

    container: str
    person: str
    content: Ref | None = None
    state: CompletionState
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent(Record):
    """Something that takes place at a time; ``content`` is what it is about, if anything."""

    container: str
    title: str
    html: str = ""
    starts_at: datetime
    ends_at: datetime | None = None
    all_day: bool = False
    location: str = ""
    content: Ref | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Record):
    """What learners shall be able to do; ``parent`` is the remote id of a wider one."""

    container: str | None = None
    title: str
    html: str = ""
    parent: str | None = None


KIND_OF: dict[type[Content], Kind] = {
    Page: Kind.PAGE,
    Assignment: Kind.ASSIGNMENT,
    Quiz: Kind.QUIZ,
    File: Kind.FILE,
    Discussion: Kind.DISCUSSION,
    Link: Kind.LINK,
    Tool: Kind.TOOL,
    Note: Kind.NOTE,
    Opaque: Kind.OPAQUE,
}


KIND_OF_OTHERS: dict[type[Record], Kind] = {
    Node: Kind.MODULE,
    Person: Kind.PERSON,
    Enrolment: Kind.ENROLMENT,
    Outcome: Kind.OUTCOME,
    Section: Kind.SECTION,
    Submission: Kind.SUBMISSION,
    Completion: Kind.COMPLETION,
    CalendarEvent: Kind.CALENDAR_EVENT,
}
"""Kinds of the records that are neither content nor containers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A record that could not be used: it goes into quarantine with its reason.

    What the credential may not read any more has the code ``record_forbidden``, what its owner
    no longer shares with it ``record_unshared``: the hub keeps both and shows neither.
    """

    ref: str
    reason: str
    code: str = "record_malformed"
    raw: JSONObject = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a stream stands: opaque to the hub, saved in the commit of the rows it covers."""

    value: JSONObject
    version: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """What a source answers as one, a page of a list for instance, and the records made of it.

    ``key`` names it within its partition, from run to run. ``digest`` is another one wherever
    anything is that its records are made of: a hash, or a version that the source tells.
    Both have 200 characters at most.
    """

    key: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step of a read: everything in it is committed together with its cursor.

    A batch should hold some hundred records at most: it bounds the hub's memory. ``done`` and
    ``total`` drive the progress bar, in records of the stream.

    ``part`` is what this batch, and those since the last cursor, were made of: it comes with the
    last of them. Of one that the hub knows (:attr:`Partition.known`) the records may be left out:
    ``same`` says that they would be what they were.
    """

    records: tuple[Record, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    deleted: tuple[Ref, ...] = ()
    cursor: Cursor | None = None
    done: int | None = None
    total: int | None = None
    part: Part | None = None
    same: bool = False
