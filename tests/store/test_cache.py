"""A cache that is never wrong, whatever becomes of Redis."""

import asyncio

import pytest
import redis
from sqlalchemy.engine import make_url

from bloop.store import cache as cache_module
from bloop.store import carriers
from bloop.store import shared as shared_module
from bloop.store.cache import Cache
from bloop.store.errors import TenantError
from bloop.store.shared import Shared
from tests.support.database import OTHER, make_call, make_system_call

HERE = make_url("postgresql+psycopg://bloop_app:pw@db/bloop")


class Source:
    """What is cached, and how often it was read."""

    def __init__(self, value="tree"):
        self.value = value
        self.loads = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def load(self):
        self.loads += 1
        await self.go_on.wait()
        if isinstance(self.value, Exception):
            raise self.value
        return {"value": self.value}

    def fetch(self, cache, version="1", call=None, name="c"):
        return cache.fetch(call or make_call(), "content.tree", name, version, self.load)


@pytest.fixture
async def process():
    """Caches as the processes of a hub have them."""
    made = []

    def start(url=None, database=HERE, **options):
        made.append(Cache(Shared(url, database) if url else None, **options))
        return made[-1]

    yield start
    for cache in made:
        await cache.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A slow machine is no Redis that hangs."""
    monkeypatch.setattr(shared_module, "ANSWER_SECONDS", 30.0)
    monkeypatch.setattr(shared_module, "LOADING_SECONDS", 60.0)
    monkeypatch.setattr(carriers, "ANSWER_SECONDS", 30.0)


@pytest.fixture
def quick(monkeypatch):
    """Redis is tried again soon after it failed."""
    monkeypatch.setattr(shared_module, "AWAY_SECONDS", 0.05)


@pytest.mark.parametrize("shared", [False, True])
async def test_a_hundred_who_ask_at_once_cost_one_load(process, empty_redis_url, shared):
    url = empty_redis_url if shared else None
    caches = [process(url), process(url)] if shared else [process()]
    source = Source()
    source.go_on.clear()
    asked = [asyncio.create_task(source.fetch(caches[n % len(caches)])) for n in range(100)]
    while not source.loads:  # noqa: ASYNC110 - it begins in a task of the cache's own
        await asyncio.sleep(0)
    source.go_on.set()
    assert await asyncio.gather(*asked) == [{"value": "tree"}] * 100
    assert source.loads == 1
    assert [await source.fetch(cache) for cache in caches] == [{"value": "tree"}] * len(caches)
    assert source.loads == 1


async def test_another_version_is_another_value(process):
    cache, source = process(), Source("old")
    assert await source.fetch(cache, "1") == {"value": "old"}
    source.value = "new"
    assert await source.fetch(cache, "2") == {"value": "new"}


async def test_what_is_given_is_the_callers_own(process):
    cache, source = process(), Source()
    (await source.fetch(cache))["value"] = "changed"
    assert await source.fetch(cache) == {"value": "tree"}


@pytest.mark.parametrize("shared", [False, True])
async def test_an_error_reaches_all_who_wait_and_is_not_kept(process, empty_redis_url, shared):
    cache = process(empty_redis_url if shared else None)
    source = Source(KeyError("broken"))
    found = await asyncio.gather(*(source.fetch(cache) for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in found] == [KeyError] * 5 and source.loads == 1
    source.value = "mended"
    assert await source.fetch(cache) == {"value": "mended"}
    assert source.loads == 2


async def test_who_goes_away_leaves_the_others_what_they_wait_for(process):
    cache, source = process(), Source()
    source.go_on.clear()
    first, second = (asyncio.create_task(source.fetch(cache)) for _ in range(2))
    while not source.loads:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.go_on.set()
    assert await second == {"value": "tree"}
    assert first.cancelled() and source.loads == 1


@pytest.mark.parametrize("shared", [False, True])
async def test_each_institution_has_its_own(process, empty_redis_url, shared):
    url = empty_redis_url if shared else None
    cache, other = process(url), process(url)
    ours, theirs = Source("ours"), Source("theirs")
    assert await ours.fetch(cache) == {"value": "ours"}
    for each in (cache, other):
        assert await theirs.fetch(each, call=make_call(OTHER)) == {"value": "theirs"}
    assert theirs.loads == (1 if shared else 2)
    with pytest.raises(TenantError):
        await ours.fetch(cache, call=make_system_call())


async def test_it_keeps_what_was_used_last_within_its_size(process):
    cache, source = process(most_bytes=1000), Source("x" * 200)
    for name in "abcd":
        await source.fetch(cache, name=name)
        await source.fetch(cache, name="a")
    assert cache._size <= 1000
    before = source.loads
    await source.fetch(cache, name="a")
    assert source.loads == before
    await source.fetch(cache, name="b")
    assert source.loads == before + 1


async def test_a_large_value_is_read_each_time(process, empty_redis_url, monkeypatch):
    monkeypatch.setattr(cache_module, "VALUE_BYTES", 100)
    cache, source = process(empty_redis_url), Source("x" * 200)
    for number in (1, 2):
        assert await source.fetch(cache) == {"value": "x" * 200}
        assert source.loads == number
    with redis.Redis.from_url(empty_redis_url) as client:
        assert client.keys() == []


async def test_another_process_finds_what_one_has_loaded(process, empty_redis_url):
    source = Source()
    for _ in range(3):
        assert await source.fetch(process(empty_redis_url)) == {"value": "tree"}
    assert source.loads == 1
    with redis.Redis.from_url(empty_redis_url) as client:
        (key,) = client.keys()
        assert 0 < client.ttl(key) <= shared_module.KEPT_SECONDS


async def test_what_somebody_else_has_put_there_is_not_believed(process, empty_redis_url):
    source = Source()
    await source.fetch(process(empty_redis_url), "1")
    await source.fetch(process(empty_redis_url), "2")
    with redis.Redis.from_url(empty_redis_url, decode_responses=False) as client:
        first, second = sorted(client.keys())
        genuine = client.get(second)
        for loads, junk in enumerate((b"", b"{}", b"x" * 500, genuine, genuine[:-1] + b" "), 3):
            client.set(first, junk)
            assert await source.fetch(process(empty_redis_url), "1") == {"value": "tree"}
            assert source.loads == loads


async def test_a_hub_of_another_database_or_password_shares_nothing(process, empty_redis_url):
    source = Source()
    others = [HERE.set(host="other"), HERE.set(database="other"), HERE.set(password="other")]
    for url in (HERE, *others):
        await source.fetch(process(empty_redis_url, url))
    assert source.loads == 4


async def test_redis_killed_and_emptied_between_reads_loses_and_raises_nothing(
    process, own_redis, quick, monkeypatch
):
    # On a busy machine Redis may answer late, which is not what this is about.
    monkeypatch.setattr(shared_module, "ANSWER_SECONDS", 10.0)
    source, caches = Source(), [process(own_redis.url) for _ in range(2)]

    async def read(version):
        found = await asyncio.gather(*(source.fetch(one, version) for one in caches))
        assert found == [{"value": "tree"}] * 2

    await read("1")
    assert source.loads == 1
    with redis.Redis.from_url(own_redis.url) as client:
        client.flushall()
    await read("1")
    await read("2")
    assert source.loads == 2
    own_redis.kill()
    await read("3")
    assert source.loads == 4  # Each loads for itself.
    own_redis.start()
    while not all(one._shared._client() for one in caches):  # noqa: ASYNC110 - a time to pass
        await asyncio.sleep(0.01)
    await read("4")
    assert source.loads == 5


async def test_a_redis_that_hangs_is_left_alone_for_a_while(process, own_redis, monkeypatch):
    monkeypatch.setattr(shared_module, "AWAY_SECONDS", 3600.0)
    source, cache = Source(), process(own_redis.url)
    await source.fetch(cache, "0")
    asked = []
    real = cache._shared._try

    async def counted(awaitable):
        asked.append(awaitable)
        return await real(awaitable)

    cache._shared._try = counted
    monkeypatch.setattr(shared_module, "ANSWER_SECONDS", 0.1)
    own_redis.freeze()
    try:
        for number in range(1, 20):
            assert await source.fetch(cache, str(number)) == {"value": "tree"}
    finally:
        own_redis.thaw()
    # One read, perhaps with its claim, found out; the others did not wait.
    assert 1 <= len(asked) <= 2 and source.loads == 20


async def test_who_died_as_they_loaded_keeps_nobody_for_long(process, empty_redis_url, monkeypatch):
    monkeypatch.setattr(shared_module, "LOADING_SECONDS", 0.05)
    dead = Shared(empty_redis_url, HERE)
    source, call = Source(), make_call()
    assert await dead.get_or_claim(f"{call.institution}/content.tree/c/1") is None
    await dead.close()
    assert await source.fetch(process(empty_redis_url)) == {"value": "tree"}
