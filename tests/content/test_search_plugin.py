"""A plugin's index beside the database's: when it is asked, and how it becomes whole again."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.content.search.described import describe
from bloop.content.search.service import Asked
from bloop.hub import Hub
from bloop_sdk import UnavailableError
from bloop_sdk.providers.search import SearchQuery

pytest.importorskip("tantivy")
pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
def toml(hub_toml):
    hub_toml.write_text(hub_toml.read_text() + "[plugins.tantivy]\nenabled = true\n")
    return hub_toml


@pytest.fixture
async def start(toml, monkeypatch):
    """Starts a hub; `start.stop()` ends it."""
    monkeypatch.setattr("bloop.hub.search.KNOWN_SECONDS", 0.0)
    running = []

    async def go():
        running.append(Hub.open(toml, "api"))
        await running[-1].start()
        await running[-1].loaded()
        return running[-1]

    async def stop():
        await running.pop().stop()

    go.stop = stop
    yield go
    for hub in running:
        await hub.stop()


def write(hub, title, course=None):
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = course or service.create_container(unit, title="Course", published=True).id
        made = service.create_item(unit, course, kind="page", title=title)
        service.publish(unit, Item, made.id, None, lambda *_: None)
        return course, made.id


async def until(hub, condition, seconds=60):
    """Wait until a condition holds of how the indexes stand."""
    call = system_call(hub.institution)
    async with asyncio.timeout(seconds):
        while not condition(await hub.searching.standing(call)):  # noqa: ASYNC110 - of a database
            await asyncio.sleep(0.02)


async def whole(hub):
    """Tantivy's index, once it is whole and has taken everything; who searches has it made."""
    call = system_call(hub.institution)
    async with asyncio.timeout(90):
        while True:
            index = await hub.searching.index_for(call)
            lines = await hub.searching.standing(call)
            if index and all(one["state"] == "whole" and not one["behind"] for one in lines):
                return index
            await asyncio.sleep(0.02)


async def titles(hub, text):
    found = await hub.searching.find(system_call(hub.institution), Asked(text=text), drafts=False)
    return sorted(one["title"] for one in found["items"])


async def test_its_index_is_filled_asked_and_kept(start):
    hub = await start()
    course, first = write(hub, "Photosynthesis")
    index = await whole(hub)
    assert index is not None
    assert index.handle.plugin_id == "tantivy"
    asked = []
    search = index.search

    async def counted(query):
        asked.append(query.match)
        return await search(query)

    index.search = counted
    for text in ("photosynthesis", "photosyn", "photosnythesis"):
        assert await titles(hub, text) == ["Photosynthesis"]
    assert [str(match) for match in asked] == [
        *("words", "prefix"),
        *("words", "prefix"),
        *("words", "prefix", "fuzzy"),
    ]
    write(hub, "Photosynthesis too", course)
    await whole(hub)
    assert await titles(hub, "photosynthesis") == ["Photosynthesis", "Photosynthesis too"]
    with hub.database.unit(system_call(hub.institution)) as unit:
        describe(unit, first, "studio", "Chlorophyll is said.", moments=[(0, 2.0)])
    index = await whole(hub)
    query = SearchQuery(institution=hub.institution, words=("chlorophyll",))
    assert [hit.id for hit in await index.search(query)] == [first]
    assert await titles(hub, "chlorophyll") == ["Photosynthesis"]
    with hub.database.unit(system_call(hub.institution)) as unit:
        service.unpublish(unit, Item, first, None)
    # Whether the index has taken that or not.
    assert await titles(hub, "photosynthesis") == ["Photosynthesis too"]


async def test_while_its_index_is_lost_the_database_answers_and_it_is_made_anew(start):
    hub = await start()
    write(hub, "Photosynthesis")
    index = await whole(hub)
    await start.stop()
    shutil.rmtree(folder_of(hub, index))
    hub = await start()
    assert await titles(hub, "photosynthesis") == ["Photosynthesis"]
    assert await whole(hub) is not None
    assert await titles(hub, "photosynthesis") == ["Photosynthesis"]


async def test_an_older_copy_of_its_index_is_seen_through(start, tmp_path):
    hub = await start()
    course, _ = write(hub, "Photosynthesis")
    folder = folder_of(hub, await whole(hub))
    await start.stop()
    shutil.copytree(folder, tmp_path / "copy")
    hub = await start()
    write(hub, "Respiration", course)
    await whole(hub)
    await start.stop()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "copy", folder)
    hub = await start()
    assert await titles(hub, "respiration") == ["Respiration"]
    index = await whole(hub)
    assert index is not None
    assert await titles(hub, "respiration") == ["Respiration"]


async def test_what_it_missed_while_it_was_switched_off_is_noticed(start, monkeypatch):
    hub = await start()
    course, _ = write(hub, "Photosynthesis")
    index = await whole(hub)

    async def is_off(*_):
        return False

    with monkeypatch.context() as patched:
        patched.setattr(hub.choices, "enabled_for", is_off)
        write(hub, "Respiration", course)
        await until(hub, lambda lines: not lines[0]["behind"])
        await until(hub, lambda _: not hub.consumers.lags()[index.consumer])
    before = await index.mark(hub.institution)
    write(hub, "Roots", course)
    await until(hub, lambda lines: not lines[0]["behind"] and lines[1]["state"] != "whole")
    # What came now has not hidden from it that something is missing.
    for title in ("Photosynthesis", "Respiration", "Roots"):
        assert await titles(hub, title) == [title]
    await whole(hub)
    assert (await index.mark(hub.institution)).begun != before.begun
    assert await titles(hub, "respiration") == ["Respiration"]


async def test_a_plugin_that_fails_costs_nobody_their_search(start):
    hub = await start()
    write(hub, "Photosynthesis")
    index = await whole(hub)

    async def search(_query):
        raise UnavailableError("the disk is gone", cure="get another one")

    index.search = search
    assert await titles(hub, "photosynthesis") == ["Photosynthesis"]


def folder_of(hub, index):
    (found,) = hub.config.value.hub.data_dir.rglob(f"{hub.institution}/v*/meta.json")
    assert index is not None
    return found.parent.parent
