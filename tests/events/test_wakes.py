"""What one process commits takes effect in another at once: by wakes, else by a poll."""

from datetime import timedelta

import pytest
from sqlalchemy import event as sqlalchemy_event

from bloop.events.consumers import Consumers
from bloop.events.means import Timing
from bloop.store.database import Database
from bloop.store.wakes import Wakes
from tests.events.conftest import consumer, means, say, take, taken, until

NEVER = Timing(poll=3600.0, drain=5.0)
OFTEN = Timing(poll=0.02, drain=5.0)


@pytest.fixture
async def other(database_urls, redis_url):
    """Another process over the same database: what it says reaches consumers by wakes alone."""
    opened = Database(*database_urls, redis_url=redis_url)
    yield opened
    await opened.close()


@pytest.fixture
async def elsewhere(database_urls, redis_url):
    """Runs consumers as a process of their own; gives how often it looked, and stops at the end."""
    made = []

    async def start(timing, *, redis=False):
        database = Database(*database_urls, redis_url=redis_url if redis else None)
        consumers = Consumers(means(database, timing=timing), keep=timedelta(days=7))
        made.append((database, consumers))
        looks = []
        consumers.on_look.append(lambda: looks.append(True))
        await consumers.follow([consumer(take)])
        await consumers.start()
        return database, looks

    yield start
    for database, consumers in made:
        await consumers.stop()
        await database.close()


async def connected(database, looks):
    # It looks at its start, and once more as it begins to hear.
    await until(lambda: len(looks) >= 2 and not database.wakes.fault)


async def test_with_redis_no_poll_is_waited_for(elsewhere, other):
    database, looks = await elsewhere(NEVER, redis=True)
    await connected(database, looks)
    for number in range(1, 4):
        say(other, "a:1")
        await until(lambda: len(taken(other)) == number)  # noqa: B023 - awaited within the turn


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
async def test_with_postgresql_alone_none_is_either(database, elsewhere):
    there, looks = await elsewhere(NEVER)
    await connected(there, looks)
    say(database, "a:1", "b:1")
    await until(lambda: len(taken(database)) == 2)


async def test_without_wakes_the_poll_does_it(database, database_urls, elsewhere):
    database.wakes = Wakes()  # This process tells nobody.
    await elsewhere(OFTEN)
    say(database, "a:1")
    await until(lambda: taken(database) == [("a:1", 1)])


async def test_while_redis_is_away_the_poll_does_it(database_urls, own_redis, other):
    there = Database(*database_urls, redis_url=own_redis.url)
    consumers = Consumers(means(there, timing=OFTEN), keep=timedelta(days=7))
    await consumers.follow([consumer(take)])
    await consumers.start()
    try:
        own_redis.kill()
        await until(lambda: there.wakes.fault)
        say(other, "a:1")
        await until(lambda: taken(other) == [("a:1", 1)])
    finally:
        await consumers.stop()
        await there.close()


@pytest.mark.parametrize("redis", [False, True])
async def test_an_idle_process_asks_the_database_only_as_it_polls(elsewhere, redis):
    database, looks = await elsewhere(OFTEN, redis=redis)
    asked = []
    rows = database._reader.rows

    async def counted(statement, *args):
        asked.append(statement.name)
        return await rows(statement, *args)

    await until(lambda: len(looks) > 5)
    database._reader.rows = counted
    sqlalchemy_event.listen(
        database.engine, "before_cursor_execute", lambda *args: asked.append("command")
    )
    before = len(looks)
    await until(lambda: len(looks) >= before + 20)
    polled = len(looks) - before
    assert asked.count("events.due") <= polled + 1
    if database.dialect == "sqlite":
        assert set(asked) == {"events.due", "events.newest"}
        assert asked.count("events.newest") <= polled + 1
    else:
        # One unit that binds its institution and looks at what is new.
        assert asked.count("command") <= 2 * (polled + 1) + 2
