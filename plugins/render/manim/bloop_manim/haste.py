"""Where manim does again what it has done: copies of mobjects, and animations that stand still.

What comes out is what manim gives.
"""

from __future__ import annotations

import copy
import enum
import pathlib
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from manim import Animation, AnimationGroup, ManimColor, Mobject

_SHARED = (
    *(int, float, str, bytes, bool, type(None), type, np.generic, enum.Enum, ManimColor),
    *(pathlib.PurePath, types.FunctionType, types.BuiltinFunctionType),
)
_ONCE_MADE = {"path_obj"}
"""Attributes that hold what a mobject was made from, and nobody changes."""


def hasten() -> None:
    """Let mobjects be copied quickly: every animation begins with copies of what it moves."""
    Mobject.__deepcopy__ = _copied


def _copied(self: Mobject, memo: dict[int, Any]) -> Mobject:
    """As manim's own, but what cannot change is shared."""
    cls = type(self)
    result: Mobject = object.__new__(cls)
    memo[id(self)] = result
    state = result.__dict__
    for name, value in self.__dict__.items():
        state[name] = value if name in _ONCE_MADE else _copy_of(value, memo)
    result.original_id = str(id(self))
    return result


def _copy_of(value: Any, memo: dict[int, Any]) -> Any:
    if isinstance(value, _SHARED):
        return value
    known = memo.get(id(value))
    if known is not None:
        return known
    if type(value) is list:
        many: list[Any] = []
        memo[id(value)] = many
        many.extend(_copy_of(one, memo) for one in value)
        return many
    if type(value) is np.ndarray and value.dtype != object:
        memo[id(value)] = value.copy()
        return memo[id(value)]
    return copy.deepcopy(value, memo)


def skip_repeats(animations: Iterable[Animation]) -> None:
    """Let animations that begin together leave alone what a frame doesn't change.

    Of a text that is being written most letters are not begun or done. Nothing is left out where
    two animations share a mobject, or one has updaters: each frame then builds on the other.
    """
    leaves = list(_leaves(animations))
    family = [mobject for leaf in leaves for mobject in leaf.mobject.get_family()]
    if len({id(mobject) for mobject in family}) < len(family):
        return
    if any(mobject.updaters for mobject in family):
        return
    for leaf in leaves:
        if type(leaf).interpolate_mobject is Animation.interpolate_mobject:
            leaf.interpolate_mobject = _Interpolation(leaf)


def _leaves(animations: Iterable[Animation]) -> Iterator[Animation]:
    for animation in animations:
        if isinstance(animation, AnimationGroup):
            yield from _leaves(animation.animations)
        else:
            yield animation


class _Interpolation:
    """``Animation.interpolate_mobject`` of one animation, which knows what it did last."""

    def __init__(self, animation: Animation) -> None:
        self._animation = animation
        self._start: Any = None
        self._families: list[tuple[Mobject, ...]] = []
        self._last: list[float | None] = []

    def __call__(self, alpha: float) -> None:
        animation = self._animation
        if animation.starting_mobject is not self._start:  # It begins, maybe again.
            self._start = animation.starting_mobject
            self._families = list(animation.get_all_families_zipped())
            self._last = [None] * len(self._families)
        count = len(self._families)
        for index, mobjects in enumerate(self._families):
            part = animation.get_sub_alpha(alpha, index, count)
            if part != self._last[index]:
                self._last[index] = part
                animation.interpolate_submobject(*mobjects, part)
