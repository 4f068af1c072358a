"""Broken where a read is killed, or the system changes while it is read."""

import dataclasses

import bloop_shelf.journal
from bloop_shelf.courses import CourseProvider
from bloop_shelf.files import FileProvider
from bloop_shelf.journal import BOOK, JournalProvider

from bloop_sdk import (
    Batch,
    CheckResult,
    Cursor,
    FatalError,
    Kind,
    Part,
    ProviderSpec,
    Ref,
)
from tests.sdk.shelf.broken import JOURNAL, breaks
from tests.sdk.shelf.fake_folder import FOLDER


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


@breaks("change_between_reads", "addition_between_reads", "delete_and_restore")
class SameWhateverChanges(CourseProvider):
    """Takes a course for the same that it was, as its digest leaves out what is in it."""

    async def content(self, course, state):
        part = Part(key="all", digest=course)
        if self.known.get(part.key) == part.digest:
            yield Batch(part=part, same=True)
            return
        made = [batch async for batch in super().content(course, None)]
        yield Batch(records=tuple(one for batch in made for one in batch.records), part=part)

    async def read(self, partition, state):
        self.known = partition.known
        async for batch in super().read(partition, state):
            yield batch


@breaks("second_read")
class SameThatNobodyKnows(SameWhateverChanges):
    """Says that of a part that the hub has never seen."""

    async def content(self, course, state):
        yield Batch(part=Part(key="all", digest=course), same=True)
