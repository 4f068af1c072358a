"""The ``lms`` provider: one site of Blackboard Learn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from bloop_blackboard.api import Api
from bloop_blackboard.checks import check
from bloop_blackboard.config import BlackboardConfig
from bloop_blackboard.contents import Contents
from bloop_blackboard.courses import Courses
from bloop_blackboard.grades import Grades
from bloop_blackboard.notices import Notices
from bloop_blackboard.oauth import Tokens, authorize_url
from bloop_blackboard.people import People
from bloop_sdk import (
    AuthError,
    Authorization,
    Batch,
    CheckResult,
    ConfigError,
    ConnectionContext,
    Container,
    Cursor,
    Deletes,
    Hint,
    Kind,
    MalformedRecordError,
    MissingRecordError,
    Partition,
    PermissionMissingError,
    Precondition,
    ProviderSpec,
    Ref,
    Skipped,
    Stream,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import CONTAINER_KINDS, ITEM_KINDS, Record

_CONTENT = frozenset(
    {
        Kind.MODULE,
        Kind.PAGE,
        Kind.ASSIGNMENT,
        Kind.QUIZ,
        Kind.FILE,
        Kind.DISCUSSION,
        Kind.LINK,
        Kind.TOOL,
        Kind.OPAQUE,
    }
)
_GONE = "record_missing"
_REFUSALS = (MissingRecordError, MalformedRecordError, PermissionMissingError)


def _stream(name: str, *kinds: Kind, deletes: Deletes) -> Stream:
    """One that is read for each course, and that each course may refuse.

    Those that tell what is gone themselves keep a cursor.
    """
    return Stream(
        name=name,
        kinds=frozenset(kinds),
        deletes=deletes,
        incremental=deletes is not Deletes.ENUMERATE,
        partitioned=True,
        optional=True,
    )


SPEC = ProviderSpec(
    streams=(
        Stream(name="courses", kinds=frozenset({Kind.COURSE}), deletes=Deletes.ENUMERATE),
        _stream("sections", Kind.SECTION, deletes=Deletes.ENUMERATE),
        _stream("people", Kind.PERSON, Kind.ENROLMENT, deletes=Deletes.ENUMERATE),
        _stream("content", *_CONTENT, deletes=Deletes.TOMBSTONE),
        _stream("announcements", Kind.DISCUSSION, deletes=Deletes.TOMBSTONE),
        _stream("grades", Kind.SUBMISSION, deletes=Deletes.NONE),
        _stream("progress", Kind.COMPLETION, deletes=Deletes.ENUMERATE),
        _stream("calendar", Kind.CALENDAR_EVENT, deletes=Deletes.TOMBSTONE),
    )
)


class BlackboardProvider:
    """Reads a site; nothing is written to it."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._ctx = ctx
        self._opened: _Site | None = None

    def spec(self) -> ProviderSpec:
        """The streams; Blackboard sends no webhooks, and writing is not offered."""
        return SPEC

    async def check(self) -> CheckResult:
        """Who the application acts as, and each entitlement that is missing, by its name."""
        return await check(self._site.api)

    async def discover(self) -> Sequence[Container]:
        """All courses and organizations that the credential may see."""
        found: list[Container] = []
        async for containers, _ in self._site.courses.read():
            found += containers
        return found

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """A stream; what is not there in one course costs that course's part of it."""
        if partition.stream == "courses":
            async for containers, skipped in self._site.courses.read():
                yield Batch(records=tuple(containers), skipped=tuple(skipped))
            return
        course = partition.container
        if course is None:
            raise UnsupportedError(f"Blackboard has no stream {partition.stream!r} of a site")
        try:
            async for batch in self._site.read(partition.stream, course, state):
                yield batch
        except (MissingRecordError, MalformedRecordError) as err:
            err.ref = f"{partition.stream}:{course}"
            raise

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """Content, courses, people and grades as they are now.

        The rest is read whole with each of its streams, and comes with that.
        """
        records: list[Record] = []
        skipped: list[Skipped] = []
        of_course: defaultdict[str, set[Ref]] = defaultdict(set)
        for ref in refs:
            course, _, rest = ref.remote_id.partition("/")
            if ref.kind in ITEM_KINDS and rest and not rest.startswith("announcement/"):
                of_course[course].add(ref)
            else:
                _sort(await self._one(ref, course, rest), records, skipped)
        for course, wanted in of_course.items():
            try:
                made, refused = await self._site.contents.fetch(course, wanted)
            except _REFUSALS as err:
                code = "record_forbidden" if isinstance(err, PermissionMissingError) else err.code
                skipped += [Skipped(ref=str(ref), reason=err.message, code=code) for ref in wanted]
                continue
            records += made
            skipped += refused
        return Batch(records=tuple(records), skipped=(*skipped, *_absent(refs, records, skipped)))

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Nothing is written; raises UnsupportedError."""
        del precondition
        raise UnsupportedError(
            f"{op.kind}: Blackboard is read only",
            cure="change it in Blackboard; the next sync brings it",
        )

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """Blackboard's REST API sends nothing; raises UnsupportedError."""
        del request
        raise UnsupportedError("Blackboard sends no webhooks")

    def can_authorize(self) -> bool:
        """Whether the application is named."""
        return isinstance(self._ctx.config, BlackboardConfig)

    def authorize_url(self, request: Authorization) -> str:
        """Where somebody lets the application read what they may read."""
        return authorize_url(_config(self._ctx), request)

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """The refresh token of who logged in."""
        fault, code = params.get("error"), params.get("code")
        if fault == "access_denied":
            raise AuthError("the login at Blackboard was cancelled", code="login_cancelled")
        if fault or not code:
            raise AuthError(f"Blackboard gave no code: {fault or 'none came back'}")
        tokens = Tokens(self._ctx, _config(self._ctx))
        return {"refresh_token": await tokens.exchange(request, code)}

    @property
    def _site(self) -> _Site:
        if self._opened is None:
            self._opened = _Site(self._ctx)
        return self._opened

    async def _one(self, ref: Ref, course: str, rest: str) -> Record | Skipped:
        try:
            if ref.kind in CONTAINER_KINDS:
                return await self._site.courses.fetch(ref.remote_id)
            if ref.kind is Kind.PERSON:
                return await self._site.people.person(ref.remote_id)
            if ref.kind is Kind.SUBMISSION:
                column, _, user = rest.partition("/")
                return await self._site.grades.fetch(course, column, user)
            if rest.startswith("announcement/"):
                name = rest.partition("/")[2]
                return await self._site.notices.announcement(course, name)
        except _REFUSALS as err:
            code = "record_forbidden" if isinstance(err, PermissionMissingError) else err.code
            return Skipped(ref=str(ref), reason=err.message, code=code)
        return Skipped(ref=str(ref), reason="there is no such record", code=_GONE)


class _Site:
    """What reads a site, made at its first use: the settings are checked then."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self.api = Api(ctx, _config(ctx))
        self.courses = Courses(self.api)
        self.people = People(self.api)
        self.contents = Contents(self.api)
        self.notices = Notices(self.api)
        self.grades = Grades(self.api, self.contents)

    def read(self, stream: str, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        """One course's part of a stream."""
        readers: dict[str, Callable[[], AsyncIterator[Batch]]] = {
            "sections": lambda: _batches(self.people.sections(course)),
            "people": lambda: _batches(self.people.members(course)),
            "content": lambda: self.contents.read(course, state),
            "announcements": lambda: self.notices.announcements(course, state),
            "grades": lambda: self.grades.read(course, state),
            "progress": lambda: self.notices.progress(course),
            "calendar": lambda: self.notices.calendar(course, state),
        }
        if stream not in readers:
            raise UnsupportedError(f"Blackboard has no stream {stream!r}")
        return readers[stream]()


async def _batches(pages: AsyncIterator[list[Record | Skipped]]) -> AsyncIterator[Batch]:
    async for page in pages:
        records: list[Record] = []
        skipped: list[Skipped] = []
        for one in page:
            _sort(one, records, skipped)
        yield Batch(records=tuple(records), skipped=tuple(skipped))


def _sort(one: Record | Skipped, records: list[Record], skipped: list[Skipped]) -> None:
    if isinstance(one, Skipped):
        skipped.append(one)
    else:
        records.append(one)


def _absent(
    refs: Iterable[Ref], records: Iterable[Record], skipped: Iterable[Skipped]
) -> list[Skipped]:
    """What was asked for and neither came nor was refused."""
    came = {one.remote_id for one in records}
    told = {one.ref for one in skipped}
    return [
        Skipped(ref=str(ref), reason="Blackboard does not have it", code=_GONE)
        for ref in refs
        if ref.remote_id not in came and str(ref) not in told
    ]


def _config(ctx: ConnectionContext) -> BlackboardConfig:
    config = ctx.config
    if not isinstance(config, BlackboardConfig):
        raise ConfigError("the connection has no settings", cure="set base_url and the application")
    return config
