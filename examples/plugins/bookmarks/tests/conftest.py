from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from bloop.hub import Hub
from bloop.store.models import EVERY_INSTITUTION
from tests.support.database import make_call, make_system_call
from tests.support.hub import add_institution

SOURCE = Path(__file__).parents[1]
HUB_TOML = """
[plugins.bookmarks]
enabled = true
most = 3
"""


@pytest.fixture
def installed(site, monkeypatch):
    """The plugin as `pip install -e` leaves it: its metadata, and its source on the path."""
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]
    info = site / f"bloop_bookmarks-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    points = project["entry-points"]["bloop.plugins"].items()
    lines = "".join(f"{name} = {target}\n" for name, target in points)
    (info / "entry_points.txt").write_text(f"[bloop.plugins]\n{lines}")
    monkeypatch.setattr(sys, "path", [*sys.path, str(SOURCE)])
    return site


@pytest.fixture
def settings():
    """What hub.toml says of the plugin besides; a module overrides it."""
    return ""


@pytest.fixture
async def hub(hub_toml, installed, settings):
    """A hub that runs the plugin, its tables upgraded; once for each dialect."""
    with hub_toml.open("a") as file:
        file.write(f'\n[access]\nguests = "read"\n{HUB_TOML}{settings}')
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.upgrade)
    await hub.start()
    await hub.loaded()
    assert hub.kernel.plugins["bookmarks"].status.state == "ready"
    yield hub
    await hub.stop()


@pytest.fixture
def away(hub):
    """The id of a second institution."""
    return add_institution(hub, "away")


@pytest.fixture
def rows(hub):
    """All bookmarks of the hub: institution and item, however they came there."""

    def found():
        from bloop_bookmarks.tables import Bookmark
        from sqlalchemy import select

        with hub.database.unit(make_system_call(EVERY_INSTITUTION)) as unit:
            every = unit.session.scalars(select(Bookmark).order_by(Bookmark.created_at)).all()
            return [(row.institution_id, row.item_id) for row in every]

    return found


@pytest.fixture
def unit(hub):
    """Run a function with a unit of the plugin, in the first institution or another."""
    from bloop.hub.contexts import PluginCall, open_context

    async def run(work, *arguments, institution=None):
        call = make_call(institution or hub.institution, name="ada")
        ctx = await open_context(hub, PluginCall, "bookmarks", call)
        return await ctx.transaction(work, *arguments)

    return run
