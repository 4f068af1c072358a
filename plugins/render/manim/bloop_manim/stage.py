"""Plays a drawing: which frames change, and where.

Frames are manim's own: frame ``k`` of a step shows it after ``k / fps`` seconds, and the frame
after the last shows what has become of it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

import manim
from manim.mobject.svg.svg_mobject import SVG_HASH_TO_MOB_MAP
from manim.renderer.protocol import RendererCapabilities
from manim.utils.iterables import list_update

from bloop_manim import drawing as pictures
from bloop_manim.canvas import Canvas
from bloop_manim.film import Box
from bloop_manim.haste import hasten, skip_repeats
from bloop_sdk.providers.render import Look, ScenePlan

hasten()


def frames_of(plan: ScenePlan) -> int:
    """How many frames a scene has."""
    return max(1, round(plan.seconds * plan.look.fps))


@contextmanager
def looking(look: Look) -> Iterator[None]:
    """manim, set for a look: pictures are eight units high."""
    changes = {
        "pixel_width": look.width,
        "pixel_height": look.height,
        "frame_rate": look.fps,
        "frame_height": 8.0,
        "frame_width": 8.0 * look.width / look.height,
    }
    with manim.tempconfig(changes):
        yield


class Stage:
    """A scene of manim's that is played frame by frame; inside of :func:`looking`."""

    def __init__(self, plan: ScenePlan) -> None:
        # A formula from there has other bars than a new one: what its worker has drawn before
        # would show in a clip.
        SVG_HASH_TO_MOB_MAP.clear()
        self._fps = plan.look.fps
        self.frames = frames_of(plan)
        drawing = pictures.timeline(plan)
        self._steps = drawing.steps
        self.canvas = Canvas(drawing.background)
        self._scene = manim.Scene(renderer=_Stands(self.canvas.camera), random_seed=0)
        self._scene.add(*drawing.mobjects())

    def play(self, wanted: Container[int] | None = None) -> Iterator[tuple[int, Box]]:
        """The frames at which the picture changes, and where; it then is on the canvas.

        Of ``wanted`` frames alone, where they are given: each that is followed by a change is
        given too, and what lies between isn't drawn.
        """
        at = 0
        for step in self._steps:
            begin = max(at, round(step.at * self._fps))
            length = max(1, round(step.seconds * self._fps))
            end = min(begin + length, self.frames)
            if begin >= self.frames:
                break
            if begin > at:
                yield from self._settle(at, range(at, begin), wanted)
            yield from self._step(step.animations, begin, end, wanted)
            at = end
            if at >= self.frames:
                return
        yield from self._settle(at, range(at, self.frames), wanted)

    def _settle(
        self, at: int, still: range, wanted: Container[int] | None
    ) -> Iterator[tuple[int, Box]]:
        if wanted is not None and not any(frame in wanted for frame in still):
            return
        scene = self._scene
        box = self.canvas.begin(list_update(scene.mobjects, scene.foreground_mobjects), ())
        if at == 0:
            yield at, _whole(self.canvas)
        elif box is not None:
            yield at, box

    def _step(
        self, animations: list[Any], begin: int, end: int, wanted: Container[int] | None
    ) -> Iterator[tuple[int, Box]]:
        scene, canvas = self._scene, self.canvas
        scene.compile_animation_data(*animations)
        skip_repeats(scene.animations or ())
        scene.begin_animations()
        drawn = False
        driven = any(mobject.updaters for mobject in scene.get_mobject_family_members())
        for frame in range(begin, end):
            seen = wanted is None or frame in wanted
            if not (seen or driven):
                continue
            scene.update_to_time((frame - begin) / self._fps)
            if not seen:
                continue
            if drawn:
                box = canvas.move(scene.moving_mobjects)
            else:
                box = canvas.begin(scene.static_mobjects, scene.moving_mobjects)
                drawn = True
            if frame == 0:
                yield frame, _whole(canvas)
            elif box is not None:
                yield frame, box
        assert scene.animations is not None
        for animation in scene.animations:
            animation.finish()
            animation.clean_up_from_scene(scene)
        scene.update_mobjects(0)


def _whole(canvas: Canvas) -> Box:
    height, width = canvas.pixels.shape[:2]
    return 0, 0, width, height


class _Stands:
    """What a scene asks of its renderer when something else draws it."""

    capabilities = RendererCapabilities(live_preview=False)
    skip_animations = False
    time = 0.0
    static_image = None

    def __init__(self, camera: manim.Camera) -> None:
        self.camera = camera

    def init_scene(self, *_: object) -> None:
        """Nothing is written by it."""
