"""The layout check: what is wrong with a picture, and what can be mended without its author."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from bloop_manim.drawing.canvas import HARD_CAP
from bloop_manim.drawing.compose import Sheet, compose, overlaps
from bloop_manim.drawing.split import halves, sides
from bloop_sdk.providers.render import Fault, Layout, ScenePlan
from bloop_sdk.storyboard import Compare, Scene

_COVERED: Final = 0.3
_UNDRAWN: Final = 0.4
_SHRUNK: Final = 0.85


def check(plan: ScenePlan) -> Layout:
    """Measures a scene as it would be drawn: shrinks it, splits it, or says why it can't be shown.

    The same scene always gives the same answer.
    """
    sheet = compose(plan)
    found = _found(sheet)
    if sheet.fits and not found:
        return Layout(scenes=(plan.scene,), faults=_once([*_given(sheet), *_shrunk(sheet)]))
    for scenes in halves(plan.scene):
        sheets = _fitting(plan, scenes)
        if sheets:
            return Layout(scenes=scenes, faults=_once([*_split(scenes), *_all_given(sheets)]))
    if isinstance(plan.scene.visual, Compare) and _hopeless(sheet, found):
        parts = [check(replace(plan, scene=scene)) for scene in sides(plan.scene)]
        if not any(part.refused for part in parts):
            scenes = tuple(scene for part in parts for scene in part.scenes)
            told = [*_split(scenes), *(fault for part in parts for fault in part.faults)]
            return Layout(scenes=scenes, faults=_once(told))
    faults = _once([*_given(sheet), *found])
    return Layout(scenes=(plan.scene,), faults=faults, refused=_hopeless(sheet, found))


def _fitting(plan: ScenePlan, scenes: tuple[Scene, ...]) -> list[Sheet]:
    """The pictures of some scenes if nothing is wrong with any."""
    sheets = []
    for scene in scenes:
        sheet = compose(replace(plan, scene=scene))
        if not sheet.fits or _found(sheet):
            return []
        sheets.append(sheet)
    return sheets


def _all_given(sheets: Iterable[Sheet]) -> list[Fault]:
    return [fault for sheet in sheets for fault in _given(sheet)]


def _given(sheet: Sheet) -> list[Fault]:
    return [*sheet.faults, *sheet.frame.faults, *sheet.content.faults]


def _once(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    return tuple(dict.fromkeys(faults))


def _split(scenes: tuple[Scene, ...]) -> list[Fault]:
    message = f"too full for one picture: shown as {len(scenes)}, one after the other"
    return [Fault(code="off_canvas", target=scenes[0].visual.kind, message=message, mended=True)]


def _shrunk(sheet: Sheet) -> list[Fault]:
    if sheet.scale >= _SHRUNK:
        return []
    message = f"drawn at {sheet.scale:.0%} of its size, so that all of it has room"
    return [Fault(code="off_canvas", target="", message=message, mended=True)]


def _found(sheet: Sheet) -> list[Fault]:
    """What measuring finds: texts too small, over each other, off the canvas, or too pale."""
    return [*_small(sheet), *_overlapping(sheet), *_outside(sheet), *_pale(sheet)]


def _small(sheet: Sheet) -> list[Fault]:
    pixels = sheet.canvas.pixels / 8.0
    worst: dict[str, Fault] = {}
    for text in (*sheet.frame.texts, *sheet.content.texts):
        if text.cap < text.least * 0.985 and text.part not in worst:
            worst[text.part] = Fault(
                code="too_small",
                target=text.part,
                message=f"capitals of {text.cap * pixels:.1f} pixels, of {text.least * pixels:.1f} "
                "needed; use fewer or shorter texts, or a wider format",
            )
    return list(worst.values())


def _overlapping(sheet: Sheet) -> list[Fault]:
    return [
        Fault(
            code="overlap",
            target=one.part or other.part,
            message=f"{_quoted(one.text)} and {_quoted(other.text)} cover each other; "
            "shorten one of them or move them apart",
        )
        for one, other, _ in overlaps(sheet.content)
    ]


def _outside(sheet: Sheet) -> list[Fault]:
    whole = sheet.canvas.whole
    parts = {
        next(iter(sorted(element.needs)), "")
        for element in (*sheet.frame.elements, *sheet.content.elements)
        if not element.box.within(whole)
    }
    return [
        Fault(code="off_canvas", target=part, message="reaches beyond the picture; use less of it")
        for part in sorted(parts)
    ]


def _pale(sheet: Sheet) -> list[Fault]:
    least = sheet.theme.least
    return [
        Fault(
            code="contrast",
            target=text.part,
            message=f"{_quoted(text.text)} has a contrast of {sheet.content.contrast_of(text):.1f} "
            f"to 1, of {least:g} needed; choose another primary or accent colour",
        )
        for text in (*sheet.frame.texts, *sheet.content.texts)
        if sheet.content.contrast_of(text) < least * 0.98
    ]


def _quoted(text: str) -> str:
    return f"“{text[:30]}…”" if len(text) > 31 else f"“{text}”"


def _hopeless(sheet: Sheet, found: list[Fault]) -> bool:
    """Whether what is left would not be understood."""
    content = sheet.content
    if any(text.cap < sheet.canvas.least_cap(HARD_CAP) for text in content.texts):
        return True
    if any(share > _COVERED for _, _, share in overlaps(content)):
        return True
    if content.letters and content.missing > _UNDRAWN * content.letters:
        return True
    parts = {text.part for text in content.texts if text.part != "caption"}
    return (bool(content.lost) and content.lost >= parts) or any(
        f.code == "off_canvas" for f in found
    )
