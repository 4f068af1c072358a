"""Draws storyboards as contact sheets of PNG pictures, to look at what scenes look like.

python -m plugins.render.manim.tests.contact_sheet FOLDER [--kinds plot,code] [--themes light,dark]
    [--formats 16:9,9:16,1:1] [--at 1.0] [--pixels 480]
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from PIL import Image

from bloop_manim.answers import stills
from bloop_manim.stage import looking
from bloop_sdk.providers.render import Look, ScenePlan, TimedCue
from bloop_sdk.storyboard import Scene

SHAPES = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1)}


def frame(plan: ScenePlan, at: float) -> Image.Image:
    """One picture of a scene at a time, as the renderer makes it."""
    with tempfile.TemporaryDirectory() as folder, looking(plan.look):
        (path,) = stills(plan, [at], Path(folder), lambda *_: None)
        return Image.open(path).convert("RGB")


def size(shape: str, pixels: int) -> tuple[int, int]:
    """Width and height, the shorter side of so many pixels."""
    x, y = SHAPES[shape]
    unit = pixels / min(x, y)
    return round(x * unit / 2) * 2, round(y * unit / 2) * 2


def main() -> None:
    """Write one sheet for each theme and format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=Path, default=Path(__file__).with_name("scenes.json"))
    parser.add_argument("--kinds", default="")
    parser.add_argument("--themes", default="light,dark,contrast")
    parser.add_argument("--formats", default="16:9,9:16,1:1")
    parser.add_argument("--at", type=float, default=9.9)
    parser.add_argument("--pixels", type=int, default=400)
    parser.add_argument("--columns", type=int, default=0)
    parser.add_argument("--asset", type=Path)
    parser.add_argument("--logo", type=Path)
    given = parser.parse_args()
    scenes = json.loads(given.scenes.read_text())
    wanted = set(filter(None, given.kinds.split(",")))
    given.folder.mkdir(parents=True, exist_ok=True)
    for theme in given.themes.split(","):
        for shape in given.formats.split(","):
            width, height = size(shape, given.pixels)
            pictures = []
            for one in scenes:
                if (
                    wanted
                    and one["scene"]["visual"]["kind"] not in wanted
                    and one["scene"]["id"] not in wanted
                ):
                    continue
                cues = tuple(TimedCue(**cue) for cue in one.get("cues", ()))
                plan = ScenePlan(
                    scene=Scene.model_validate(one["scene"]),
                    seconds=10,
                    cues=cues,
                    look=Look(
                        width=width,
                        height=height,
                        theme=theme,
                        logo=given.logo,
                        **one.get("look", {}),
                    ),
                    language=one.get("language", "en"),
                    assets={"pic": given.asset} if given.asset else {},
                )
                pictures.append(frame(plan, given.at))
            columns = given.columns or max(1, min(len(pictures), 1600 // width))
            rows = math.ceil(len(pictures) / columns)
            sheet = Image.new("RGB", (columns * (width + 8), rows * (height + 8)), "#888")
            for n, picture in enumerate(pictures):
                sheet.paste(
                    picture, (n % columns * (width + 8) + 4, n // columns * (height + 8) + 4)
                )
            target = given.folder / f"{theme}-{shape.replace(':', 'x')}.png"
            sheet.save(target)
            sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
