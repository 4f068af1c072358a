"""Toggling, live: an edit anywhere reaches every process, and a broken one none."""

import asyncio
import os
import time

import pytest
from sqlalchemy import delete, func, select

from bloop.kernel.config import load
from bloop.kernel.discovery import scan
from bloop.kernel.generation import settle
from bloop.kernel.kernel import Kernel
from bloop.kernel.models import HubGeneration, HubProcess, PluginState
from bloop.kernel.queries import PLUGIN_STATES, PROCESSES
from bloop.kernel.toggle import Toggle
from bloop.kernel.wanted import Wanted
from bloop.store.database import in_unit
from bloop.store.errors import StoreError
from bloop.store.models import AuditLine
from bloop.store.statements import to_dicts
from bloop_sdk.testing.distributions import write_plugin

CODE = """
from bloop_sdk import Plugin, PluginConfig, hookimpl, setting

class Config(PluginConfig):
    word: str = setting("hello", description="What to say")

class Main(Plugin):
    @hookimpl
    def navigation(self, principal):
        return self.ctx.config.word
"""


class Process:
    """A process of the hub on a machine: its file, its kernel and its toggle."""

    def __init__(self, database, call, folder, host, hooks_host):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "hub.toml"
        if not self.path.exists():
            self.path.write_text("")
        self.kernel = Kernel(scan(), hooks_host)
        self.applied = 0
        self.toggle = Toggle(
            database,
            call,
            load(self.path, {}),
            self.apply,
            lambda: self.kernel.plugins,
            kind="api",
            host=host,
            poll_seconds=0.05,
        )

    async def apply(self, config):
        self.applied += 1
        plugins = config.wanted()
        wanted = Wanted(
            frozenset(plugin.id for plugin in plugins),
            {plugin.id: plugin.order for plugin in plugins},
            {plugin.id: plugin.settings for plugin in plugins},
        )
        return await asyncio.to_thread(self.kernel.apply, wanted)

    def spoken(self):
        return dict(self.kernel.hooks.navigation(None).by_plugin())

    def write(self, text):
        self.path.write_text(text)

    async def until(self, **expected):
        async def spoken_and_written():
            return self.spoken() == expected and not self.toggle._applying.locked()

        await eventually(spoken_and_written)


async def eventually(condition):
    async with asyncio.timeout(30):
        while not (found := await condition()):  # noqa: ASYNC110 - files and rows are polled
            await asyncio.sleep(0.01)
    return found


@pytest.fixture
async def start(database, system_call, tmp_path, site, host):
    for name in ("aa", "bb"):
        manifest = {"hooks": ["navigation"], "config": f"bloop_{name}.plugin:Config"}
        write_plugin(site, name, code=CODE, manifest=manifest)
    running = []

    async def start(machine, text=None, *, age=None):
        folder = tmp_path / machine
        folder.mkdir(exist_ok=True)
        if text is not None:
            (folder / "hub.toml").write_text(text)
        if age is not None:
            moment = time.time() - age
            os.utime(folder / "hub.toml", (moment, moment))
        process = Process(database, system_call, folder, machine, host)
        await process.toggle.start()
        running.append(process)
        return process

    yield start
    for process in running:
        await process.toggle.stop()


def on(*names, **words):
    lines = [f"[plugins.{name}]\nenabled = true" for name in names]
    lines += [f'[plugins.{name}]\nenabled = true\nword = "{word}"' for name, word in words.items()]
    return "\n".join(lines) + "\n"


async def test_a_process_starts_with_what_its_file_wants(start):
    process = await start("north", on("aa"))
    assert process.spoken() == {"aa": "hello"}


async def test_an_edit_reaches_every_process_of_its_machine(start):
    first, second = await start("north", on("aa")), await start("north")
    first.write(on("aa", "bb"))
    await first.until(aa="hello", bb="hello")
    await second.until(aa="hello", bb="hello")
    second.write(on(bb="bye"))
    await first.until(bb="bye")
    await second.until(bb="bye")
    assert first.toggle.generation == second.toggle.generation


async def test_an_edit_reaches_other_machines_through_the_database(start):
    north, south = await start("north", on("aa")), await start("south", on("aa"))
    north.write(on("aa", bb="hi"))
    await south.until(aa="hello", bb="hi")
    assert "north:hub.toml" in south.toggle.config.plugin("bb", config_model()).origins["word"]
    assert south.toggle.config.path == south.path
    south.write(on("bb"))
    await north.until(bb="hello")
    assert north.toggle.generation == south.toggle.generation


def config_model():
    from bloop_bb.plugin import Config

    return Config


async def test_a_machines_own_settings_stay_its_own(start, tmp_path):
    north = await start("north", "[http]\nport = 1111\n")
    south = await start("south", "[http]\nport = 2222\n")
    north.write("[http]\nport = 3333\n" + on("aa"))
    await south.until(aa="hello")
    assert south.toggle.config.value.http.port == 2222
    assert north.toggle.config.value.http.port == 3333


async def test_a_machine_that_starts_again_follows_what_was_wanted_meanwhile(start):
    north, south = await start("north", on("aa")), await start("south", on("aa"))
    await south.toggle.stop()
    north.write(on("bb"))
    await north.until(bb="hello")
    again = await start("south")
    assert again.spoken() == {"bb": "hello"}
    await north.until(bb="hello")


async def test_a_file_that_was_edited_while_its_machine_was_off_counts_at_its_start(start):
    north = await start("north", on("aa"))
    south = await start("south", on("aa"))
    await south.toggle.stop()
    # Older than what is in force, as a copy that was put back: an edit all the same.
    await start("south", on("bb"), age=3600)
    await north.until(bb="hello")


async def test_a_new_machine_with_an_old_copy_follows_and_with_a_new_file_leads(start):
    north = await start("north", on("aa"))
    old = await start("south", on("bb"), age=3600)
    assert old.spoken() == {"aa": "hello"}
    newer = await start("west", on("aa", "bb"), age=-60)
    assert newer.spoken() == {"aa": "hello", "bb": "hello"}
    await north.until(aa="hello", bb="hello")
    await old.until(aa="hello", bb="hello")


async def test_a_late_sight_of_an_old_edit_does_not_undo_a_newer_one(start):
    north, south = await start("north", on("aa")), await start("south", on("aa"))
    second = await start("north")
    south.write(on("bb"))
    await north.until(bb="hello")
    # The machine's file is as it was seen: taking it up once more is no edit.
    await second.toggle.take_up(load(second.path, {}))
    assert second.spoken() == {"bb": "hello"}
    await south.until(bb="hello")


async def test_a_broken_file_keeps_the_last_good_one_and_is_told(start, database, system_call):
    process = await start("north", on("aa"))
    process.write("[plugins.aa]\nenabled = yes\n")
    fault = await eventually(lambda: fault_of(database, system_call, process))
    assert "hub.toml:2" in fault
    assert process.toggle.fault == fault
    assert process.spoken() == {"aa": "hello"}
    process.write(on("bb"))
    await process.until(bb="hello")
    assert process.toggle.fault is None
    assert await fault_of(database, system_call, process) is None


async def fault_of(database, call, process):
    rows = to_dicts(PROCESSES, await database.read(PROCESSES, call))
    return next(row["config_fault"] for row in rows if row["id"] == process.toggle.process_id)


async def test_the_states_of_each_process_are_kept(start, database, system_call):
    process = await start("north", on("aa", "bb"))
    (row,) = to_dicts(PROCESSES, await database.read(PROCESSES, system_call))
    assert (row["id"], row["kind"], row["host"]) == (process.toggle.process_id, "api", "north")
    assert (row["pid"], row["generation"]) == (os.getpid(), process.toggle.generation)
    states = to_dicts(PLUGIN_STATES, await database.read(PLUGIN_STATES, system_call))
    ready = [state for state in states if state["state"] == "ready"]
    assert [state["plugin_id"] for state in ready] == ["aa", "bb"]
    assert all(state["import_ms"] > 0 for state in ready)
    process.write(on("aa", "missing"))
    await process.until(aa="hello")
    found = await states_of(database, system_call)
    assert (found["aa"], found["bb"], found["missing"]) == ("ready", "stopped", "invalid")


async def states_of(database, call):
    rows = to_dicts(PLUGIN_STATES, await database.read(PLUGIN_STATES, call))
    return {row["plugin_id"]: row["state"] for row in rows}


async def test_a_process_that_ends_takes_its_rows_along(start, database, system_call):
    process = await start("north", on("aa"))
    await process.toggle.stop()
    with database.unit(system_call) as unit:
        for model in (HubProcess, PluginState):
            assert unit.session.scalar(select(func.count()).select_from(model)) == 0


async def test_a_process_that_was_taken_for_dead_comes_back(start, database, system_call):
    process = await start("north", on("aa"))

    def forget(unit):
        unit.session.execute(delete(HubProcess))

    await database.run(in_unit, database, system_call, forget)
    process.write(on("bb"))
    await process.until(bb="hello")
    found = await states_of(database, system_call)
    assert (found["aa"], found["bb"]) == ("stopped", "ready")


async def test_an_edit_while_the_database_is_away_counts_here_now_and_there_later(
    start, database, monkeypatch
):
    north, south = await start("north", on("aa")), await start("south", on("aa"))
    real, away = database.run, True

    async def run(function, *args, **kwargs):
        if away and settle in args:
            raise StoreError("away", code="store_unavailable")
        return await real(function, *args, **kwargs)

    monkeypatch.setattr(database, "run", run)
    north.write(on("bb"))
    await north.until(bb="hello")
    await asyncio.sleep(0.3)
    assert (north.spoken(), south.spoken()) == ({"bb": "hello"}, {"aa": "hello"})
    away = False
    await south.until(bb="hello")
    assert north.spoken() == {"bb": "hello"}


async def test_what_fails_to_apply_is_tried_again_with_the_next_edit(start):
    process = await start("north", on("aa"))
    real = process.toggle._apply

    async def failing(config):
        raise RuntimeError("no memory")

    process.toggle._apply = failing
    process.write(on("bb"))
    await asyncio.sleep(0.5)
    assert process.spoken() == {"aa": "hello"}
    process.toggle._apply = real
    process.write(on("aa", "bb"))
    await process.until(aa="hello", bb="hello")


async def test_an_edit_is_audited_once(start, database, system_call):
    process = await start("north", on("aa"))
    await start("north")
    process.write(on("bb"))
    await process.until(bb="hello")
    with database.unit(system_call) as unit:
        assert unit.session.scalars(select(AuditLine.action)).all() == ["plugins:generation"]
        (row,) = unit.session.scalars(select(HubGeneration)).all()
    assert row.generation == process.toggle.generation


async def test_no_call_is_dropped_while_plugins_are_switched(start):
    process = await start("north", on("aa"))
    answers, going = [], True

    async def call():
        while going:
            answers.append(process.spoken())
            await asyncio.sleep(0)

    calling = asyncio.create_task(call())
    for _ in range(3):
        process.write(on("aa", "bb"))
        await process.until(aa="hello", bb="hello")
        process.write(on("aa"))
        await process.until(aa="hello")
    going = False
    await calling
    assert all(answer["aa"] == "hello" for answer in answers)
    assert {frozenset(answer) for answer in answers} == {
        frozenset({"aa"}),
        frozenset({"aa", "bb"}),
    }
