"""Notes: a read asks what has changed since the last one, and is told what is gone."""

import time  # noqa: F401 - a broken provider of the tests asks it

from bloop_sdk import Batch, Container, Cursor, Deletes, Kind, ProviderSpec, Ref, Skipped, Stream
from bloop_shelf.api import Shelf

BOOK = Container(remote_id="journal", kind=Kind.NOTEBOOK, title="Journal", raw={"id": "journal"})


class JournalProvider(Shelf):
    """Reads one notebook by its log of changes."""

    def spec(self):
        return ProviderSpec(
            streams=(
                Stream(name="books", kinds=frozenset({Kind.NOTEBOOK})),
                Stream(
                    name="notes",
                    kinds=frozenset({Kind.NOTE, Kind.PAGE, Kind.FILE, Kind.OPAQUE}),
                    deletes=Deletes.TOMBSTONE,
                    incremental=True,
                    partitioned=True,
                ),
            )
        )

    async def discover(self):
        await self.get("/api/me")
        return [BOOK]

    async def read(self, partition, state):
        if partition.stream == "books":
            yield Batch(records=(BOOK,))
            return
        since = state.value["seq"] if state else 0
        async for answer in self.pages("/api/changes", since=since):
            made = [self.record(item, "journal") for item in answer["items"]]
            yield Batch(
                records=tuple(one for one in made if not isinstance(one, Skipped)),
                skipped=tuple(one for one in made if isinstance(one, Skipped)),
                deleted=tuple(Ref(Kind(one["type"]), one["id"]) for one in answer["gone"]),
                cursor=Cursor({"seq": answer["seq"]}),
            )
