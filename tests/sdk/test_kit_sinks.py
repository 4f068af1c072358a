"""The suite for sinks: a good one passes, and for every rule there is a broken one."""

from __future__ import annotations

import asyncio

import pytest

from bloop_sdk import (
    AuthError,
    CheckResult,
    MalformedRecordError,
    UnavailableError,
)
from bloop_sdk.events import cloud_event
from bloop_sdk.testing import ContractError, Stream, plugin_tests
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.sink import SINK, SinkCase
from tests.sdk.shelf.fake_folder import FOLDER

PLUGIN = PluginUnderTest("bloop_shelf")
CURE = "see that it runs"


class Board:
    """A system in memory that takes events."""

    is_away = False
    latest = None

    def __init__(self, folder):
        self.settings = FOLDER.settings_at(folder)
        self.posted = []
        Board.latest = self

    async def taken(self, count):
        if len({one["id"] for one in self.posted}) < count:
            raise TimeoutError
        return self.posted

    def stop(self):
        self.is_away = True

    def start(self):
        self.is_away = False

    def refused(self):
        return {"refused": True}

    def close(self):
        pass


class Sink:
    """As it should be."""

    def __init__(self, ctx):
        self.board = Board.latest

    async def check(self):
        if self.board.is_away:
            raise UnavailableError("the board is away", cure=CURE)
        if self.bad:
            raise AuthError("nobody by that name", cure="correct it")
        return CheckResult(account="me", site="board")

    bad = False

    async def publish(self, events):
        for event in events:
            if self.board.is_away:
                raise UnavailableError("the board is away", cure=CURE)
            if event.payload.get("refused"):
                raise MalformedRecordError("too long", ref=f"event:{event.id}")
            await asyncio.sleep(0)
            self.board.posted.append(cloud_event(event))

    async def close(self):
        pass


def broken(rule):
    def add(sink):
        BROKEN.append((rule, sink))
        return sink

    return add


BROKEN = []


@broken("check")
class Nowhere(Sink):
    async def check(self):
        return CheckResult(account="me", site="")


@broken("check_with_bad_credentials")
class LetsIn(Sink):
    pass


@broken("check_while_away")
class SaysYes(Sink):
    async def check(self):
        return CheckResult(account="me", site="board")


@broken("events_in_order")
class Shuffles(Sink):
    async def publish(self, events):
        await super().publish(list(reversed(events)))


@broken("events_in_order")
class Abridges(Sink):
    async def publish(self, events):
        for event in events:
            self.board.posted.append({**cloud_event(event), "data": {}})


@broken("events_in_order")
class Loses(Sink):
    async def publish(self, events):
        await super().publish(events[1:])


@broken("a_batch_that_comes_again")
class NewNames(Sink):
    def __init__(self, ctx):
        super().__init__(ctx)
        self.lives = len(self.board.posted)

    async def publish(self, events):
        for event in events:
            envelope = cloud_event(event)
            self.board.posted.append({**envelope, "id": f"{envelope['id']}+{self.lives}"})


@broken("an_outage")
class Blames(Sink):
    async def publish(self, events):
        if self.board.is_away:
            raise MalformedRecordError("it does not go", ref=f"event:{events[0].id}")
        await super().publish(events)


@broken("an_outage")
class Buffers(Sink):
    async def publish(self, events):
        if not self.board.is_away:
            await super().publish(events)


@broken("an_outage")
class GivesUp(Sink):
    gone = False

    async def publish(self, events):
        self.gone = self.gone or self.board.is_away
        if self.gone:
            raise UnavailableError("away for ever", cure=CURE)
        await super().publish(events)


@broken("an_event_that_cannot_be_taken")
class TakesAll(Sink):
    async def publish(self, events):
        self.board.posted += [cloud_event(event) for event in events]


@broken("an_event_that_cannot_be_taken")
class NamesAnother(Sink):
    async def publish(self, events):
        for event in events:
            if event.payload.get("refused"):
                raise MalformedRecordError("too long", ref="event:other")
        await super().publish(events)


@broken("an_event_that_cannot_be_taken")
class Overtakes(Sink):
    async def publish(self, events):
        good = [event for event in events if not event.payload.get("refused")]
        await super().publish(good)
        for event in events:
            if event not in good:
                raise MalformedRecordError("too long", ref=f"event:{event.id}")


@broken("a_publish_that_is_cut_off")
class GoesOnBehind(Sink):
    def __init__(self, ctx):
        super().__init__(ctx)
        self.left = []

    async def publish(self, events):
        # What was begun is sent after what comes later.
        behind, self.left = self.left, list(events[:1])
        self.board.posted += [cloud_event(event) for event in events[1:]]
        await asyncio.sleep(0)
        self.board.posted += [cloud_event(event) for event in behind + self.left]
        self.left = []


@broken("closing")
class ClosesOnce(Sink):
    closed = False

    async def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class Distrusts(Sink):
    bad = True


async def check(rule, sink, folder, **more):
    case = SinkCase(PLUGIN, "sink", Stream(make=Board, **more), folder)
    case.make = sink
    await SINK.rules[rule].check(case)


@pytest.mark.parametrize("rule", SINK.rules)
async def test_a_good_sink_passes(rule, tmp_path):
    sink = Distrusts if rule == "check_with_bad_credentials" else Sink
    await check(rule, sink, tmp_path, bad={})


@pytest.mark.parametrize(
    ("rule", "sink"), BROKEN, ids=[f"{rule}-{sink.__name__}" for rule, sink in BROKEN]
)
async def test_a_broken_sink_breaks_the_rule(rule, sink, tmp_path):
    with pytest.raises(ContractError):
        await check(rule, sink, tmp_path, bad={})


def test_every_rule_is_broken_by_some_sink():
    assert SINK.rules.keys() == {rule for rule, _ in BROKEN}


def test_what_a_stream_lacks_has_to_be_explained():
    assert Stream(make=Board).offers == {"stop", "start", "refused"}
    with pytest.raises(TypeError, match="provides"):
        plugin_tests("bloop_shelf", sink=Stream(make=Board))
