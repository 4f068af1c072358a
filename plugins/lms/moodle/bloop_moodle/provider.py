"""The ``lms`` provider: an account of a Moodle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from bloop_moodle import functions
from bloop_moodle.course import CourseReader
from bloop_moodle.grading import save_grade
from bloop_moodle.participants import PeopleReader
from bloop_moodle.permissions import refusals
from bloop_moodle.rest import Moodle
from bloop_moodle.single import fetch
from bloop_sdk.errors import ForbiddenRecordError, PermissionMissingError, UnsupportedError
from bloop_sdk.plugin import ConnectionContext
from bloop_sdk.providers.content import (
    CheckResult,
    Deletes,
    Hint,
    Partition,
    Precondition,
    ProviderSpec,
    Stream,
    WebhookRequest,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import Batch, Container, Cursor, Kind, Ref

GRADE = "grade"


def _listing(name: str, *kinds: Kind) -> Stream:
    return Stream(
        name=name,
        kinds=frozenset(kinds),
        deletes=Deletes.ENUMERATE,
        partitioned=True,
        optional=True,
    )


def _content(name: str, *kinds: Kind, optional: bool = True) -> Stream:
    return Stream(
        name=name,
        kinds=frozenset(kinds),
        deletes=Deletes.TOMBSTONE,
        incremental=True,
        partitioned=True,
        optional=optional,
    )


STREAMS = (
    Stream(name="courses", kinds=frozenset({Kind.COURSE}), deletes=Deletes.ENUMERATE),
    _listing("groups", Kind.SECTION),
    _listing("people", Kind.PERSON, Kind.ENROLMENT),
    _listing("competencies", Kind.OUTCOME),
    _content("contents", Kind.MODULE, Kind.PAGE, Kind.LINK, Kind.FILE, Kind.OPAQUE, optional=False),
    _content("pages", Kind.PAGE, Kind.FILE),
    _content("assignments", Kind.ASSIGNMENT, Kind.FILE),
    _content("quizzes", Kind.QUIZ, Kind.FILE),
    _content("forums", Kind.DISCUSSION, Kind.FILE),
    _content("books", Kind.MODULE, Kind.PAGE, Kind.FILE),
    _content("glossaries", Kind.PAGE, Kind.FILE),
    _content("tools", Kind.TOOL, Kind.FILE),
    _content("activities", Kind.OPAQUE, Kind.FILE),
    _listing("calendar", Kind.CALENDAR_EVENT),
    _listing("submissions", Kind.SUBMISSION),
    _listing("completion", Kind.COMPLETION),
)
_BY_NAME = {stream.name: stream for stream in STREAMS}


class MoodleProvider:
    """Reads what the account may see. One instance reads once: it remembers outlines."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._moodle = Moodle(ctx)
        self._courses = CourseReader(self._moodle)
        self._people = PeopleReader(self._moodle, self._courses)

    def spec(self) -> ProviderSpec:
        """Courses and their outlines must be readable; of the rest, gaps are told."""
        return ProviderSpec(streams=STREAMS, writes=frozenset({GRADE}))

    async def check(self) -> CheckResult:
        """Who the token is; what each function that its service lacks costs, and each refusal."""
        site = await self._moodle.site()
        gaps = list(functions.gaps(site.functions))
        if not site.downloads:
            gaps.append("files: the service may not download files, so they come without bytes")
        courses = await self.discover()
        if courses:
            gaps += [one async for one in refusals(self._moodle, courses[0].remote_id)]
        else:
            gaps.append("courses: the account is in no course; enrol it where it shall read")
        return CheckResult(
            account=site.account,
            site=site.title,
            version=site.release,
            missing=tuple(functions.missing(site.functions)),
            gaps=tuple(gaps),
        )

    async def discover(self) -> Sequence[Container]:
        """The courses of the account."""
        made = await self._people.courses()
        return [one for one in made if isinstance(one, Container)]

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """A stream, whole or of a course.

        What the account may not read in one course, though it may in others, costs that course
        alone: ForbiddenRecordError.
        """
        stream, course = _BY_NAME.get(partition.stream), partition.container
        if stream is None:
            raise UnsupportedError(f"Moodle has no stream {partition.stream!r}")
        try:
            if course is None:
                reading = self._people.read_courses()
            elif stream.incremental:
                reading = self._courses.read(stream.name, course, state)
            else:
                reading = self._people.read(stream.name, course)
            async for batch in reading:
                yield batch
        except PermissionMissingError as err:
            if course is None:
                raise
            ref = f"{stream.name}:{course}"
            raise ForbiddenRecordError(err.message, ref=ref, cure=err.cure) from err

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """Some records as they are now."""
        return await fetch(self._moodle, self._courses, self._people, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """``grade``: a score and a comment on a submission to an assignment."""
        if op.kind != GRADE:
            raise UnsupportedError(f"{op.kind}: only grades are written to Moodle")
        return await save_grade(self._moodle, op, precondition)

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """Moodle sends none; raises UnsupportedError."""
        del request
        raise UnsupportedError("Moodle sends no webhooks")
