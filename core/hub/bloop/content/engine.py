"""The write half of syncing: what a provider yields becomes rows, batch by batch.

    report = await run_read(database, blobs, provider, call, connection=id)

A batch's rows, its cursor, its events and the run's counts are committed together, with those of
the batches that came while the last ones were written: whoever kills the hub at any instant and
runs again gets the database that an undisturbed run would have left.
A record whose raw form is unchanged writes nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from itertools import groupby
from time import monotonic
from typing import Any, Concatenate, ParamSpec, TypeVar

from bloop.content import runs, sweep
from bloop.content.ahead import gathered
from bloop.content.ends import fatal, state_after
from bloop.content.files import fetch_bytes
from bloop.content.incoming import (
    Work,
    fill,
    fill_html,
    hashed,
    html_of,
    look_up,
    new_items,
)
from bloop.content.options import Meter, Progress, RunOptions
from bloop.content.parts import KnownParts, Met, Parts, parts_of, still_known, version_of
from bloop.content.plan import Plan
from bloop.content.positions import Position, Positions, positions_of, save_positions
from bloop.content.reading import read_on
from bloop.content.refresh import refresh
from bloop.content.runs import Counted, Run, RunReport
from bloop.content.sanitising import WORTH
from bloop.content.steps import (
    Cleaning,
    End,
    Step,
    cleaned,
    cleaned_elsewhere,
    containers_of,
    joined,
    reached,
    records_of,
    tells_places,
    together,
)
from bloop.content.writing import Target, once_more, write
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.errors import StoreError
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop.telemetry.logs import get_logger
from bloop_sdk import (
    Batch,
    BloopError,
    Call,
    Cursor,
    Partition,
    PermissionMissingError,
    Ref,
    SkippableError,
    Skipped,
    Stream,
    UnsupportedError,
)
from bloop_sdk.providers.content import ContentProvider

P = ParamSpec("P")
T = TypeVar("T")

log = get_logger("bloop.content")

RECORDS_AT_ONCE = 2000
"""So many records that are read already wait for a commit at most, and go into one together."""

MOST_ITEMS = 10_000
"""Whose ids are known without a look while their places are written."""

MOST_GAPS = 100
"""Of a run that are told of."""


async def run_read(
    database: Database,
    blobs: Blobs,
    provider: ContentProvider,
    call: Call,
    *,
    connection: str,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    meter: Meter | None = None,
) -> RunReport:
    """Read a connection to its end, from where its last unfinished run stopped.

    Raises what the provider raised, after the run and the connection have been told of it; what
    is none of :mod:`bloop_sdk.errors` comes as :class:`FatalError`.
    """
    reader = Reader(database, blobs, provider, call, options or RunOptions(), progress, meter)
    return await reader.run(connection)


class Reader:
    """One attempt at a run."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        provider: ContentProvider,
        call: Call,
        options: RunOptions,
        progress: Progress | None,
        meter: Meter | None,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._provider = provider
        self._call = call
        self._options = options
        self._progress = progress
        self._meter = meter
        self._began = monotonic()
        self._requests = 0
        self._parts = Parts(version_of(options.version))
        self._items: dict[Ref, str] = {}
        self._run: Run
        self._positions: Positions = {}
        self._reached: dict[tuple[str, str], Position] = {}

    async def run(self, connection: str) -> RunReport:
        """Read, sweep, finish."""
        await self._do(self._begin, connection)
        try:
            streams = self._options.chosen(self._provider.spec().streams)
            await self._read(streams)
            await self._fetch_again()
            await self._sweep(streams)
            self._run.count(requests=self._new_requests())
            return await self._do(self._finish)
        except runs.OvertakenError:
            raise
        except Exception as err:
            error = err if isinstance(err, BloopError) else fatal(err)
            await self._tell_failure(error)
            if error is err:
                raise
            raise error from err

    def _begin(self, unit: UnitOfWork, connection: str) -> None:
        options = self._options
        self._run = runs.start_run(
            unit, connection, source=options.source, into_id=options.into, full=options.full
        )
        self._positions = positions_of(unit, self._run)
        self._reached = dict(self._positions)  # And so on, with each commit.

    def _finish(self, unit: UnitOfWork) -> RunReport:
        runs.finish_run(unit, self._run, self._seconds())
        return runs.report_of(unit, self._run.id)

    async def _tell_failure(self, error: BloopError) -> None:
        """Write down why the run ended; where nothing can be written, it is taken up as it is."""
        self._run.count(requests=self._new_requests())
        try:
            await self._do(runs.fail_run, self._run, self._seconds(), error, state_after(error))
        except StoreError as err:
            log.warning("why a run failed could not be kept", run=self._run.id, error=err)

    async def _do(
        self,
        command: Callable[Concatenate[UnitOfWork, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """A command in a transaction of its own, in a writer's thread."""

        def inside() -> T:
            with self._database.unit(self._call) as unit:
                return command(unit, *args, **kwargs)

        return await self._database.run(inside)

    async def _see(
        self,
        query: Callable[Concatenate[UnitOfWork, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """What a query finds in what is committed; no writer waits for it."""

        def inside() -> T:
            with self._database.reading(self._call) as unit:
                return query(unit, *args, **kwargs)

        return await asyncio.to_thread(inside)

    @property
    def _is_first(self) -> bool:
        """Whether nothing of the connection was read before."""
        return self._run.generation == self._run.epoch == 1

    def _seconds(self) -> float:
        return monotonic() - self._began

    # -- reading

    async def _read(self, streams: Sequence[Stream]) -> None:
        """Commit what is read, in its order; the next is read while something is written."""
        plan = Plan(streams, self._options, self._positions)
        knowing = asyncio.create_task(self._known_parts(plan))
        try:
            steps = self._steps(plan, knowing)
            async with aclosing(gathered(steps, records_of, RECORDS_AT_ONCE, together)) as groups:
                async for group in groups:
                    await self._take(group)
        finally:
            await end_tasks([knowing])
            Plan([], self._options, {}).tell(self._provider, [])

    async def _known_parts(self, plan: Plan) -> KnownParts:
        told: Sequence[Any] = ()
        if not self._options.full and not self._is_first:
            told = await self._see(parts_of, self._run.connection_id, self._parts.version)
        for part in told:
            plan.met.setdefault((part.stream, part.partition), {})[part.key] = part.digest
        # Most containers are still there: what is in them is asked for beside their list.
        likely = self._options.containers or {part.partition for part in told}
        plan.tell(self._provider, plan.chosen(sorted(likely)))
        return await self._see(still_known, self._run.connection_id, told) if told else {}

    async def _steps(
        self, plan: Plan, knowing: asyncio.Task[KnownParts]
    ) -> AsyncGenerator[Step, None]:
        """All that there is to read, one partition after another."""
        places: list[str] | None = None
        listed: set[str] = set()
        for stream in plan.streams:
            if stream.partitioned:
                self._parts.know(await knowing)
            if stream.partitioned and places is None:
                # Which there are shows once the containers are kept; most are those that came.
                if likely := plan.chosen(sorted(listed)):
                    plan.tell(self._provider, likely, plan.left([stream], likely), stream)
                yield (kept := Step(stream, kept=asyncio.Event()))
                assert kept.kept is not None
                await kept.kept.wait()
                found = await self._see(sweep.partitions_of, self._run, plan.streams)
                places = plan.chosen(place.remote_id for place in found)
            left = list(plan.left([stream], places or []))
            for number, one in enumerate(left):
                if places is not None:
                    plan.tell(self._provider, places, left[number:], stream)
                async with aclosing(self._allowed(*one)) as steps:
                    async for step in steps:
                        if tells_places(step.batch):
                            places = None
                            listed |= containers_of(step.batch)
                        yield step

    async def _allowed(
        self, stream: Stream, place: str, cursor: Cursor | None
    ) -> AsyncGenerator[Step, None]:
        """A partition, as far as the source gives it; what is refused is a gap if it may be."""
        try:
            async with aclosing(self._partition(stream, place, cursor)) as steps:
                async for step in steps:
                    yield step
        except (PermissionMissingError, UnsupportedError) as err:
            # What one course refuses, another may give: roles differ by course.
            if not stream.optional:
                raise
            gap = f"{stream.name}: {err.message}"
            if gap not in self._run.gaps and len(self._run.gaps) < MOST_GAPS:
                self._run.gaps.append(gap)

    async def _partition(
        self, stream: Stream, place: str, cursor: Cursor | None
    ) -> AsyncGenerator[Step, None]:
        """Read to the end; a record that the provider stumbles over is left out if it can go on."""
        known = self._parts.known(stream, place)
        partition, whole = Partition(stream.name, place or None, known), True
        while True:
            tried = cursor
            try:
                async with aclosing(read_on(self._provider, partition, cursor)) as batches:
                    async for batch in batches:
                        yield Step(stream, place, batch, cleaning=self._cleaning(batch))
                        cursor = batch.cursor or cursor
                break
            except SkippableError as err:
                ref = err.ref or f"{stream.name}:{place or '*'}"
                skipped = Skipped(ref=ref, reason=str(err), code=err.code)
                yield Step(stream, place, Batch(skipped=(skipped,)))
                if cursor == tried:
                    whole = False
                    break
        # Also where nothing came: what was reached before stays.
        yield Step(stream, place, Batch(cursor=cursor), End(whole))

    def _cleaning(self, batch: Batch) -> Cleaning | None:
        """Have HTML cleaned while more is read, where all that comes is new."""
        sanitiser = self._options.sanitiser
        if sanitiser is None or self._run.generation > 1:
            return None
        of = [record for record in batch.records if html_of(record)]
        texts = [*map(html_of, of)]
        return Cleaning(of, sanitiser.begin(texts)) if sum(map(len, texts)) >= WORTH else None

    async def _take(self, steps: Sequence[Step]) -> None:
        """What is committed together: what needs no transaction first, then all of it in one."""
        stream, place, batch = steps[-1].stream, steps[-1].place, joined(steps)
        if steps[-1].kept is None:
            await once_more(partial(self._keep, steps, batch))
            if self._progress is not None and (batch.records or batch.skipped or batch.deleted):
                done = batch.done if batch.done is not None else self._run.counts["seen"]
                self._progress(done, batch.total, f"{stream.name} {place}".strip())
        else:
            steps[-1].kept.set()

    async def _keep(self, steps: Sequence[Step], batch: Batch) -> None:
        work = await self._prepared(steps, batch)
        counted = Counted(self._run)
        try:
            met, after = await self._do(self._commit, steps, work)
        except BaseException:
            counted.restore()
            raise
        self._parts.keep(met)
        self._reached |= after
        if len(self._items) > MOST_ITEMS:
            self._items.clear()
        self._items |= new_items(work)

    async def _prepared(self, steps: Sequence[Step], batch: Batch) -> Work:
        if not batch.records:
            return hashed(batch)
        work = await self._see(self._compared, batch)
        if work.incoming:
            await fetch_bytes(self._blobs, work, self._options.file_limit)
            elsewhere = cleaned_elsewhere(steps)
            await fill(work, elsewhere)
            await fill_html(work, await cleaned(steps), elsewhere)
        return work

    def _compared(self, unit: UnitOfWork, batch: Batch) -> Work:
        work = hashed(batch, self._options.left_out)
        if work.incoming:
            look_up(unit, self._run.connection_id, work)
        return work

    # -- writing

    def _commit(self, unit: UnitOfWork, steps: Sequence[Step], work: Work) -> tuple[Met, Positions]:
        run, after = self._run, dict[tuple[str, str], Position]()
        told = work.incoming, work.batch.deleted
        if newer := {ref for ref in self._fence(unit) if any(ref in some for some in told)}:
            work.leave_out(newer)
            work.left_out |= newer
        target = Target(run.connection_id, run.id, run.into_id, self._items)
        written = write(unit, target, work)
        met = self._parts.meet(unit, run, steps, work)
        for stream, some in groupby(steps, lambda step: step.stream.name):
            after |= save_positions(unit, run, stream, reached(list(some)), self._reached)
        run.count(**written.counts, requests=self._new_requests())
        run.count(seen=met.unchanged, unchanged=met.unchanged)
        run.count_kinds(Counter(one.counted_as for one in work.incoming.values()) + met.counted)
        runs.beat(unit, run, self._seconds())
        return met, after

    def _fence(self, unit: UnitOfWork) -> frozenset[Ref]:
        """Refuse to write where a newer attempt does, before anything else is locked.

        Gives what came another way since the run began: what was read of it may be older.
        """
        return runs.beat(unit, self._run, self._seconds())

    def _new_requests(self) -> int:
        if self._meter is None:
            return 0
        before, self._requests = self._requests, self._meter.requests
        return self._requests - before

    async def _fetch_again(self) -> None:
        """What came another way meanwhile was left out, and may have changed over there since."""
        if refs := await self._see(runs.fetched_of, self._run):
            connection = self._run.connection_id
            await refresh(self._database, self._blobs, self._provider, self._call, connection, refs)

    # -- sweeping

    async def _sweep(self, streams: Sequence[Stream]) -> None:
        if self._is_first:
            return  # Whatever is here, this very attempt has met it.
        brake = not self._options.confirm_deletes
        scopes = await self._see(sweep.scopes_with_gone, self._run, streams, brake=brake)
        while scopes:
            scopes = await self._do(self._sweep_some, scopes)

    def _sweep_some(self, unit: UnitOfWork, scopes: Sequence[sweep.Scope]) -> list[sweep.Scope]:
        """Sweep one scope after another until something is gone; gives what is left to sweep."""
        self._fence(unit)
        for done, scope in enumerate(scopes):
            if gone := sweep.sweep_page(unit, self._run, scope):
                self._run.count(deleted=gone)
                runs.beat(unit, self._run, self._seconds())
                return list(scopes[done:])
        return []
