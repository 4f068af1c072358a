"""What holds for every ``sink`` provider: checking, order, repetition, outages, refusals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from bloop_sdk.errors import BloopError, SkippableError
from bloop_sdk.events import Event, cloud_event
from bloop_sdk.providers.services import SinkProvider
from bloop_sdk.records import JSONObject
from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.streams import Stream, event, events
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase

PUBLISH_SECONDS = 60.0
"""A sink that has not given up by then hangs; the hub waits for half of it."""
CLOSE_SECONDS = 10.0


class SinkCase(ProviderCase[Stream, SinkProvider]):
    """A sink's class and the system that takes its events."""

    @contextlib.asynccontextmanager
    async def rig(self) -> AsyncIterator[Rig]:
        """A fresh system, which ends with the rule."""
        stream: Any = self.subject.make(self.folder)
        rig = Rig(self, stream)
        try:
            yield rig
        finally:
            with contextlib.suppress(Exception):
                await rig.close()
            stream.close()


class Rig:
    """A system and the sinks that were made for it."""

    def __init__(self, case: SinkCase, stream: Any) -> None:
        self.stream = stream
        self._case = case
        self._sinks: list[SinkProvider] = []

    def sink(self, **settings: Any) -> SinkProvider:
        """A sink as in a process of its own."""
        plugin = self._case.plugin
        ctx = FakeContext(
            plugin_id=plugin.manifest.id,
            config=plugin.config({**self.stream.settings, **settings}),
            data_dir=self._case.folder,
            package=plugin.package,
        )
        self._sinks.append(self._case.make(ctx))
        return self._sinks[-1]

    async def close(self) -> None:
        """Close every sink."""
        sinks, self._sinks = self._sinks, []
        for sink in sinks:
            async with asyncio.timeout(CLOSE_SECONDS):
                await sink.close()

    async def expect(self, wanted: Sequence[Event], where: str) -> None:
        """Raise ContractError unless it took these events, whole and each aggregate's in order."""
        try:
            taken = await self.stream.taken(len(wanted))
        except TimeoutError as err:
            raise ContractError(f"{where}: not all of {len(wanted)} events arrived") from err
        first = {str(one["id"]): one for one in reversed(taken)}
        for one in wanted:
            hold(one.id in first, f"{where}: event {one.id} did not arrive")
            if (got := first[one.id]) != cloud_event(one):
                raise ContractError(f"{where}: {got} is not cloud_event() of event {one.id}")
        _in_order(taken, where)


def _in_order(taken: Sequence[JSONObject], where: str) -> None:
    """Where events were repeated, each must have come in its order for the first time."""
    newest: dict[tuple[Any, Any], str] = {}
    seen: set[Any] = set()
    for one in taken:
        if one["id"] in seen:
            continue
        seen.add(one["id"])
        subject, number = (one["source"], one["subject"]), str(one["sequence"])
        before = newest.get(subject, "")
        hold(before < number, f"{where}: {one['subject']}: {number} came after {before}")
        newest[subject] = number


SINK = Suite("`sink`", SinkCase)


async def _publish(sink: SinkProvider, batch: Sequence[Event], where: str) -> None:
    try:
        async with asyncio.timeout(PUBLISH_SECONDS):
            await sink.publish(batch)
    except TimeoutError as err:
        raise ContractError(f"{where}: publish() did not end in {PUBLISH_SECONDS:.0f} s") from err
    except Exception as err:
        raise ContractError(f"{where}: publish() raised {type(err).__name__}: {err}") from err


@SINK.rule()
async def check(case: SinkCase) -> None:
    """The check names where the events go."""
    async with case.rig() as rig:
        found = await rig.sink().check()
        hold(found.site, "check() names no site")


@SINK.rule("bad")
async def check_with_bad_credentials(case: SinkCase) -> None:
    """A credential that is refused fails the check with an error that has a cure."""
    async with case.rig() as rig:
        try:
            found = await rig.sink(**dict(case.subject.bad or {})).check()
        except BloopError as err:
            hold(err.cure, f"check() with bad credentials: {err.message!r} has no cure")
            return
        except Exception as err:
            raise ContractError(
                f"check() with bad credentials: {type(err).__name__}: {err}; raise AuthError"
            ) from err
        raise ContractError(f"check() takes bad credentials for {found.account!r}")


@SINK.rule()
async def events_in_order(case: SinkCase) -> None:
    """Events arrive whole, as CloudEvents, those of each aggregate in their order."""
    async with case.rig() as rig:
        sink, all_ = rig.sink(), events(120)
        for start in range(0, len(all_), 40):
            await _publish(sink, all_[start : start + 40], "a batch of 40")
        await rig.expect(all_, "three batches")


@SINK.rule()
async def a_batch_that_comes_again(case: SinkCase) -> None:
    """Events that come again, as after a kill, have the same id and source, and keep the order."""
    async with case.rig() as rig:
        all_ = events(24)
        await _publish(rig.sink(), all_[:18], "a first process")
        # It was killed before it could note that they had gone out.
        await _publish(rig.sink(), all_[6:], "the next process")
        await rig.expect(all_, "a batch that came again")


@SINK.rule("stop", "start")
async def an_outage(case: SinkCase) -> None:
    """While the system is away, `publish` raises what is no event's fault; then it goes on."""
    async with case.rig() as rig:
        sink = rig.sink()
        await _publish(sink, events(6), "before the outage")
        rig.stream.stop()
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await sink.publish(events(12))
        except TimeoutError as err:
            raise ContractError("publish() hangs while the system is away") from err
        except SkippableError as err:
            raise ContractError(
                f"publish() blames an event for an outage: {err.message}; raise UnavailableError"
            ) from err
        except BloopError as err:
            hold(err.cure, f"publish() while the system is away: {err.message!r} has no cure")
        except Exception as err:
            raise ContractError(
                f"publish() while the system is away: {type(err).__name__}: {err}; "
                "raise UnavailableError"
            ) from err
        else:
            raise ContractError("publish() returns although the system is away")
        rig.stream.start()
        # What it took before, it may have lost, as the hub knows by its own position.
        await _publish(sink, events(12), "after the outage")
        await rig.expect(events(12), "after the outage")


@SINK.rule("stop")
async def check_while_away(case: SinkCase) -> None:
    """While the system is away, the check fails with an error that has a cure."""
    async with case.rig() as rig:
        sink = rig.sink()
        rig.stream.stop()
        try:
            await sink.check()
        except BloopError as err:
            hold(err.cure, f"check() while the system is away: {err.message!r} has no cure")
            return
        except Exception as err:
            raise ContractError(
                f"check() while the system is away: {type(err).__name__}: {err}"
            ) from err
        raise ContractError("check() passes although the system is away")


@SINK.rule("refused")
async def an_event_that_cannot_be_taken(case: SinkCase) -> None:
    """An event that can never be taken is named, before a later one of its aggregate goes out."""
    async with case.rig() as rig:
        sink = rig.sink()
        refused = event(1, "item:refused", **rig.stream.refused())
        later, others = event(2, "item:refused"), events(6)
        try:
            await sink.publish([*others[:3], refused, later, *others[3:]])
        except SkippableError as err:
            hold(
                err.ref == f"event:{refused.id}",
                f"publish() names {err.ref!r}; the refused event is event:{refused.id}",
            )
        except Exception as err:
            raise ContractError(
                f"an event that can't be taken: {type(err).__name__}: {err}; "
                "raise SkippableError with its ref"
            ) from err
        else:
            raise ContractError("publish() takes an event that can't be taken")
        # The hub parks it with what is behind it, and comes with the others.
        await _publish(sink, others, "without the refused event")
        taken = await rig.stream.taken(len(others))
        wrong = {one["id"] for one in taken} & {refused.id, later.id}
        hold(not wrong, f"{', '.join(map(str, wrong))} went out")


@SINK.rule()
async def a_publish_that_is_cut_off(case: SinkCase) -> None:
    """After a `publish` that was cancelled, the same events and later ones arrive in order."""
    async with case.rig() as rig:
        sink, all_ = rig.sink(), events(60)
        cut = asyncio.create_task(sink.publish(all_[:30]))
        await asyncio.sleep(0)
        cut.cancel()
        await asyncio.wait({cut}, timeout=PUBLISH_SECONDS)
        await _publish(sink, all_, "after one that was cut off")
        await rig.expect(all_, "after one that was cut off")


@SINK.rule()
async def closing(case: SinkCase) -> None:
    """A sink may be closed unused and twice, and ends at once."""
    async with case.rig() as rig:
        for used in (False, True):
            sink = rig.sink()
            if used:
                await _publish(sink, events(6), "before it is closed")
            for _ in range(2):
                try:
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await sink.close()
                except Exception as err:
                    raise ContractError(f"close(): {type(err).__name__}: {err}") from err
