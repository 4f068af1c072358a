"""Event hooks are fed from the log, whichever way a plugin writes them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

import pytest

from bloop.events.handlers import HandlerError, is_async, matches
from bloop.events.hooks import FEEDS, hook_consumers
from bloop.hub.catalogue import catalogue
from bloop.kernel.breaker import Breakers
from bloop.kernel.dispatch import Dispatcher
from bloop_sdk import Plugin, hookimpl
from bloop_sdk.events import TOPICS_OF_FAMILIES, Event
from bloop_sdk.hooks import HOOK_GROUPS, HookKind, hook_traits

EVENT = Event(
    id="e",
    topic="content.item.updated",
    institution="i",
    aggregate="item:1",
    sequence=1,
    actor="user:u",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    payload={"id": "1", "kind": "page", "container": "c", "change": "updated"},
)


def only_consumer(plugin: type):
    dispatcher = Dispatcher(Breakers())
    made = plugin(None)
    dispatcher.check("p", made)
    (found,) = hook_consumers(dispatcher.compile([("p", made)]), seconds=0.3)
    return found


def test_what_is_promised_is_fed_with_the_arguments_of_its_spec():
    specs = {name: member for group in HOOK_GROUPS.values() for name, member in vars(group).items()}
    for name, traits in hook_traits().items():
        if traits.kind is HookKind.EVENT and not traits.provisional:
            assert name in FEEDS
    for name, feed in FEEDS.items():
        assert hook_traits()[name].kind is HookKind.EVENT
        given = feed.arguments(replace(EVENT, payload=EVENT.payload | {"lesson": "1"}))
        assert set(given) == set(inspect.signature(specs[name]).parameters) - {"self"}


def test_families_say_what_the_hub_has_declared_for_them():
    declared = {topic.name for topic in catalogue()}
    assert {*chain.from_iterable(TOPICS_OF_FAMILIES.values())} <= declared


@pytest.mark.parametrize("takes", [True, False])
async def test_a_hook_gets_what_it_asks_for(takes):
    got = []

    class Asks(Plugin):
        @hookimpl
        async def content_changed(self, event):
            got.append(event.id)

    class AsksNothing(Plugin):
        @hookimpl
        def content_changed(self):
            got.append("1")

    found = only_consumer(Asks if takes else AsksNothing)
    assert found.name == "p:hooks" and found.wants("content.node.created")
    assert not found.wants("content.person.created")
    await found.target()(None, EVENT)
    assert got == ["1"]


async def test_a_hook_hears_who_was_enrolled_in_what():
    got = []

    class Welcomes(Plugin):
        @hookimpl
        async def learner_enrolled(self, learner, container):
            got.append((learner, container))

    found = only_consumer(Welcomes)
    assert found.wants("learning.enrolled") and not found.wants("content.node.created")
    said = replace(EVENT, topic="learning.enrolled", payload={"id": "ada", "container": "c"})
    await found.target()(None, said)
    assert got == [("ada", "c")]


async def test_a_hook_hears_of_a_video_that_is_ready():
    got = []

    class Shows(Plugin):
        @hookimpl
        async def video_ready(self, lesson, video):
            got.append((lesson, video))

    found = only_consumer(Shows)
    assert found.wants("video.ready") and not found.wants("video.failed")
    payload = {"id": "v", "lesson": "i", "seconds": 3.0}
    await found.target()(None, replace(EVENT, topic="video.ready", payload=payload))
    assert got == [("i", "v")]


async def test_a_plain_hook_that_hangs_or_gives_a_coroutine_is_a_failure():
    class Hangs(Plugin):
        @hookimpl
        def content_changed(self, event):
            import threading

            threading.Event().wait(5)

    class Gives(Plugin):
        @hookimpl
        def content_changed(self, event):
            return asyncio.sleep(0)

    with pytest.raises(HandlerError, match=r"longer than 0\.3 s"):
        await only_consumer(Hangs).target()(None, EVENT)
    with pytest.raises(HandlerError, match="write async def"):
        await only_consumer(Gives).target()(None, EVENT)


def test_a_handler_is_known_as_async_behind_what_wraps_it():
    async def handler(ctx, event):
        pass

    @functools.wraps(handler)
    def wrapped(*args):
        return handler(*args)

    class Called:
        async def __call__(self, ctx, event):
            pass

    assert is_async(handler) and is_async(wrapped) and is_async(Called())
    assert not is_async(lambda unit, event: None)


@pytest.mark.parametrize(
    ("topic", "topics", "found"),
    [
        ("a.b", ("a.b",), True),
        ("a.bc", ("a.b",), False),
        ("a.b.c", ("a.*",), True),
        ("b.a", ("a.*", "b.*"), True),
        ("b", ("a.*",), False),
        ("x", ("*",), True),
        ("x", (), False),
    ],
)
def test_topics_match(topic, topics, found):
    assert matches(topic, topics) is found
