from __future__ import annotations

import asyncio
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from studio_media import BLUE, GREEN, RED, make_clip
from written import lesson_in

from bloop.hub import Hub
from bloop_sdk.providers.render import Clip
from bloop_sdk.testing.distributions import write_plugin
from tests.support.database import make_call

SOURCE = Path(__file__).parents[1]
AI = SOURCE.parents[1] / "ai"
TOYS = Path(__file__).parent / "toys"
HUB_TOML = """
[access]
guests = "read"

[plugins.studio]
enabled = true
quality = "480p"

[plugins.outline]
enabled = true

[plugins.hum]
enabled = true

[plugins.crayon]
enabled = true
"""


@pytest.fixture
def installed(site, monkeypatch):
    """The studio and the outline as `pip install -e` leaves them, with a toy voice and renderer."""
    for source in (SOURCE, AI / "outline"):
        project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
        name = project["name"].replace("-", "_")
        if any(Path(path, f"{name}-{project['version']}.dist-info").exists() for path in sys.path):
            continue
        info = site / f"{name}-{project['version']}.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(head)
        points = project["entry-points"]["bloop.plugins"].items()
        lines = "".join(f"{key} = {target}\n" for key, target in points)
        (info / "entry_points.txt").write_text(f"[bloop.plugins]\n{lines}")
        monkeypatch.setattr(sys, "path", [*sys.path, str(source)])
    for toy, capability, provider in (("crayon", "renderer", "Crayon"), ("hum", "speech", "Hum")):
        manifest = {"provides": {capability: f"bloop_{toy}.plugin:{provider}"}}
        write_plugin(site, toy, code=(TOYS / f"{toy}.py").read_text(), manifest=manifest)
    return site


@pytest.fixture
def studio_toml(hub_toml, installed):
    """A hub.toml with the studio and its toys."""
    with hub_toml.open("a") as file:
        file.write(HUB_TOML)
    return hub_toml


@pytest.fixture
async def hub(studio_toml):
    """A hub that runs the studio with toys, its tables upgraded."""
    hub = Hub.open(studio_toml, "api")
    await hub.database.run(hub.tables.upgrade)
    await hub.start()
    await hub.loaded()
    states = {name: one.status.state for name, one in hub.kernel.plugins.items()}
    for name in ("studio", "outline", "hum", "crayon"):
        assert states[name] == "ready", hub.kernel.plugins[name].status
    yield hub
    await hub.stop()


@pytest.fixture
def toys():
    """What the toys have done, as lists that start empty: words said, scenes drawn."""
    from bloop_crayon.plugin import DRAWN
    from bloop_hum.plugin import SAID

    DRAWN.clear()
    SAID.clear()
    return SAID, DRAWN


@pytest.fixture
async def ctx(hub):
    """What the studio's code has for an educator."""
    from bloop.hub.contexts import PluginCall, open_context

    return await open_context(
        hub, PluginCall, "studio", make_call(hub.institution, role="educator")
    )


@pytest.fixture
def made(ctx):
    """Wait until a video is made or has failed; gives its row."""

    async def wait(row):
        from bloop_studio import videos

        async with asyncio.timeout(90):
            while row.state not in {"ready", "failed"}:
                await asyncio.sleep(0.05)
                row = await ctx.read(videos.one, row.id)
        return row

    return wait


@pytest.fixture(scope="session")
def three_clips(tmp_path_factory) -> list[Clip]:
    """Red, blue, green: the second holds few pictures, as a still scene does."""
    folder = tmp_path_factory.mktemp("clips")
    return [
        make_clip(folder / "a.mp4", {0: RED}, 45),
        make_clip(folder / "b.mp4", {0: BLUE}, 120, sent=(0, 30, 60, 119)),
        make_clip(folder / "c.mp4", {0: GREEN}, 30),
    ]


@pytest.fixture
def write_lesson(hub):
    """Writes a published lesson; blocks; gives its id."""
    return lambda: lesson_in(hub)
