"""From cues to steps: what is shown, dimmed and brightened when.

Each step moves elements from one level of presence to another: 0 hidden, 1 bright, between dimmed.
A step is shortened when the next begins before its end, so that no cue waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from manim import Animation, ImageMobject, Mobject

from bloop_manim.drawing.sketch import Element
from bloop_sdk.providers.render import ScenePlan, TimedCue

CALM: Final = 0.5
DRAWN: Final = 0.8
_RISE: Final = 0.12
_KEPT: Final = "bright_looks"
_EVENLY: Final = {
    "bullets": ("item-",),
    "formula": ("step-",),
    "compare": ("left-", "right-"),
    "timeline": ("moment-",),
}
_BRIEF: Final = 3.0
"""Seconds; a shorter scene without cues shows everything at once."""


@dataclass(slots=True)
class Step:
    """Animations that begin together; ``at`` and ``seconds`` are the scene's time."""

    at: float
    seconds: float
    animations: list[Animation]


def eased(alpha: float) -> float:
    """Quick at first, then coming to rest."""
    return float(1 - (1 - min(1.0, max(0.0, alpha))) ** 3)


def smooth(alpha: float) -> float:
    """Slow at both ends."""
    alpha = min(1.0, max(0.0, alpha))
    return float(alpha * alpha * (3 - 2 * alpha))


class Change(Animation):  # type: ignore[misc]  # manim is not followed
    """Takes an element from one level of presence to another."""

    def __init__(self, element: Element, start: float, end: float, seconds: float) -> None:
        self.start, self.end = start, end
        self.motion = element.motion if start == 0 else "fade"
        self._base = _looks(element.mobject)
        super().__init__(
            element.mobject,
            run_time=seconds,
            rate_func=smooth if self.motion == "draw" else eased,
            introducer=start == 0,
            remover=end == 0,
        )

    def begin(self) -> None:
        """At its beginning an element looks as the step before left it."""
        self.interpolate(0)

    def interpolate_mobject(self, alpha: float) -> None:
        """Set how it looks at a share of the way."""
        done = self.rate_func(alpha)
        level = self.start + (self.end - self.start) * done
        rise = (done - 1) * _RISE if self.motion == "rise" else 0.0
        if self.motion == "draw":
            level = self.end
        for mobject, base in self._base:
            base.onto(mobject, level, rise, done if self.motion == "draw" else 1.0)


@dataclass(slots=True)
class _Base:
    """How one mobject looks when it is bright."""

    points: Any
    fill: Any
    stroke: Any
    pixels: Any

    def onto(self, mobject: Any, level: float, rise: float, drawn: float) -> None:
        if self.pixels is not None:
            mobject.pixel_array = self.pixels.copy()
            mobject.pixel_array[..., 3] = (self.pixels[..., 3] * level).astype(np.uint8)
            mobject.points = self.points + np.array([0.0, rise, 0.0])
            return
        dim = np.array([1.0, 1.0, 1.0, level])
        mobject.fill_rgbas, mobject.stroke_rgbas = self.fill * dim, self.stroke * dim
        points = self.points if drawn >= 1 else _first(self.points, drawn)
        mobject.points = points + np.array([0.0, rise, 0.0]) if rise else points


def _first(points: Any, share: float) -> Any:
    """The first share of a path, by its curves."""
    curves = len(points) // 4
    whole = share * curves
    count = int(whole)
    rest = whole - count
    if count >= curves or rest < 1e-6:
        return points[: count * 4]
    a, b, c, d = points[count * 4 : count * 4 + 4]
    # De Casteljau: the first part of the curve that is being drawn.
    ab, bc, cd = a + (b - a) * rest, b + (c - b) * rest, c + (d - c) * rest
    abc, bcd = ab + (bc - ab) * rest, bc + (cd - bc) * rest
    part = np.array([a, ab, abc, abc + (bcd - abc) * rest])
    return np.concatenate([points[: count * 4], part])


def _looks(mobject: Mobject) -> list[tuple[Mobject, _Base]]:
    """Kept with the mobject, whose own colours change as it is dimmed."""
    kept: list[tuple[Mobject, _Base]] | None = getattr(mobject, _KEPT, None)
    if kept is None:
        kept = [(one, _base(one)) for one in mobject.get_family()]
        setattr(mobject, _KEPT, kept)
    return kept


def _base(mobject: Any) -> _Base:
    if isinstance(mobject, ImageMobject):
        return _Base(mobject.points.copy(), None, None, mobject.pixel_array.copy())
    fill, stroke = getattr(mobject, "fill_rgbas", None), getattr(mobject, "stroke_rgbas", None)
    none = np.zeros((1, 4))
    return _Base(
        mobject.points.copy(),
        none if fill is None else np.array(fill),
        none if stroke is None else np.array(stroke),
        None,
    )


@dataclass(slots=True)
class _State:
    """Which parts are shown and which are highlighted."""

    dimmed: float
    shown: set[str]
    bright: set[str] = field(default_factory=set)

    def take(self, cue: TimedCue) -> None:
        if cue.action == "hide":
            self.shown.discard(cue.target)
            self.bright.discard(cue.target)
            return
        self.shown.add(cue.target)
        if cue.action == "highlight":
            self.bright = {cue.target}
        elif self.bright:
            self.bright.add(cue.target)

    def level(self, element: Element) -> float:
        if not element.needs <= self.shown:
            return 0.0
        marked = bool(element.marks & self.bright)
        if element.glow:
            return float(marked)
        return 1.0 if marked or not self.bright or not element.marks else self.dimmed


def steps(
    plan: ScenePlan, still: Iterable[Element], content: Sequence[Element], dimmed: float
) -> tuple[list[Mobject], list[Step]]:
    """What is there from the beginning, and the steps.

    ``still`` is the frame, of which only what a cue shows comes later.
    """
    frame = 1 / plan.look.fps
    cues = _all_cues(plan)
    parts = plan.scene.visual.parts()
    state = _State(dimmed, set(parts) - _hidden(cues))
    elements = [*still, *content]
    levels = {id(one): 0.0 for one in elements}
    there: list[Mobject] = []
    for element in still:
        if state.level(element) > 0:
            levels[id(element)] = 1.0
            there.append(element.mobject)
    moments: list[tuple[float, list[TimedCue]]] = [(0.0, [])]
    last = max(0.0, plan.seconds - frame)
    for cue in cues:
        at = min(max(0.0, cue.at), last)
        if at - moments[-1][0] < frame * 0.999:
            moments[-1][1].append(cue)
        else:
            moments.append((at, [cue]))
    made = []
    ends = [at for at, _ in moments[1:]] + [plan.seconds]
    for (at, taken), end in zip(moments, ends, strict=True):
        for cue in taken:
            state.take(cue)
        step = _step(at, max(end - at, frame), elements, levels, state)
        if step.animations:
            made.append(step)
    return there, made


def _step(
    at: float, room: float, elements: list[Element], levels: dict[int, float], state: _State
) -> Step:
    changing = [
        (one, levels[id(one)], state.level(one))
        for one in elements
        if levels[id(one)] != state.level(one)
    ]
    slow = any(one.motion == "draw" and not start for one, start, _ in changing)
    seconds = min(DRAWN if slow else CALM, room)
    for one, _, end in changing:
        levels[id(one)] = end
    return Step(at, seconds, [Change(one, start, end, seconds) for one, start, end in changing])


def _hidden(cues: Sequence[TimedCue]) -> set[str]:
    """Parts whose first appearance is by a cue."""
    first: dict[str, str] = {}
    for cue in cues:
        if cue.action != "highlight":
            first.setdefault(cue.target, cue.action)
    return {target for target, action in first.items() if action == "show"}


def _all_cues(plan: ScenePlan) -> list[TimedCue]:
    """The plan's cues in order, and those that a scene gives itself."""
    cues = sorted(plan.cues, key=lambda cue: cue.at)
    visual = plan.scene.visual
    if not cues and plan.seconds >= _BRIEF:
        prefixes = _EVENLY.get(visual.kind, ())
        items = [part for part in visual.parts() if part.startswith(prefixes)] if prefixes else []
        cues = [
            TimedCue(at=number * plan.seconds * 0.85 / len(items), action="show", target=item)
            for number, item in enumerate(items)
        ]
        if items and visual.kind == "formula" and "caption" in visual.parts():
            cues.append(TimedCue(at=cues[-1].at, action="show", target="caption"))
    if visual.kind == "quiz" and not any(cue.target == "answer" for cue in cues):
        cues.append(TimedCue(at=plan.seconds * 0.72, action="show", target="answer"))
        cues.sort(key=lambda cue: cue.at)
    return cues
