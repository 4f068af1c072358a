import asyncio
import contextlib
import os

import pytest

from bloop.kernel import config_watch
from bloop.kernel.config import load
from bloop.kernel.config_watch import watch
from bloop_sdk.errors import ConfigError


def _text(port):
    return f"[http]\nport = {port}\n"


class Following:
    def __init__(self, path):
        self.path = path
        self.stop = asyncio.Event()
        self.items = watch(load(path, {}), stop=self.stop)

    async def next(self):
        item = await asyncio.wait_for(anext(self.items), 20)
        return item if isinstance(item, ConfigError) else item.value.http.port

    async def nothing_more(self):
        """True when nothing is told before a mark that is written last."""
        self.path.write_text(_text(7777))
        return await self.next() == 7777


@pytest.fixture(params=["notified", "polled", "silent"])
async def following(request, tmp_path, monkeypatch):
    """Follow hub.toml where watching works, where it fails, and where it reports nothing."""
    if request.param == "polled":
        monkeypatch.setattr("watchfiles.awatch", _fail)
        monkeypatch.setattr(config_watch, "POLL_SECONDS", 0.05)
    if request.param == "silent":
        monkeypatch.setattr("watchfiles.awatch", _only_time)
    path = tmp_path / "hub.toml"
    path.write_text(_text(1))
    follower = Following(path)
    yield follower
    follower.stop.set()
    with contextlib.suppress(StopAsyncIteration, TimeoutError):
        await asyncio.wait_for(anext(follower.items), 10)
    await follower.items.aclose()


async def _fail(*folders, **options):
    raise OSError("no more watches")
    yield


async def _only_time(*folders, stop_event, **options):
    assert options["yield_on_timeout"]
    while not stop_event.is_set():
        await asyncio.sleep(0.05)
        yield set()


async def test_an_edit_is_told_and_a_broken_one_too(following):
    following.path.write_text(_text(2))
    assert await following.next() == 2
    following.path.write_text(_text(99999))
    error = await following.next()
    assert "port: must be between 1 and 65535" in str(error)
    following.path.write_text(_text(3))
    assert await following.next() == 3


async def test_an_edit_between_loading_and_following_is_not_missed(following):
    following.path.write_text(_text(2))
    os.utime(following.path, ns=(1, 1))
    assert await following.next() == 2


async def test_the_rename_of_an_editor_is_one_change(following):
    first = asyncio.ensure_future(following.next())
    await asyncio.sleep(0.1)
    following.path.rename(following.path.with_suffix(".bak"))
    await asyncio.sleep(0.02)
    fresh = following.path.with_suffix(".tmp")
    fresh.write_text(_text(2))
    fresh.replace(following.path)
    assert await first == 2
    assert await following.nothing_more()


async def test_a_truncated_file_is_not_taken_for_an_empty_one(following):
    first = asyncio.ensure_future(following.next())
    await asyncio.sleep(0.1)
    following.path.write_text("")
    await asyncio.sleep(0.1)
    following.path.write_text(_text(2))
    assert await first == 2


async def test_a_deleted_file_is_told_and_so_is_its_return(following):
    following.path.unlink()
    error = await following.next()
    assert isinstance(error, ConfigError)
    assert "not found" in str(error)
    following.path.write_text(_text(1))
    assert await following.next() == 1


async def test_the_same_content_is_not_told_again(following):
    following.path.write_text(_text(1))
    following.path.touch()
    assert await following.nothing_more()


async def test_a_symlinked_file_is_followed_to_its_target(tmp_path):
    # As a ConfigMap is mounted: hub.toml -> ..data/hub.toml, ..data -> a folder per version.
    for version in (1, 2):
        (tmp_path / f"v{version}").mkdir()
        (tmp_path / f"v{version}" / "hub.toml").write_text(_text(version))
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "hub.toml").symlink_to("..data/hub.toml")
    follower = Following(tmp_path / "hub.toml")
    first = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0.1)
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert await first == 2
    follower.stop.set()
    await follower.items.aclose()


async def test_without_a_file_there_is_nothing_to_follow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    assert [item async for item in watch(load(None, {}), stop=stop)] == []


async def test_following_ends_when_it_is_told_to(following):
    waiting = asyncio.ensure_future(anext(following.items))
    await asyncio.sleep(0.1)
    following.stop.set()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 20)
