"""What a worker can be asked: to render, to make stills, to check. Imports manim."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import manim
from PIL import Image

from bloop_manim import drawing as pictures
from bloop_manim import wire
from bloop_manim.encoding import ENCODER_FAILED, Encoding
from bloop_manim.film import Film, keep
from bloop_manim.stage import Stage, frames_of, looking
from bloop_sdk import FatalError
from bloop_sdk.providers.render import ScenePlan

Report = Callable[[int, int], None]

manim.config.media_dir = "media"
manim.config.progress_bar = "none"
manim.config.verbosity = "WARNING"
manim.config.disable_caching = True
logging.getLogger("manim").setLevel(logging.WARNING)


def answer(request: wire.Message, report: Report) -> Any:
    """Do what was asked; what ``report`` raises ends it."""
    plan = wire.plan_in(request["plan"])
    with looking(plan.look):
        match request["do"]:
            case "render":
                encoding = Encoding(**request["encoding"])
                return render(plan, Path(request["target"]), encoding, report)
            case "still":
                return stills(plan, request["at"], Path(request["folder"]), report)
            case "check":
                return wire.layout_out(pictures.check(plan))
            case unknown:
                raise ValueError(f"unknown request {unknown!r}")


def render(plan: ScenePlan, target: Path, encoding: Encoding, report: Report) -> dict[str, Any]:
    """Draw a scene to a file."""
    stage = Stage(plan)
    look = plan.look
    film = Film(look.width, look.height, look.fps, encoding)
    try:
        for frame, box in stage.play():
            film.show(frame, stage.canvas.pixels, box)
            report(frame, stage.frames)
        data = film.finish(stage.frames)
    except av.FFmpegError as err:
        film.abandon()
        raise FatalError(
            f"{encoding.codec} could not encode the scene: {err}",
            cure='set encoder = "cpu" for the plugin manim',
            code=ENCODER_FAILED,
        ) from err
    except BaseException:
        film.abandon()
        raise
    report(stage.frames, stage.frames)
    keep(data, target)
    return {"frames": stage.frames}


def stills(plan: ScenePlan, at: list[float], folder: Path, report: Report) -> list[str]:
    """PNG pictures at some times, in their order."""
    last = frames_of(plan) - 1
    frames = [min(max(round(one * plan.look.fps), 0), last) for one in at]
    left = sorted(set(frames))
    paths = {frame: folder / f"{frame:06}.png" for frame in left}
    stage = Stage(plan)
    shown = _copied(stage)
    for frame, _ in stage.play(set(left)):
        while left and left[0] < frame:
            _picture(shown, paths[left.pop(0)])
        shown = _copied(stage)
        report(frame, last)
    while left:
        _picture(shown, paths[left.pop(0)])
    return [str(paths[frame]) for frame in frames]


def _copied(stage: Stage) -> Image.Image:
    return Image.fromarray(stage.canvas.pixels[..., :3].copy())


def _picture(image: Image.Image, path: Path) -> None:
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=1)
    keep(data.getvalue(), path)
