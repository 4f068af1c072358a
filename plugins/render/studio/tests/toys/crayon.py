"""A renderer for tests: one colour a scene, which turns at each cue. It counts what it draws."""

import asyncio
import hashlib
import os

import av

from bloop_sdk import FatalError, Plugin, RetriableError
from bloop_sdk.providers.render import Clip, Fault, Layout, Probe

DRAWN = []
LOGOS = []
PRESETS = {"1": "ultrafast", "2": "superfast"}
"""Clips of one can't be joined to those of the other."""


class Main(Plugin):
    pass


class Crayon:
    colours = "1"

    def __init__(self, ctx):
        self.ctx = ctx

    def probe(self):
        return Probe(ready=True)

    def version(self):
        return self.colours

    async def check(self, plan):
        if "TOO MUCH" in plan.scene.title:
            fault = Fault(code="off_canvas", target="title", message="it does not fit")
            return Layout(scenes=(), faults=(fault,), refused=True)
        if "HALVES" in plan.scene.title:
            second = plan.scene.model_copy(update={"id": "half", "narration": [], "cues": []})
            return Layout(scenes=(plan.scene, second))
        logo = plan.look.logo
        if logo and logo.read_bytes().startswith(b"<svg>BROKEN"):
            broken = Fault(code="asset", target="logo", message="the logo is broken")
            return Layout(scenes=(plan.scene,), faults=(broken,))
        return Layout(scenes=(plan.scene,))

    async def render(self, plan, target, progress=None):
        if plan.scene.visual.kind != "title" and "BREAK" in plan.scene.title:
            raise FatalError("the crayon broke")
        if "ANOTHER CRAYON" in plan.scene.title and Crayon.colours == "1":
            while not DRAWN:  # noqa: ASYNC110 - somebody has drawn with this one
                await asyncio.sleep(0.01)
            Crayon.colours = "2"
            raise RetriableError("the crayon broke, and there is another one")
        await asyncio.sleep(float(os.environ.get("TOY_PAUSE", "0")))
        frames = await asyncio.to_thread(draw, plan, target, progress)
        DRAWN.append(plan.scene.id)
        LOGOS.append(plan.look.logo.read_bytes() if plan.look.logo else None)
        return Clip(path=target, seconds=plan.seconds, frames=frames)

    async def still(self, plan, at, folder):
        found = []
        for number, _ in enumerate(at):
            path = folder / f"{number}.png"
            path.write_bytes(b"\x89PNG\r\n\x1a\n")
            found.append(path)
        return found


def draw(plan, target, progress):
    look = plan.look
    frames = round(plan.seconds * look.fps)
    part = target.with_suffix(".part")
    with av.open(part, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=look.fps)
        stream.width, stream.height, stream.pix_fmt = look.width, look.height, "yuv420p"
        stream.options = {"preset": PRESETS[Crayon.colours], "g": str(2 * look.fps), "bf": "0"}
        for number in range(frames):
            turns = sum(cue.at * look.fps <= number for cue in plan.cues)
            frame = av.VideoFrame(look.width, look.height, "yuv420p")
            shade = hashlib.sha256(f"{plan.scene.id}{turns}".encode()).digest()[0]
            for plane, value in zip(frame.planes, (shade, 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = number
            out.mux(stream.encode(frame))
            if progress:
                progress(number + 1, frames)
        out.mux(stream.encode(None))
    part.replace(target)
    return frames
