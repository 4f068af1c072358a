"""Draws mobjects as manim's camera does, but only where the picture changes.

A step of the scene has a base (what does not move) and sprites over it. Of each sprite the last
state is known; where states differ lies what has to be drawn again. Inside that box the base is
restored and the sprites that reach into it are drawn, in their order.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import cairo
import numpy as np
from manim import Camera, Mobject, VMobject
from manim.camera.camera import CAP_STYLE_MAP, LINE_JOIN_MAP
from manim.constants import RESAMPLING_ALGORITHMS, LineJointType
from manim.mobject.types.image_mobject import AbstractImageMobject

from bloop_manim.film import Box, Pixels

MITER_LIMIT = 10
"""cairo's: how far the corner of a line may stick out, in halves of its width."""


_RELATIVE = 1e-5
_FLAT = 1e-12


class Sprite:
    """A mobject as it was last drawn."""

    __slots__ = ("box", "mobject", "paint", "path", "points", "repeated", "surface")

    def __init__(self, mobject: Mobject) -> None:
        self.mobject = mobject
        self.points = b""
        self.paint: tuple[Any, ...] = ()
        self.box: Box = (0, 0, 0, 0)
        self.path: cairo.Path | None = None
        self.repeated = False
        self.surface: cairo.ImageSurface | None = None
        """What is shown of an image."""

    def renewed(self) -> bool:
        """Whether the mobject has changed since it was last looked at."""
        mobject = self.mobject
        points, paint = mobject.points.tobytes(), _paint(mobject)
        if paint != self.paint:
            self.surface = None
        if points == self.points:
            self.repeated = True
            if paint == self.paint:
                return False
        else:
            self.path, self.repeated = None, False
            self.points = points
        self.paint = paint
        return True


class Canvas:
    """The picture, and how it became what it is; one a scene."""

    def __init__(self, background: str) -> None:
        self.camera = Camera(background_color=background)
        self.pixels: Pixels = self.camera.pixel_array
        self._context: cairo.Context[Any] = self.camera.get_cairo_context(self.pixels)
        height, width = self.pixels.shape[:2]
        self._all: Box = (0, 0, width, height)
        self._scale = width / self.camera.frame_width, height / self.camera.frame_height
        self._sprites: dict[int, Sprite] = {}
        self._shown: list[int] = []
        self._base: Pixels = self.camera.background.copy()
        self._before = np.zeros_like(self.pixels)

    def begin(self, still: Iterable[Mobject], moving: Iterable[Mobject]) -> Box | None:
        """Draw everything, with ``still`` as the base; gives where it differs from before."""
        np.copyto(self._before, self.pixels)
        self.camera.reset()
        self._draw_all(self._listed(still))
        np.copyto(self._base, self.pixels)
        sprites = self._listed(moving)
        self._draw_all(sprites)
        self._shown = [id(sprite.mobject) for sprite in sprites]
        return _difference(self._before, self.pixels)

    def move(self, moving: Iterable[Mobject]) -> Box | None:
        """Draw what has changed over the base; gives where."""
        before = {one: self._sprites[one].box for one in self._shown}
        box: Box | None = None
        sprites, foreign = [], False
        for mobject in self._family(moving):
            sprite = self._sprite(mobject)
            plain = _plain(mobject)
            old = before.pop(id(mobject), None)
            if not plain:
                foreign = True
            elif sprite.renewed() or old is None:
                sprite.box = self._box(mobject)
                box = _union(_union(box, old), sprite.box)
            sprites.append(sprite)
        for gone in before.values():
            box = _union(box, gone)
        shown = [id(sprite.mobject) for sprite in sprites]
        if foreign or (box is None and shown != self._shown):
            box = self._all
        self._shown = shown
        box = _cut(box, self._all)
        if box is not None:
            self._redraw(sprites, box, foreign=foreign)
        return box

    def _redraw(self, sprites: Sequence[Sprite], box: Box, *, foreign: bool) -> None:
        left, top, right, bottom = box
        self.pixels[top:bottom, left:right] = self._base[top:bottom, left:right]
        if foreign:
            self._draw_all(sprites)
            return
        context = self._context
        context.save()
        matrix = context.get_matrix()
        context.identity_matrix()
        context.new_path()  # What was drawn last would be cut out of the clip.
        context.rectangle(left, top, right - left, bottom - top)
        context.clip()
        context.set_matrix(matrix)
        for sprite in sprites:
            if _meet(sprite.box, box):
                self._draw(sprite)
        context.restore()

    def _draw_all(self, sprites: Sequence[Sprite]) -> None:
        for sprite in sprites:
            if _plain(sprite.mobject):
                self._draw(sprite)
            else:
                self.camera.capture_mobjects([sprite.mobject], include_submobjects=False)

    def _listed(self, mobjects: Iterable[Mobject]) -> list[Sprite]:
        sprites = []
        for mobject in self._family(mobjects):
            sprite = self._sprite(mobject)
            if _plain(mobject) and sprite.renewed():
                sprite.box = self._box(mobject)
            sprites.append(sprite)
        return sprites

    def _family(self, mobjects: Iterable[Mobject]) -> list[Mobject]:
        return list(self.camera.get_mobjects_to_display(mobjects))

    def _sprite(self, mobject: Mobject) -> Sprite:
        sprite = self._sprites.get(id(mobject))
        if sprite is None:
            sprite = self._sprites[id(mobject)] = Sprite(mobject)
        return sprite

    def _box(self, mobject: VMobject) -> Box:
        """What a mobject may cover, rounded outwards."""
        points = mobject.points
        low, high = points.min(0), points.max(0)
        if not (math.isfinite(low.sum()) and math.isfinite(high.sum())):
            return self._all
        reach = 0.0 if _is_image(mobject) else self._reach(mobject)
        (across, down), (_, _, width, height) = self._scale, self._all
        center = self.camera.frame_center
        return (
            math.floor((low[0] - center[0] - reach) * across + width / 2) - 1,
            math.floor((center[1] - high[1] - reach) * down + height / 2) - 1,
            math.ceil((high[0] - center[0] + reach) * across + width / 2) + 1,
            math.ceil((center[1] - low[1] + reach) * down + height / 2) + 1,
        )

    def _reach(self, mobject: VMobject) -> float:
        """How far its lines may stick out."""
        widest = float(max(mobject.get_stroke_width(True), mobject.get_stroke_width(False)))
        reach: float = widest * self.camera.cairo_line_width_multiple / 2
        sharp = mobject.joint_type in (LineJointType.AUTO, LineJointType.MITER)
        return reach * MITER_LIMIT if sharp else reach

    def _draw(self, sprite: Sprite) -> None:
        """As :meth:`manim.Camera.display_vectorized`, without what cannot be seen."""
        mobject, context, camera = sprite.mobject, self._context, self.camera
        if _is_image(mobject):
            sprite.surface = sprite.surface or _surface(mobject)
            _draw_image(context, mobject, sprite.surface)
            return
        behind, width = mobject.get_stroke_width(True), mobject.get_stroke_width(False)
        fill = camera.get_fill_rgbas(mobject)
        strokes = [
            rgbas if thick and rgbas[:, 3].any() else None
            for thick, rgbas in (
                (behind, camera.get_stroke_rgbas(mobject, True)),
                (width, camera.get_stroke_rgbas(mobject)),
            )
        ]
        filled = bool(fill[:, 3].any())
        if not filled and strokes[0] is None and strokes[1] is None:
            return
        if sprite.path is not None:
            context.new_path()
            context.append_path(sprite.path)
        else:
            context.new_path()
            _trace(context, mobject)
            if sprite.repeated:
                sprite.path = context.copy_path()
        if strokes[0] is not None:
            self._stroke(mobject, strokes[0], behind)
        if filled:
            camera.set_cairo_context_color(context, fill, mobject)
            context.fill_preserve()
        if strokes[1] is not None:
            self._stroke(mobject, strokes[1], width)

    def _stroke(self, mobject: VMobject, rgbas: Any, width: float) -> None:
        context = self._context
        self.camera.set_cairo_context_color(context, rgbas, mobject)
        context.set_line_width(width * self.camera.cairo_line_width_multiple)
        context.set_line_join(LINE_JOIN_MAP[mobject.joint_type])
        context.set_line_cap(CAP_STYLE_MAP[mobject.cap_style])
        context.stroke_preserve()


def _trace(context: cairo.Context[Any], mobject: VMobject) -> None:
    """As :meth:`manim.Camera.set_cairo_context_path`, a few times as fast."""
    points = mobject.points[:, :2]
    if not np.isfinite(points).all():
        return
    near = mobject.tolerance_for_point_equality
    # A curve that doesn't begin where the one before ended begins another line.
    ends, begins = points[3:-1:4], points[4::4]
    apart = (np.abs(ends - begins) >= near + _RELATIVE * np.abs(begins)).any(1)
    splits = [0, *((np.flatnonzero(apart) + 1) * 4).tolist(), len(points) // 4 * 4]
    flat = points.ravel().tolist()
    curve_to = context.curve_to
    for start, end in itertools.pairwise(splits):
        if end - start < 4:
            continue
        context.new_sub_path()
        context.move_to(flat[2 * start], flat[2 * start + 1])
        for at in range(2 * start + 2, 2 * end, 8):
            curve_to(*flat[at : at + 6])
        if mobject.consider_points_equals_2d(points[start], points[end - 1]):
            context.close_path()


def _draw_image(context: cairo.Context[Any], mobject: Mobject, surface: cairo.ImageSurface) -> None:
    """Draw it over the parallelogram of its points: left and right above, left and right below."""
    width, height = surface.get_width(), surface.get_height()
    origin, right, below = mobject.points[:3, :2]
    across, down = (right - origin) / width, (below - origin) / height
    if abs(across[0] * down[1] - across[1] * down[0]) < _FLAT:
        return
    context.save()
    context.transform(cairo.Matrix(*across, *down, *origin))
    context.set_source_surface(surface)
    pattern = context.get_source()
    pattern.set_extend(cairo.Extend.PAD)
    if mobject.resampling_algorithm == RESAMPLING_ALGORITHMS["nearest"]:
        pattern.set_filter(cairo.Filter.NEAREST)
    context.new_path()
    context.rectangle(0, 0, width, height)
    context.fill()
    context.restore()


def _surface(mobject: Mobject) -> cairo.ImageSurface:
    """An image as cairo wants it: colours by their opacity."""
    pixels = np.ascontiguousarray(mobject.get_pixel_array(), np.uint8).copy()
    opacity = pixels[..., 3:]
    if opacity.min() < 255:
        pixels[..., :3] = (pixels[..., :3].astype(np.uint16) * opacity + 127) // 255
    height, width = pixels.shape[:2]
    return cairo.ImageSurface.create_for_data(pixels.data, cairo.FORMAT_ARGB32, width, height)


def _is_image(mobject: Mobject) -> bool:
    return isinstance(mobject, AbstractImageMobject)


def _plain(mobject: Mobject) -> bool:
    """Whether it is drawn here; point clouds and lines filled with pictures are manim's."""
    if isinstance(mobject, VMobject):
        return not mobject.background_image
    return _is_image(mobject)


def _paint(mobject: Mobject) -> tuple[Any, ...]:
    """All of a mobject's state that is seen, but its points."""
    if _is_image(mobject):
        pixels = np.ascontiguousarray(mobject.get_pixel_array())
        return pixels.shape, zlib.crc32(pixels.data)
    return (
        mobject.get_fill_rgbas().tobytes(),
        mobject.get_stroke_rgbas().tobytes(),
        mobject.get_stroke_rgbas(True).tobytes(),
        mobject.stroke_width,
        mobject.background_stroke_width,
        mobject.joint_type,
        mobject.cap_style,
        np.asarray(mobject.sheen_direction).tobytes(),
    )


def _difference(one: Pixels, other: Pixels) -> Box | None:
    differs = one.view(np.uint32)[..., 0] != other.view(np.uint32)[..., 0]
    rows = np.flatnonzero(differs.any(1))
    if not rows.size:
        return None
    columns = np.flatnonzero(differs[rows[0] : rows[-1] + 1].any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _union(one: Box | None, other: Box | None) -> Box | None:
    if one is None or other is None:
        return one or other
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _cut(box: Box | None, to: Box) -> Box | None:
    if box is None:
        return None
    left, top, right, bottom = (
        max(box[0], to[0]),
        max(box[1], to[1]),
        min(box[2], to[2]),
        min(box[3], to[3]),
    )
    return (left, top, right, bottom) if left < right and top < bottom else None


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
