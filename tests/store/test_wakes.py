"""Hints reach the other processes, and cost nobody anything where they can't."""

import asyncio
import subprocess
import sys
import threading

import pytest
import redis

from bloop.store.carriers import namespace
from bloop.store.database import Database
from bloop.store.wakes import EVENTS_SAID, JOBS_DUE, MOST_WAITING, Wakes
from bloop.telemetry import logs
from tests.support.database import make_call
from tests.support.redis_protocol import PASSWORD


class Ear:
    """What one listener was told; it may be asked from another thread."""

    def __init__(self, wakes, subject=EVENTS_SAID):
        self.heard = []
        self.threads = set()
        wakes.listen(subject, self)

    def __call__(self, about):
        self.threads.add(threading.current_thread().name)
        self.heard.append(about)


@pytest.fixture
def process():
    """Opens databases, each as another process of a hub would."""
    opened = []

    def start(urls, redis_url=None):
        opened.append(Database(*urls, redis_url=redis_url))
        return opened[-1]

    yield start
    for database in opened:
        database.close_now()


def say(database):
    with database.unit(make_call()) as unit:
        unit.outbox.append("t.happened", "a:1", {})


async def until(condition, seconds=60):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a thread hears it
            await asyncio.sleep(0.005)


def test_without_others_it_wakes_who_listens_here_in_the_same_thread():
    wakes = Wakes()
    ear, other = Ear(wakes), Ear(wakes, JOBS_DUE)
    wakes.tell(EVENTS_SAID)
    wakes.tell(JOBS_DUE, "one")
    assert (ear.heard, other.heard) == ([""], ["one"])
    assert ear.threads == {threading.current_thread().name}
    wakes.unlisten(EVENTS_SAID, ear)
    wakes.tell(EVENTS_SAID)
    assert ear.heard == [""]
    wakes.close()


def test_a_listener_that_fails_fails_neither_the_commit_nor_the_others(database):
    def fail(about):
        raise KeyError(about)

    database.wakes.listen(EVENTS_SAID, fail)
    ear = Ear(database.wakes)
    say(database)
    assert "" in ear.heard


@pytest.mark.parametrize("way", ["redis", "postgresql"])
@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
async def test_a_commit_wakes_the_other_processes(database_urls, process, way, request):
    url = request.getfixturevalue("redis_url") if way == "redis" else None
    here, there = process(database_urls, url), process(database_urls, url)
    own, other = Ear(here.wakes), Ear(there.wakes)
    await until(lambda: own.heard == [""] and other.heard == [""])
    say(here)
    await until(lambda: len(other.heard) == 2)
    assert len(own.heard) == 2
    here.wakes.tell(EVENTS_SAID, "what it is about, and more")
    await until(lambda: len(other.heard) == 3)
    assert other.heard[-1] == own.heard[-1] == "what it is about, and more"
    assert {here.wakes.fault, there.wakes.fault} == {None}


async def test_many_commits_are_few_messages(database_urls, process, own_redis):
    here = process(database_urls, own_redis.url)
    with redis.Redis.from_url(own_redis.url) as client:
        here.wakes.tell(EVENTS_SAID)
        await until(lambda: published(client))
        before = published(client)
        for _ in range(MOST_WAITING):
            here.wakes.tell(EVENTS_SAID)
            here.wakes.tell(JOBS_DUE)
        here.wakes.close()
        sent = published(client) - before
    assert 1 <= sent < MOST_WAITING / 2


def published(client):
    return client.info("commandstats").get("cmdstat_publish", {"calls": 0})["calls"]


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
async def test_a_process_that_ends_at_once_has_told_the_others(database_urls, process):
    ear = Ear(process(database_urls).wakes)
    await until(lambda: ear.heard)
    command = Database(*database_urls)
    say(command)
    command.close_now()
    await until(lambda: len(ear.heard) == 2)


async def test_after_a_redis_was_killed_everybody_looks_and_hears_again(
    database_urls, process, own_redis
):
    here, there = process(database_urls, own_redis.url), process(database_urls, own_redis.url)
    ear = Ear(there.wakes)
    await until(lambda: ear.heard == [""])
    own_redis.kill()
    await until(lambda: there.wakes.fault)
    say(here)  # Nothing waits for it, and nothing is raised.
    await until(lambda: here.wakes.fault)
    own_redis.start()
    await until(lambda: len(ear.heard) == 2 and not there.wakes.fault)

    def told():
        say(here)
        return len(ear.heard) > 2

    await until(told)
    await until(lambda: not here.wakes.fault)


async def test_a_redis_that_hangs_holds_up_no_commit(database_urls, process, own_redis):
    here, there = process(database_urls, own_redis.url), process(database_urls, own_redis.url)
    ear = Ear(there.wakes)
    await until(lambda: ear.heard == [""])
    own_redis.freeze()
    try:
        for _ in range(20):
            say(here)
        await until(lambda: here.wakes.fault)
    finally:
        own_redis.thaw()
    await until(lambda: not here.wakes.fault or say(here))
    await until(lambda: len(ear.heard) > 1)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_a_process_ends_though_redis_hangs(database_urls, own_redis):
    database = Database(*database_urls, redis_url=own_redis.url)
    Ear(database.wakes)
    own_redis.freeze()
    say(database)
    database.close_now()
    assert not any(one.name == "bloop-wakes" for one in threading.enumerate())


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_what_others_write_into_the_channel_wakes_nobody(database_urls, process, redis_url):
    here = process(database_urls, redis_url)
    ear = Ear(here.wakes)
    await until(lambda: ear.heard == [""])
    with redis.Redis.from_url(redis_url) as client:
        for junk in (b"", b"\xff\xfe", b"events", b"x\nevents", b"x\nother ", b"x\n" * 9):
            client.publish(f"{namespace(here.url)}:wakes", junk)
        client.publish(f"{namespace(here.url)}:wakes", b"x\nevents last")
    await until(lambda: ear.heard[-1] == "last")
    assert ear.heard == ["", "last"]


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_hub_hears_nothing_of_another_one_on_the_same_redis(
    database_urls, process, redis_url, tmp_path
):
    here = process(database_urls, redis_url)
    other = process([f"sqlite:///{tmp_path / 'other.db'}"], redis_url)
    ear = Ear(here.wakes)
    await until(lambda: ear.heard == [""])
    other.wakes.tell(EVENTS_SAID, "of the other")
    other.wakes.close()
    with redis.Redis.from_url(redis_url) as client:
        client.publish(f"{namespace(here.url)}:wakes", b"x\nevents last")
    await until(lambda: ear.heard[-1] == "last")
    assert ear.heard == ["", "last"]


@pytest.mark.parametrize("wrong", ["host", "password"])
@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_neither_log_nor_fault_holds_the_password(
    database_urls, process, own_redis, free_port, capsys, wrong
):
    logs.configure("debug", "text")
    url = own_redis.url
    secret = url.partition("redis://:")[2].partition("@")[0]
    if wrong == "host":
        url = url.replace(f":{own_redis.port}", f":{free_port}")
    else:
        url = url.replace(secret, secret := "wrong%2Fpass")
    here = process(database_urls, url)
    Ear(here.wakes)
    say(here)
    await until(lambda: here.wakes.fault)
    told = capsys.readouterr()
    assert "Redis cannot be reached" in here.wakes.fault and "Redis" in told.err
    for word in (secret, PASSWORD, secret.replace("%2F", "/")):
        assert word not in here.wakes.fault + told.out + told.err


def test_redis_is_imported_where_it_is_set_and_only_there(tmp_path):
    code = f"""
import sys
from bloop.store.database import Database
from bloop.store.wakes import EVENTS_SAID
database = Database("sqlite:///{tmp_path / "x.db"}")
database.wakes.listen(EVENTS_SAID, print)
database.wakes.tell(EVENTS_SAID)
database.close_now()
assert "redis" not in sys.modules and "psycopg" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
