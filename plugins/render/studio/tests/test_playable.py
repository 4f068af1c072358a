"""Storyboards of every kind of picture, easy and hostile, drawn with manim: each file plays.

Twenty in a run; ``BLOOP_PLAYABLE=200`` makes so many.
"""

from __future__ import annotations

import asyncio
import ctypes.util
import os

import av
import pytest

from bloop_sdk.providers.render import Look, ScenePlan
from bloop_sdk.storyboard import Scene
from bloop_sdk.testing import FakeContext
from bloop_studio.compose import Metadata, compose
from bloop_studio.timing import plan_scene

LOOK = Look(width=320, height=180, fps=5)
COUNT = int(os.environ.get("BLOOP_PLAYABLE", "20"))
PAUSE_FREE = {"narration": [{"id": "line", "text": "Look at this."}], "seconds": 1.0}


@pytest.fixture(scope="module")
def renderer():
    """Two processes that draw."""
    pytest.importorskip("manim")
    if ctypes.util.find_library("cairo") is None and os.environ.get("CI") != "true":
        pytest.skip("cairo is not installed")
    from bloop_manim.config import ManimConfig
    from bloop_manim.pool import close_shared
    from bloop_manim.provider import ManimRenderer

    yield ManimRenderer(FakeContext(config=ManimConfig(workers=2, encoder="cpu")))
    close_shared()


def scenes_of(seed: int) -> list[Scene]:
    """Two scenes of different kinds, each with a cue for each of its first parts."""
    from plugins.render.manim.tests.generated import KINDS, scene

    made = []
    for step in (0, 5):
        one = scene(KINDS[(seed + step) % len(KINDS)], seed)
        parts = one.visual.parts()[:3]
        cues = [{"line": "line", "word": word, "target": part} for word, part in
                zip(("Look", "at", "this"), parts, strict=False)]  # fmt: skip
        more = PAUSE_FREE | {"id": f"scene-{step}", "cues": cues}
        made.append(Scene.model_validate(one.model_dump() | more))
    return made


async def drawn(renderer, seed, folder):
    """The clips of a storyboard; what is refused becomes its title card, as the studio does it."""
    clips, frames = [], 0
    for scene in scenes_of(seed):
        layout = await renderer.check(ScenePlan(scene=scene, seconds=1.0, look=LOOK))
        assert layout.refused or layout.scenes
        card = scene.model_copy(update={"cues": [], "visual": CARD})
        for one in [card] if layout.refused else layout.scenes:
            timed = plan_scene(one, {}, LOOK.fps)
            plan = ScenePlan(scene=one, seconds=timed.seconds, cues=timed.cues, look=LOOK)
            clip = await renderer.render(plan, folder / f"{seed}-{len(clips)}.mp4")
            assert clip.frames == timed.frames
            clips.append(clip)
            frames += clip.frames
    return clips, frames


CARD = Scene.model_validate(
    {"id": "card", "visual": {"kind": "title", "title": "What could not be drawn"}}
).visual


@pytest.mark.timeout(400)
async def test_every_storyboard_becomes_a_file_that_plays(renderer, tmp_path):
    gate = asyncio.Semaphore(2)

    async def whole(seed):
        async with gate:
            clips, frames = await drawn(renderer, seed, tmp_path)
            target = tmp_path / f"{seed}.mp4"
            await asyncio.to_thread(
                compose, clips, None, target, metadata=Metadata(title=f"Storyboard {seed}")
            )
            return await asyncio.to_thread(length, target), frames / LOOK.fps

    found = await asyncio.gather(*(whole(seed) for seed in range(COUNT)))
    assert len(found) == COUNT
    for seconds, planned in found:
        assert abs(seconds - planned) < 1 / LOOK.fps + 1e-6


def length(path):
    """Seconds that a file plays; every frame of it is decoded."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        frames = [frame.pts for frame in file.decode(video=0)]
        assert frames and frames == sorted(set(frames))
        return float(stream.duration * stream.time_base)
