"""A hub that has connected a desk of notes (:mod:`tests.support.desk`)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bloop.accounts.sessions import system_call
from bloop.content.models import Item
from bloop.content.syncing import ask_for_sync
from bloop.hub import Hub
from bloop.hub.connections import NewConnection, check, create
from bloop.jobs.models import Job
from bloop.store.database import in_unit
from bloop_sdk.testing.distributions import write_plugin
from tests.content.course import rows
from tests.support.desk import Desk

PATIENCE_SECONDS = 120
API = {"accept": "application/json"}
PROVIDER = """
from tests.support.desk import Desk, DeskProvider

DESK = Desk()


class Provider(DeskProvider):
    def __init__(self, ctx):
        super().__init__(DESK)
"""


@asynccontextmanager
async def open_desk_hub(hub_toml: Path, site: Path) -> AsyncIterator[Hub]:
    """A hub with the plugin of the desk."""
    manifest = {"family": "notes", "provides": {"notes": "bloop_desk.provider:Provider"}}
    write_plugin(site, "desk", files={"provider.py": PROVIDER}, manifest=manifest)
    with hub_toml.open("a") as file:
        file.write("[plugins.desk]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    try:
        yield hub
    finally:
        await hub.stop()


async def start_desk(hub: Hub) -> Desk:
    """The system, which the hub has connected and read; it holds one note."""
    call = system_call(hub.institution)
    connection = await create(hub, call, NewConnection(plugin="desk", name="Desk"))
    await check(hub, call, connection)
    desk: Desk = sys.modules["bloop_desk.provider"].DESK
    desk.add("First", "one\n\ntwo\n")
    await sync(hub)
    return desk


async def sync(hub: Hub) -> Any:
    """Read the desk; the report."""
    call = system_call(hub.institution)

    def ask(unit: Any) -> str:
        from bloop.kernel.models import Connection

        [connection] = unit.session.query(Connection).all()
        return ask_for_sync(unit, connection.id)

    job = await hub.database.run(in_unit, hub.database, call, ask)
    await calm(hub)
    [row] = await asyncio.to_thread(rows, hub.database, call, Job, Job.id == job)
    assert row.state == "succeeded", row.error
    return row.result


async def calm(hub: Hub) -> None:
    """Every job is over."""
    call = system_call(hub.institution)
    still_open = Job.state.in_(["waiting", "running", "blocked"])
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if not await asyncio.to_thread(rows, hub.database, call, Job, still_open):
                return
            await asyncio.sleep(0.05)


async def note_of(hub: Hub, browser: Any, title: str) -> Any:
    """A note as the API shows it."""
    call = system_call(hub.institution)
    [row] = rows(hub.database, call, Item, Item.title == title, Item.state == "active")
    return (await browser.get(f"/api/v1/notes/{row.id}", headers=API)).json()
