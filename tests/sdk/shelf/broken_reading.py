"""Broken at checking, reading and fetching."""

import itertools

from bloop_shelf.courses import CourseProvider

from bloop_sdk import (
    Batch,
    BloopError,
    CheckResult,
    Container,
    Kind,
    Node,
    ProviderSpec,
    Ref,
    Stream,
)
from tests.sdk.shelf.broken import breaks


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
