"""Search: the index that answers an institution, and the feeding of plugins' indexes."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.content.search import index as own_index
from bloop.content.search import rebuild
from bloop.content.search.documents import ANALYSER, documents_of
from bloop.content.search.queries import EVENT_PLACE, MISSED, PLACES
from bloop.content.search.service import Asked, find
from bloop.content.search.topics import BEGUN, DONE, FOLLOWED
from bloop.events.handlers import Consumer
from bloop.events.queries import CONSUMER
from bloop.jobs.context import RunningJob
from bloop.kernel.registry import ProviderHandle
from bloop.store.database import in_unit
from bloop.store.ids import new_id
from bloop.store.models import EVERY_INSTITUTION
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call, CheckResult
from bloop_sdk.events import Event
from bloop_sdk.providers.search import Changes, Document, Hit, SearchProvider, SearchQuery

if TYPE_CHECKING:
    from bloop.hub import Hub

SEARCH_SECONDS = 5.0
"""A plugin that takes longer for an answer is left: the index in the database gives one."""
INDEX_SECONDS = 15.0
DOCUMENTS_AT_ONCE = 1000
"""So many documents a plugin is handed for one commit."""
MOST_BEHIND = 1000
KNOWN_SECONDS = 3.0
"""How long it is known whether an index is whole."""

log = get_logger("bloop.search")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a plugin's index keeps with each commit: ``place`` is how far it has read the log.

    ``begun`` is the rebuild that it has taken since its beginning; ``whole`` says that one has
    come to its end, and that nothing was missed since.
    """

    place: int = 0
    begun: str | None = None
    whole: bool = False
    analyser: int = ANALYSER

    @classmethod
    def read(cls, text: str | None) -> Mark | None:
        """From what an index gave; None where that is nothing, or of another analyser."""
        if text is None:
            return None
        try:
            found = cls(**orjson.loads(text))
        except (TypeError, ValueError):
            return None
        return found if found.analyser == ANALYSER else None

    def __str__(self) -> str:
        return orjson.dumps(asdict(self)).decode()


class PluginIndex:
    """A plugin's index in this process, each call guarded by the kernel."""

    def __init__(self, hub: Hub, handle: ProviderHandle, provider: SearchProvider) -> None:
        self.handle = handle
        self.consumer = f"{handle.plugin_id}:search.{place_of(hub.config.value.hub.data_dir)}"
        self._calls = hub.kernel.calls
        self._provider = provider

    async def mark(self, institution: str) -> Mark | None:
        """How far it has come with an institution."""
        work = self._provider.mark(institution)
        found = await self._calls.call(self.handle, "mark", work, timeout=SEARCH_SECONDS)
        return Mark.read(found)

    async def index(self, changes: Changes) -> None:
        """Have it take changes."""
        work = self._provider.index(changes)
        await self._calls.call(self.handle, "index", work, timeout=INDEX_SECONDS)

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """The best hits."""
        work = self._provider.search(query)
        return await self._calls.call(self.handle, "search", work, timeout=SEARCH_SECONDS)

    async def close(self) -> None:
        """Have it let go."""
        await self._provider.close()


class Searching:
    """What a process has for search."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._open: dict[str, tuple[Any, PluginIndex]] = {}
        self._known: dict[tuple[str, str], tuple[float, bool]] = {}

    async def find(self, call: Call, asked: Asked, *, drafts: bool) -> dict[str, Any]:
        """A page of what somebody may find: :func:`bloop.content.search.service.find`."""
        index = await self.index_for(call)
        return await find(self._hub.database, call, asked, drafts=drafts, index=index)

    async def index_for(self, call: Call) -> PluginIndex | None:
        """The first plugin's index that is whole for the call's institution; None without one."""
        handles = self._hub.kernel.providers("search")
        if not handles:
            return None
        choices = await self._hub.choices.choices(call)
        for handle in handles:
            choice = choices.get(handle.plugin_id)
            if choice is not None and not choice.enabled:
                continue
            try:
                index = await self.open(handle)
                if await self.is_whole(call, index):
                    return index
            except BloopError as err:
                log.warning("an index can't be used", plugin=handle.plugin_id, error=err)
        return None

    async def open(self, handle: ProviderHandle) -> PluginIndex:
        """A plugin's index in this process."""
        context = self._hub.kernel.context(handle.plugin_id)
        known = self._open.get(handle.plugin_id)
        if known is None or known[0] is not context:
            provider = await asyncio.to_thread(handle.create, context)
            known = self._open[handle.plugin_id] = context, PluginIndex(self._hub, handle, provider)
        return known[1]

    async def is_whole(self, call: Call, index: PluginIndex) -> bool:
        """Whether an index holds all that its consumer has passed; has it made anew if not."""
        key, now = (index.handle.plugin_id, call.institution), time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known[0] < KNOWN_SECONDS:
            return known[1]
        whole = await self._is_whole(call, index)
        self._known[key] = now, whole
        if not whole and not await self._has_more(call, index):
            await self.ask_for_rebuild(call.institution)
        return whole

    async def _has_more(self, call: Call, index: PluginIndex) -> bool:
        """Whether something is still to come to an index: perhaps what makes it whole."""
        position = await self.position(index.consumer)
        return position is None or await self.missed(call, position, 2**62)

    async def _is_whole(self, call: Call, index: PluginIndex) -> bool:
        # The mark comes later than the position, and so can't be behind it by what comes in now.
        position = await self.position(index.consumer)
        mark = await index.mark(call.institution)
        if mark is None or not mark.whole or position is None:
            return False
        return not await self.missed(call, mark.place, position)

    async def missed(self, call: Call, after: int, upto: int) -> bool:
        """Whether an index that stands ``after`` has to read something up to another place."""
        span = {"after": after, "upto": upto, "limit": 1}
        return bool(upto > after and await self._hub.database.read(MISSED, call, **span))

    async def position(self, consumer: str) -> int | None:
        """How far a consumer has come."""
        everybody = system_call(EVERY_INSTITUTION)
        row = await self._hub.database.read_one(CONSUMER, everybody, name=consumer, number=0)
        return None if row is None else int(row[0])

    async def ask_for_rebuild(self, institution: str) -> str:
        """Have an institution's indexes made anew, unless that is asked for; the job's id."""
        database = self._hub.database
        return await database.run(
            in_unit, database, system_call(institution), rebuild.ask_for_rebuild
        )

    async def standing(self, call: Call) -> list[dict[str, Any]]:
        """Each index that an institution has here: its name, its state, and how far it is behind.

        ``behind`` counts events that it has not taken, up to a thousand; None where nobody knows.
        """
        due = await rebuild.is_due(self._hub.database, call)
        state = "rebuild" if due else "whole"
        lines = [await self._line(call, own_index.OWNER, "database", state)]
        for handle in self._hub.kernel.providers("search"):
            index = await self.open(handle)
            state = "whole" if await self._is_whole(call, index) else "rebuild"
            lines.append(await self._line(call, index.consumer, handle.plugin_id, state))
        return lines

    async def _line(self, call: Call, consumer: str, name: str, state: str) -> dict[str, Any]:
        position, behind = await self.position(consumer), None
        if position is not None:
            span = {"after": position, "upto": 2**62, "limit": MOST_BEHIND}
            behind = len(await self._hub.database.read(MISSED, call, **span))
        return {"index": name, "state": state, "behind": behind}

    async def begin(self) -> None:
        """Have those indexes made anew that are not whole, or hold words of another version."""
        database = self._hub.database
        for institution, *_ in await database.read(INSTITUTIONS, system_call(EVERY_INSTITUTION)):
            call = system_call(institution)
            if await rebuild.is_due(database, call):
                await self.ask_for_rebuild(institution)
            await self.index_for(call)

    def consumers(self) -> Iterator[Consumer]:
        """Who keeps the indexes: the database's own, and one for each plugin's."""
        yield own_index.consumer(self._hub.blobs)
        kernel = self._hub.kernel
        place = place_of(self._hub.config.value.hub.data_dir)
        for handle in kernel.providers("search"):
            yield Consumer(
                name=f"{handle.plugin_id}:search.{place}",
                plugin_id=handle.plugin_id,
                topics=FOLLOWED,
                target=partial(Feed, self, self._hub, handle),
                version=kernel.context(handle.plugin_id),
                trusted=True,
            )

    def forget(self, handle: ProviderHandle, index: PluginIndex) -> None:
        """An index has been closed."""
        known = self._open.get(handle.plugin_id)
        if known is not None and known[1] is index:
            del self._open[handle.plugin_id]


async def run_rebuild_job(hub: Hub, running: RunningJob, _payload: Any) -> dict[str, int]:
    """Handle a job of the kind :data:`bloop.content.search.rebuild.REBUILD_JOB`."""
    own = system_call(running.call.institution, running.call.trace)
    everybody = system_call(EVERY_INSTITUTION)
    return await rebuild.rebuild(hub.database, own, everybody, running.job, running.progress)


class Feed:
    """Hands changed content to a plugin's index: a :class:`bloop_sdk` sink of the hub's own."""

    def __init__(self, searching: Searching, hub: Hub, handle: ProviderHandle) -> None:
        self._searching = searching
        self._hub = hub
        self._handle = handle

    async def check(self) -> CheckResult:
        """The index is the plugin's own."""
        return CheckResult(account=self._handle.plugin_id)

    async def publish(self, events: Sequence[Event]) -> None:
        """Returns when the index holds what these events say; those that it has it skips."""
        index = await self._searching.open(self._handle)
        for institution in dict.fromkeys(event.institution for event in events):
            own = [event for event in events if event.institution == institution]
            await self._publish(index, system_call(institution), own)

    async def close(self) -> None:
        """Close the index."""
        index = await self._searching.open(self._handle)
        self._searching.forget(self._handle, index)
        await index.close()

    async def _publish(self, index: PluginIndex, call: Call, events: Sequence[Event]) -> None:
        database = self._hub.database
        first, last = [await self._place(call, event) for event in (events[0], events[-1])]
        rows = await database.read(PLACES, call, first=first, last=last)
        places = dict[str, int](rows)
        mark = await index.mark(call.institution) or Mark()
        if not mark.place or await self._searching.missed(call, mark.place, first - 1):
            mark = replace(mark, whole=False, begun=None)
        left = [event for event in events if places[event.id] > mark.place]
        while left:
            changes, mark, taken = await asyncio.to_thread(self._changes, call, left, mark, places)
            await index.index(changes)
            left = left[taken:]

    async def _place(self, call: Call, event: Event) -> int:
        row = await self._hub.database.read_one(EVENT_PLACE, call, id=event.id)
        assert row is not None, "an event stays in the log until it has been taken"
        return int(row[0])

    def _changes(
        self, call: Call, events: Sequence[Event], mark: Mark, places: dict[str, int]
    ) -> tuple[Changes, Mark, int]:
        """What the first of the events change, the mark after them, and how many they are."""
        reset, taken, ids = False, 0, dict[str, None]()
        with self._hub.database.reading(call) as unit:
            for event in events:
                if taken and len(ids) >= DOCUMENTS_AT_ONCE:
                    break
                taken += 1
                mark = replace(mark, place=places[event.id])
                if event.topic == BEGUN:
                    reset = reset or not mark.whole
                    mark = replace(mark, begun=str(event.payload["rebuild"]))
                elif event.topic == DONE:
                    mark = replace(mark, whole=mark.whole or mark.begun == event.payload["rebuild"])
                else:
                    ids |= dict.fromkeys(own_index.ids_of(unit, event))
            found = documents_of(unit, ids)
        changes = Changes(
            institution=call.institution,
            documents=[_document(one) for one in found.values()],
            removed=[id_ for id_ in ids if id_ not in found],
            mark=str(mark),
            reset=reset,
        )
        return changes, mark, taken


def _document(row: dict[str, Any]) -> Document:
    return Document(
        id=row["id"],
        kind=row["kind"],
        container=row["container_id"],
        title=row["title"],
        text=row["text"],
        language=row["language"],
        published=row["published"],
    )


def place_of(data_dir: Path) -> str:
    """A name of the folder in which plugins keep their indexes: each has consumers of its own."""
    path = data_dir / "search_place"
    if not path.is_file():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{new_id()}")
        draft.write_text(new_id().replace("-", "")[-12:])
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
