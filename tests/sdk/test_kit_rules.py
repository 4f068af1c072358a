"""For every rule of the kit, a deliberately broken provider that it finds."""

import dataclasses
import itertools

import bloop_shelf.journal
import pytest
from bloop_shelf.courses import CourseProvider
from bloop_shelf.files import FileProvider
from bloop_shelf.journal import BOOK, JournalProvider

from bloop_sdk import (
    Batch,
    BloopError,
    CheckResult,
    Container,
    Cursor,
    DeadlineError,
    FatalError,
    Hint,
    Kind,
    MalformedRecordError,
    Node,
    Precondition,
    ProviderSpec,
    Ref,
    Request,
    RetriableError,
    Stream,
    UnavailableError,
    UnsupportedError,
    WriteResult,
)
from bloop_sdk.testing import ContractError, System, reply
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.case import ContentCase
from bloop_sdk.testing.suites.content import CONTENT
from tests.sdk.shelf.fake_folder import FOLDER
from tests.sdk.shelf.fake_shelf import BAD, EXPIRED, GOOD, FakeJournal, FakeShelf

PLUGIN = PluginUnderTest("bloop_shelf")
COURSES = System(make=FakeShelf, good=GOOD, bad=BAD, expired=EXPIRED)
JOURNAL = System(make=FakeJournal, good=GOOD, bad=BAD, expired=EXPIRED)
BROKEN = []


def breaks(*rules, subject=COURSES):
    """Say which rules a provider breaks."""

    def mark(provider):
        BROKEN.extend((rule, provider, subject) for rule in rules)
        return provider

    return mark


async def broken(rule, provider, subject, folder):
    case = ContentCase(PLUGIN, "lms", subject, folder)
    case.make = provider
    await CONTENT.rules[rule].check(case)


# -- the specification and the check


@breaks("specification")
class NamesAStreamTwice(CourseProvider):
    def spec(self):
        stream = super().spec().streams[0]
        return ProviderSpec(streams=(stream, stream))


@breaks("specification")
class HasNoStreams(CourseProvider):
    def spec(self):
        return ProviderSpec(streams=())


@breaks("specification")
class StreamOfNothing(CourseProvider):
    def spec(self):
        return ProviderSpec(streams=(Stream(name="nothing", kinds=frozenset()),))


@breaks("specification")
class ChangesItsMind(CourseProvider):
    names = itertools.count()

    def spec(self):
        kinds = frozenset({Kind.COURSE})
        return ProviderSpec(streams=(Stream(name=f"s{next(self.names)}", kinds=kinds),))


@breaks("check_with_good_credentials")
class NamesNoAccount(CourseProvider):
    async def check(self):
        return CheckResult(account="")


@breaks("check_with_good_credentials")
class MissesAPermission(CourseProvider):
    async def check(self):
        return CheckResult(account="Ada", missing=("read courses",))


@breaks("check_with_bad_credentials", "check_with_expired_credentials")
class TakesAnyCredential(CourseProvider):
    async def check(self):
        return CheckResult(account="Ada")


@breaks("check_with_bad_credentials", "check_with_expired_credentials")
class WrapsErrors(CourseProvider):
    async def check(self):
        try:
            return await super().check()
        except BloopError as err:
            raise RuntimeError("it did not work") from err


# -- reading


@breaks("discovery")
class DiscoversNothing(CourseProvider):
    async def discover(self):
        return []


@breaks("discovery")
class DiscoversWhatIsNotRead(CourseProvider):
    async def discover(self):
        return [*await super().discover(), Container(remote_id="c9", title="t", raw={"id": "c9"})]


class Changing(CourseProvider):
    """Lets each batch be changed."""

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            yield self.change(batch, partition)


@breaks("records")
class PointsAtNothing(Changing):
    def change(self, batch, partition):
        node = Node(
            remote_id="n", container="c1", position=0, title="t", content=Ref(Kind.PAGE, "i0")
        )
        more = (node,) if partition.container == "c1" else ()
        return Batch(records=(*batch.records, *more), cursor=batch.cursor)


@breaks("records")
class YieldsWhatItDoesNotDeclare(CourseProvider):
    def spec(self):
        courses, content, _ = super().spec().streams
        return ProviderSpec(
            streams=(
                courses,
                Stream(name=content.name, kinds=frozenset({Kind.LINK}), partitioned=True),
            )
        )


@breaks("records")
class YieldsOnlyCourses(CourseProvider):
    def spec(self):
        return ProviderSpec(streams=super().spec().streams[:1])


@breaks("second_read")
class NewRawEachTime(CourseProvider):
    reads = itertools.count()

    def made(self, item, container):
        return super().made({**item, "read": next(self.reads)}, container)


@breaks("second_read")
class NewIdsEachTime(CourseProvider):
    """Duplicates everything on the second read."""

    reads = itertools.count()

    def made(self, item, container):
        return super().made({**item, "id": f"{item['id']}-{next(self.reads)}"}, container)


@breaks("fetching")
class FetchesNothing(CourseProvider):
    async def fetch(self, refs):
        return Batch()


@breaks("fetching")
class FetchesInAnotherForm(CourseProvider):
    async def fetch(self, refs):
        items = [await self.get(f"/api/items/{ref.remote_id}") for ref in refs]
        return Batch(
            records=tuple(self.made({**item, "via": "fetch"}, item["container"]) for item in items)
        )


@breaks("fetching_what_is_gone")
class FetchesWithoutLooking(CourseProvider):
    async def fetch(self, refs):
        items = [await self.get(f"/api/items/{ref.remote_id}") for ref in refs]
        return Batch(records=tuple(self.made(item, item["container"]) for item in items))


@breaks("fetching_what_is_gone")
class SaysNothingOfWhatIsGone(CourseProvider):
    async def fetch(self, refs):
        return Batch(records=(await super().fetch(refs)).records)


@breaks("malformed_record", "unknown_type")
class StumblesOverARecord(CourseProvider):
    def record(self, item, container):
        item["title"].upper()
        return {"page": self.made, "file": self.made}[item["type"]](item, container)


@breaks("malformed_record", "unknown_type")
class DropsWhatItDoesNotKnow(Changing):
    def change(self, batch, partition):
        known = [one for one in batch.records if getattr(one, "kind", None) is not Kind.OPAQUE]
        return Batch(records=tuple(known), cursor=batch.cursor)


@breaks("malformed_record")
class DropsThePageOfABadRecord(Changing):
    def change(self, batch, partition):
        return Batch(skipped=batch.skipped, cursor=batch.cursor) if batch.skipped else batch


@breaks("secrets")
class LogsItsToken(CourseProvider):
    async def check(self):
        self.ctx.log.info("checking", headers=self.headers())
        return await super().check()


@breaks("secrets")
class TellsItsToken(CourseProvider):
    async def check(self):
        try:
            return await super().check()
        except BloopError as err:
            err.message += f" with {self.headers()}"
            raise


@breaks("secrets")
class KeepsItsToken(CourseProvider):
    def made(self, item, container):
        return super().made({**item, **self.headers()}, container)


# -- interruptions, and systems that change


@breaks("kill_at_any_step", "kill_after_any_batch", "kill_while_catching_up", subject=JOURNAL)
class CursorTooFar(JournalProvider):
    """Saves a cursor for rows that it has not given yet: they are lost on resume."""

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            if batch.cursor is None:
                yield batch
            else:
                yield Batch(
                    records=batch.records, cursor=Cursor({"seq": batch.cursor.value["seq"] + 2})
                )


@breaks("change_between_reads", "edit_while_reading", subject=JOURNAL)
class KnowsAllItHasSeen(JournalProvider):
    """Reads on from the newest thing that it knew when it began."""

    async def read(self, partition, state):
        if partition.stream == "books":
            yield Batch(records=(BOOK,))
            return
        seen = list(state.value["seen"]) if state else []
        async for answer in self.pages("/api/changes", since=0):
            new = [item for item in answer["items"] if item["id"] not in seen]
            seen += [item["id"] for item in new]
            made = [self.record(item, "journal") for item in new]
            gone = tuple(Ref(Kind(one["type"]), one["id"]) for one in answer["gone"])
            yield Batch(records=tuple(made), deleted=gone, cursor=Cursor({"seen": seen}))


@breaks("addition_between_reads", subject=JOURNAL)
class KnowsOnlyTheOld(JournalProvider):
    """Asks for the changes of what it already has."""

    def made(self, item, container):
        note = super().made(item, container)
        known = self.ctx.config.base_url and item["id"] != "i05"
        return note if known else super().made({**item, "id": "i10"}, container)


@breaks("edit_while_reading", "addition_while_reading", "deletion_while_reading", subject=JOURNAL)
class CursorFromTheEnd(JournalProvider):
    """Asks at the end where the log stands: what came in while it read is never read."""

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            if batch.cursor is None:
                yield batch
            else:
                yield Batch(records=batch.records, deleted=batch.deleted)
        if partition.stream != "books":
            seq = 0
            async for answer in self.pages("/api/changes", since=0):
                seq = answer["seq"]
            yield Batch(cursor=Cursor({"seq": seq}))


@breaks("delete_and_restore", subject=JOURNAL)
class NeverDeletes(JournalProvider):
    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            yield Batch(records=batch.records, cursor=batch.cursor)


@breaks("clock_that_jumps", subject=JOURNAL)
class AsksByItsOwnClock(JournalProvider):
    """Takes this machine's time for the system's."""

    async def read(self, partition, state):
        if partition.stream == "books":
            yield Batch(records=(BOOK,))
            return
        began = time_here()
        since = state.value["at"] if state else 0
        async for answer in self.pages("/api/changes-by-time", since=since):
            made = [self.record(item, "journal") for item in answer["items"]]
            yield Batch(records=tuple(made), cursor=Cursor({"at": began}))


def time_here():
    """The time as a module of the plugin sees it."""
    return bloop_shelf.journal.time.time()


# -- faults


def quiet(*errors):
    """A provider that takes these errors for the end of a list."""

    class Quiet(CourseProvider):
        async def get(self, path, **params):
            try:
                return await super().get(path, **params)
            except errors:
                return {"items": [], "next": None, "id": "u", "name": "Ada"}

    return Quiet


breaks("unauthorised_midway", "rate_limit_with_retry_after", "rate_limit_without_retry_after")(
    quiet(BloopError)
)
breaks("server_errors", "truncated_bodies", "slow_bodies", "garbled_bodies")(quiet(BloopError))
breaks("rate_limit_without_retry_after")(quiet(RetriableError))
breaks("slow_bodies")(quiet(DeadlineError))
breaks("truncated_bodies", "server_errors")(quiet(UnavailableError))


def says(made, *errors):
    """A provider that turns these errors into another one."""

    class Saying(CourseProvider):
        async def get(self, path, **params):
            try:
                return await super().get(path, **params)
            except errors as err:
                raise made from err

    return Saying


breaks("unauthorised_midway")(says(RuntimeError("401?"), BloopError))
breaks("rate_limit_with_retry_after")(says(RetriableError("later"), RetriableError))
breaks("rate_limit_without_retry_after", "server_errors")(says(FatalError("no"), RetriableError))
breaks("truncated_bodies", "slow_bodies")(says(KeyError("items"), RetriableError))


@breaks("truncated_bodies", "slow_bodies")
class KeepsHalfAFile(CourseProvider):
    async def bytes(self, item):
        try:
            async for chunk in super().bytes(item):
                yield chunk
        except RetriableError:
            return


@breaks("forbidden_record")
class LetsOneRefusalEndTheRun(CourseProvider):
    async def bytes(self, item):
        request = Request(url=f"{self.ctx.config.base_url}/files/{item}", headers=self.headers())
        async for chunk in self.ctx.http.stream(request):
            yield chunk


@breaks("forbidden_record")
class HidesARefusal(CourseProvider):
    async def bytes(self, item):
        try:
            async for chunk in super().bytes(item):
                yield chunk
        except BloopError:
            return


class ForbiddenPeople(FakeShelf):
    async def answer(self, request):
        answer = await super().answer(request)
        if "people" in request.url and self.forbidden:
            return reply({}, status=403)
        return answer

    def forbid(self):
        self.forbidden.add("people")


@breaks("forbidden_record", subject=System(make=ForbiddenPeople, good=GOOD))
class NeedsThePeople(CourseProvider):
    def spec(self):
        spec = super().spec()
        streams = [*spec.streams[:2], dataclasses.replace(spec.streams[2], optional=False)]
        return dataclasses.replace(spec, streams=tuple(streams))


@breaks("garbled_bodies")
class BelievesAnything(CourseProvider):
    """Takes what it cannot read for an empty list."""

    async def get(self, path, **params):
        try:
            return await super().get(path, **params)
        except MalformedRecordError:
            return {"items": [], "next": None, "id": "u", "name": "Ada"}


# -- writes and webhooks


@breaks("undeclared_writes")
class WritesAnything(CourseProvider):
    async def write(self, op, precondition):
        return WriteResult(ref=op.ref, remote_version=None)


@breaks("undeclared_writes")
class WritesByName(CourseProvider):
    async def write(self, op, precondition):
        return await {"page.update": super().write}[op.kind](op, precondition)


@breaks("writes_with_a_precondition")
class OverwritesAnything(CourseProvider):
    async def write(self, op, precondition):
        if op.ref is None:
            return await super().write(op, precondition)
        (record,) = (await self.fetch([op.ref])).records
        return await super().write(op, Precondition(remote_version=record.remote_version))


@breaks("writes_with_a_precondition")
class OnlySaysThatItWrites(CourseProvider):
    async def write(self, op, precondition):
        if op.kind not in self.writes:
            raise UnsupportedError(op.kind)
        return WriteResult(ref=op.ref or Ref(Kind.PAGE, "new"), remote_version="2")


@breaks("writes_with_an_idempotency_key")
class WritesTwice(CourseProvider):
    keys = itertools.count()

    async def write(self, op, precondition):
        other = dataclasses.replace(op, idempotency_key=f"again-{next(self.keys)}")
        return await super().write(other, precondition)


@breaks("webhooks")
class BelievesEveryWebhook(CourseProvider):
    def verify_webhook(self, request):
        return [Hint(ref=None, event_id="1")]


@breaks("webhooks", subject=JOURNAL)
class TakesWebhooksThatItDoesNotDeclare(JournalProvider):
    def verify_webhook(self, request):
        return []


# -- files and folders


@breaks("check_without_a_source", subject=FOLDER)
class SeesNoNeedToLook(FileProvider):
    async def check(self):
        return CheckResult(account="folder")


@breaks("check_without_a_source", subject=FOLDER)
class SaysItsPythonError(FileProvider):
    async def check(self):
        return CheckResult(account=str([*self.ctx.source.iterdir()]))


@breaks("check_without_a_source", subject=FOLDER)
class KnowsNoCure(FileProvider):
    async def check(self):
        raise FatalError("no folder")


@breaks("kill_at_any_step", "kill_after_any_batch", subject=FOLDER)
class CountsAhead(FileProvider):
    """Says that the next file is done as well."""

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            cursor = batch.cursor and Cursor({"after": f"{batch.cursor.value['after']}~c"})
            if cursor and batch.cursor.value["after"] == "b":
                cursor = Cursor({"after": "c"})
            yield Batch(records=batch.records, cursor=cursor)


@breaks("edit_while_reading", "change_between_reads", "clock_that_jumps", subject=FOLDER)
class ReadsEachFileOnce(FileProvider):
    def spec(self):
        (stream,) = super().spec().streams
        return ProviderSpec(streams=(dataclasses.replace(stream, incremental=True),))


@breaks("delete_and_restore", "deletion_while_reading", subject=FOLDER)
class FailsWhereAFileIsGone(FileProvider):
    def record(self, name):
        (self.ctx.source / "c").read_text()
        return super().record(name)


@pytest.mark.parametrize("rule", [rule.name for rule in CONTENT.applying(FOLDER)])
async def test_a_good_provider_of_a_folder_passes(rule, tmp_path):
    await broken(rule, FileProvider, FOLDER, tmp_path)


@pytest.mark.parametrize(
    ("rule", "provider", "subject"),
    BROKEN,
    ids=[f"{rule}-{provider.__name__}" for rule, provider, _ in BROKEN],
)
async def test_a_broken_provider_breaks_the_rule(rule, provider, subject, tmp_path):
    with pytest.raises(ContractError):
        await broken(rule, provider, subject, tmp_path)


def test_every_rule_is_broken_by_some_provider():
    assert CONTENT.rules.keys() == {rule for rule, _, _ in BROKEN}
