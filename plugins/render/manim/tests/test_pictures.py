"""What scenes look like: every kind and part, in time with its cues, and measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from manim import Camera

from bloop_manim.drawing import check, timeline
from bloop_manim.drawing.compose import compose, overlaps
from bloop_manim.drawing.fonts import _unfit
from bloop_manim.drawing.text import _broken, _width
from bloop_sdk.providers.render import Look, ScenePlan, TimedCue
from bloop_sdk.storyboard import Scene
from plugins.render.manim.tests.generated import KINDS, scene

EXAMPLES = {
    one["scene"]["id"]: one["scene"]
    for one in json.loads(Path(__file__).with_name("scenes.json").read_text("utf-8"))
}
FORMATS = {"wide": (854, 480), "tall": (480, 854), "square": (480, 480)}


def plan(what, seconds=10.0, cues=(), shape="wide", **more):
    if isinstance(what, str):
        what = EXAMPLES[what]
    made = what if isinstance(what, Scene) else Scene.model_validate(what)
    width, height = FORMATS[shape]
    look = Look(width=width, height=height, fps=10, **more.pop("look", {}))
    return ScenePlan(scene=made, seconds=seconds, cues=tuple(cues), look=look, **more)


def cue(at, target, action="show"):
    return TimedCue(at=at, action=action, target=target)


def picture(drawing, at, width=160, height=90):
    """The pixels of a scene at a time, as manim's camera sees it."""
    there = drawing.mobjects()
    for step in (one for one in drawing.steps if one.at <= at):
        for animation in step.animations:
            animation.begin()
            animation.interpolate(min(1.0, (at - step.at) / step.seconds))
            if animation.mobject not in there:
                there.append(animation.mobject)
    wide, high = drawing.frame
    camera = Camera(
        pixel_width=width, pixel_height=height, frame_width=wide, frame_height=high,
        background_color=drawing.background,
    )  # fmt: skip
    camera.capture_mobjects(there)
    return np.array(camera.pixel_array)[..., :3].astype(int)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_part_of_a_visual_is_drawn(name):
    made = plan(name)
    elements = compose(made)
    drawn = {
        part for e in (*elements.frame.elements, *elements.content.elements) for part in e.needs
    }
    assert drawn >= set(made.scene.visual.parts())


def test_examples_show_every_kind():
    assert {one["visual"]["kind"] for one in EXAMPLES.values()} == set(KINDS)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("shape", FORMATS)
def test_examples_are_within_the_picture_and_cover_nothing(name, shape):
    found = check(plan(name, shape=shape))
    assert not found.refused
    for one in found.scenes:
        sheet = compose(plan(one, shape=shape))
        assert sheet.fits
        assert not overlaps(sheet.content)
        assert all(e.box.within(sheet.canvas.whole) for e in sheet.content.elements)


@pytest.mark.parametrize("theme", ["light", "dark", "contrast"])
def test_texts_have_the_contrast_of_their_theme(theme):
    least = {"light": 4.5, "dark": 4.5, "contrast": 7.0}[theme]
    for name in EXAMPLES:
        sheet = compose(
            plan(name, look={"theme": theme, "primary": "#ffe08a", "accent": "#334" + "455"})
        )
        for text in (*sheet.frame.texts, *sheet.content.texts):
            assert sheet.content.contrast_of(text) >= least * 0.98, (name, text)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_storyboard_holds_is_drawn_or_refused_with_a_reason(kind):
    refused = 0
    for seed, shape in enumerate(FORMATS):
        found = check(plan(scene(kind, seed), shape=shape))
        refused += found.refused
        assert not found.refused or any(not fault.mended for fault in found.faults)
        for one in found.scenes:
            assert timeline(plan(one, shape=shape)).steps
    assert refused <= 2


def test_a_check_finds_the_same_again():
    assert check(plan(scene("bullets", 0))) == check(plan(scene("bullets", 0)))


def test_what_a_cue_shows_is_hidden_until_then():
    drawing = timeline(plan("bullets-1", cues=[cue(2, "item-2"), cue(4, "item-3")]))
    before, later = picture(drawing, 1.9), picture(drawing, 2.6)
    drawing = timeline(plan("bullets-1", cues=[cue(2, "item-2"), cue(4, "item-3")]))
    assert [step.at for step in drawing.steps] == [0, 2, 4]
    # The second line is below the middle of the first; nothing else has changed.
    changed = np.argwhere(np.abs(before - later).max(axis=2) > 40)
    assert len(changed)
    assert changed[:, 0].min() > 35
    assert changed[:, 0].max() < 62


def test_a_scene_without_cues_shows_its_items_evenly():
    drawing = timeline(plan("bullets-1", seconds=12))
    assert [round(step.at, 1) for step in drawing.steps] == [0, 3.4, 6.8]
    assert [step.at for step in timeline(plan("bullets-1", seconds=2)).steps] == [0]


def test_the_answer_of_a_quiz_waits_though_no_cue_shows_it():
    drawing = timeline(plan("quiz-1", seconds=10))
    assert [round(step.at, 1) for step in drawing.steps] == [0, 7.2]
    early, late = (picture(timeline(plan("quiz-1", seconds=10)), at) for at in (7, 9))
    assert np.abs(early - late).max() > 60


def test_highlighting_dims_the_rest_until_the_next():
    cues = [cue(1, "cell-1", "highlight"), cue(3, "cell-2", "highlight")]
    drawing = timeline(plan("array-1", cues=cues))
    elements = {}
    for step in drawing.steps[1:]:
        elements[step.at] = {id(a.mobject): a for a in step.animations}
    assert set(elements) == {1, 3}
    ends = sorted({round(a.end, 2) for a in elements[1].values()})
    assert ends == [0.45, 1.0]


@pytest.mark.parametrize("gap", [0.0, 0.04, 0.1, 0.25])
def test_cues_that_come_while_something_moves_are_neither_late_nor_lost(gap):
    cues = [cue(1 + gap * n, f"item-{n + 1}") for n in range(3)]
    drawing = timeline(plan("bullets-1", cues=cues))
    shown = {}
    for step in drawing.steps:
        for animation in step.animations:
            if animation.end == 1 and step.at:
                shown.setdefault(id(animation.mobject), step.at)
    sheet = compose(plan("bullets-1", cues=cues))
    assert len(shown) == sum(bool(e.needs) and not e.glow for e in sheet.content.elements)
    late = [min(abs(at - one.at) for one in cues) for at in shown.values()]
    assert max(late) <= 0.1 + 1e-9
    ends = [step.at + step.seconds for step in drawing.steps]
    assert all(end <= after.at + 1e-9 for end, after in zip(ends, drawing.steps[1:], strict=False))


def test_what_is_hidden_is_taken_away_and_may_come_again():
    cues = [cue(1, "item-1", "hide"), cue(3, "item-1")]
    drawing = timeline(plan("bullets-1", cues=cues))
    hidden, again = drawing.steps[1:]
    assert all(a.is_remover() for a in hidden.animations)
    assert all(a.is_introducer() for a in again.animations)
    assert {id(a.mobject) for a in hidden.animations} == {id(a.mobject) for a in again.animations}


def test_a_full_list_becomes_several_scenes_with_what_is_said_to_each():
    items = [f"Point {n}: " + "something that has to be explained at length " * 3 for n in range(8)]
    whole = {
        "id": "full",
        "narration": [{"id": f"l{n}", "text": f"Now point {n}."} for n in range(8)],
        "visual": {"kind": "bullets", "title": "Too much", "items": items},
        "cues": [{"line": f"l{n}", "word": "point", "target": f"item-{n + 1}"} for n in range(8)],
    }
    found = check(plan(whole))
    assert len(found.scenes) > 1
    assert [fault.mended for fault in found.faults] == [True]
    assert [item for one in found.scenes for item in one.visual.items] == items
    said = [line.text for one in found.scenes for line in one.narration]
    assert said == [f"Now point {n}." for n in range(8)]
    for one in found.scenes:
        lines = {line.id for line in one.narration}
        assert [c.target for c in one.cues] == [f"item-{n + 1}" for n in range(len(lines))]
    assert len({one.id for one in found.scenes}) == len(found.scenes)
    # What was mended needs no mending.
    assert all(check(plan(one)).scenes == (one,) for one in found.scenes)


def test_colours_of_an_institution_that_can_not_be_read_are_changed_and_told():
    found = check(plan("bullets-1", look={"primary": "#ffee00"}))
    assert [(f.code, f.target, f.mended) for f in found.faults] == [("contrast", "primary", True)]
    assert not check(plan("bullets-1", look={"primary": "#0b3d91"})).faults


def test_right_to_left_begins_at_the_right():
    words = {"id": "a", "visual": {"kind": "bullets", "items": ["תא חי", "אנרגיה"]}}
    left, right = (
        [t.box for t in compose(plan(words, language=language)).content.texts]
        for language in ("en", "he")
    )
    assert all(box.right > 5.5 for box in right)
    assert all(box.left < -5 for box in left)


def test_a_character_that_no_font_draws_is_named_and_leaves_no_box():
    words = {"id": "a", "visual": {"kind": "title", "title": "Rune \U00013000 here"}}
    found = check(plan(words))
    assert [(f.code, f.target) for f in found.faults] == [("glyph", "title")]
    assert "U+13000" in found.faults[0].message
    assert not found.refused


def test_a_text_of_which_no_font_draws_anything_is_told():
    words = {"id": "a", "visual": {"kind": "title", "title": "\U00013000\U00013001"}}
    found = check(plan(words))
    assert [(f.code, f.target) for f in found.faults] == [("glyph", "title")]
    assert timeline(plan(words)).steps


@pytest.mark.parametrize("width", [4.0, 6.5, 9.0])
def test_a_word_wider_than_a_line_is_broken_with_hyphens_and_leaves_no_letter_alone(width):
    word = "Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung"
    lines = _broken(word, (), "body", "de", width)
    assert "".join(line.removesuffix("-") for line in lines) == word
    assert all(line.endswith("-") for line in lines[:-1])
    assert len(lines[-1]) >= 4
    assert all(_width(line, "body", "de", ()) <= width for line in lines)
    assert "-" not in "".join(_broken("光合成" * 30, (), "body", "ja", width))


def test_of_the_machines_fonts_the_regular_one_is_for_what_is_read():
    names = ["DejaVuSans-Bold", "DejaVuSans", "NotoSansArabic-Bold", "NotoSansArabic-Regular"]
    assert min(names, key=lambda one: _unfit(one, bold=False)) == "NotoSansArabic-Regular"
    assert min(names, key=lambda one: _unfit(one, bold=True)) == "NotoSansArabic-Bold"
    assert min(names[:2], key=lambda one: _unfit(one, bold=False)) == "DejaVuSans"


def test_poles_are_not_joined():
    made = {"id": "p", "visual": {"kind": "plot", "x": {"minimum": -2, "maximum": 2},
            "y": {"minimum": -5, "maximum": 5}, "curves": [{"expression": "1/x"}]}}  # fmt: skip
    sheet = compose(plan(made))
    curve = next(e for e in sheet.content.elements if e.needs == {"curve-1"}).mobject
    steps = np.diff(curve.points[::4, :2], axis=0)
    whole = sheet.content.bounds()
    assert np.abs(steps[:, 1]).max() > whole.height * 0.7, "from one branch to the other"
    # No curve itself leads across: each is short.
    spans = np.abs(curve.points[3::4, 1] - curve.points[::4, 1])
    assert spans.max() < whole.height * 0.3
