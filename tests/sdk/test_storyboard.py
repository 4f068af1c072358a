"""Storyboards: what is refused and how that is told, what cues can name, what plots can say."""

import json
import math
import re
import typing
from pathlib import Path

import jsonschema
import pytest

from bloop_sdk import MalformedRecordError
from bloop_sdk.storyboard import (
    Expression,
    Storyboard,
    Visual,
    find_word,
    lesson_language,
    read_storyboard,
    storyboard_schema,
    words,
)
from bloop_sdk.storyboard.expressions import CONSTANTS, FUNCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "storyboards.md"
EXAMPLES = [
    json.loads(one) for one in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
]
WHOLE = next(one for one in EXAMPLES if "scenes" in one)
SHOWN = {one["kind"]: one for one in EXAMPLES if "kind" in one}
KINDS = {
    typing.get_args(model.model_fields["kind"].annotation)[0]: model
    for model in typing.get_args(typing.get_args(Visual)[0])
}


def board(visual=None, **scene):
    """A storyboard of one scene."""
    scene = {
        "id": "one",
        "narration": [{"id": "line-1", "text": "The sea is deep, the sea is wide."}],
        "visual": visual or {"kind": "bullets", "items": ["deep", "wide"]},
        **scene,
    }
    assets = [{"id": "picture-1", "source": "/files/beats.png"}]
    return {"title": "Sea", "scenes": [scene], "assets": assets}


# The page ----------------------------------------------------------------------------------


def test_the_page_shows_each_kind_and_its_parts():
    assert SHOWN.keys() == KINDS.keys()
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE))
    assert rows.keys() == KINDS.keys()
    for kind, example in SHOWN.items():
        parts = KINDS[kind].model_validate(example).parts()
        told = set(re.findall(r"`([a-z]+)(?:-[01])?`", rows[kind]))
        own = {node["id"] for node in example.get("nodes", example.get("shapes", ()))}
        named = {re.sub(r"-\d+$", "", part) for part in parts if part not in own}
        assert named - {"title"} <= told, kind


@pytest.mark.parametrize("kind", SHOWN)
def test_an_example_of_the_page_can_be_shown(kind):
    made = read_storyboard(board(SHOWN[kind]))
    assert made.scenes[0].visual.kind == kind
    jsonschema.validate(board(SHOWN[kind]), storyboard_schema())


def test_the_whole_example_of_the_page_can_be_read():
    made = read_storyboard(json.dumps(WHOLE))
    assert read_storyboard(made.model_dump_json()) == made
    jsonschema.validate(WHOLE, storyboard_schema())
    [cue] = made.scenes[1].cues
    assert find_word(made.scenes[1].narration[0].text, cue.word, cue.nth)


def test_the_page_names_the_functions_and_constants():
    text = PAGE.read_text()
    line = text.partition("<!-- functions -->")[2].partition("(")[0]
    assert re.findall(r"`(\w+)`", line) == sorted(FUNCTIONS)
    for name in CONSTANTS:
        assert f"`{name}`" in text


# What is refused ---------------------------------------------------------------------------

ORIGIN = [{"x": 0, "y": 0}]
SIDE = {"title": "a", "items": ["b"]}
LINE = {"line": "line-1", "word": "sea"}
BAD_VISUALS = {
    "an unknown kind": ({"kind": "video"}, "kind"),
    "no kind": ({"items": ["a"]}, "kind"),
    "a key that nobody knows": ({"kind": "title", "title": "a", "onclick": "x()"}, "onclick"),
    "an empty title": ({"kind": "title", "title": ""}, "at least 1 character"),
    "a long title": ({"kind": "title", "title": "a" * 81}, "at most 80"),
    "no bullets": ({"kind": "bullets", "items": []}, "at least 1 item"),
    "nine bullets": ({"kind": "bullets", "items": ["a"] * 9}, "at most 8"),
    "a bullet that is a paragraph": ({"kind": "bullets", "items": ["a" * 201]}, "at most 200"),
    "an uneven table": (
        {"kind": "table", "header": ["a", "b"], "rows": [["1", "2"], ["1"]]},
        "row 2 has 1 cells, the header 2",
    ),
    "a wide table": ({"kind": "table", "header": ["a"] * 7, "rows": [["1"] * 7]}, "at most 6"),
    "long lines of code": ({"kind": "code", "text": "x" * 101}, "28 lines of 100"),
    "many lines of code": ({"kind": "code", "text": "x\n" * 29}, "28 lines of 100"),
    "a language with spaces": ({"kind": "code", "text": "x", "language": "a b"}, "pattern"),
    "a plot of nothing": (
        {"kind": "plot", "x": {"minimum": 0, "maximum": 1}},
        "needs a curve or a point",
    ),
    "an axis that shrinks": (
        {"kind": "plot", "x": {"minimum": 1, "maximum": 0}, "points": [{"x": 0, "y": 0}]},
        "maximum must be above minimum",
    ),
    "a point at infinity": (
        {"kind": "plot", "x": {"minimum": 0, "maximum": 1}, "points": [{"x": 0, "y": 1e400}]},
        "finite",
    ),
    "an edge to nowhere": (
        {
            "kind": "graph",
            "nodes": [{"id": "a", "label": "A"}],
            "edges": [{"source": "a", "target": "b"}],
        },
        "'b', which is no node",
    ),
    "two nodes of one id": (
        {"kind": "graph", "nodes": [{"id": "a", "label": "A"}, {"id": "a", "label": "B"}]},
        "two nodes have the same id",
    ),
    "a picture that is no asset": ({"kind": "image", "asset": "other"}, "which is no asset"),
    "a comparison of one": ({"kind": "compare", "left": SIDE}, "right"),
    "one moment": ({"kind": "timeline", "moments": [{"when": "1", "what": "a"}]}, "at least 2"),
    "a segment of one end": (
        {"kind": "geometry", "shapes": [{"id": "a", "shape": "segment", "vertices": ORIGIN}]},
        "a segment has 2 to 2 vertices",
    ),
    "a circle without a radius": (
        {"kind": "geometry", "shapes": [{"id": "a", "shape": "circle", "vertices": ORIGIN}]},
        "a circle has a radius",
    ),
    "an answer beyond the choices": (
        {"kind": "quiz", "question": "a?", "choices": ["b", "c"], "answer": 3},
        "choice 3 is the answer, of 2",
    ),
}  # fmt: skip
BAD_SCENES = {
    "an id with spaces": ({"id": "a scene"}, "pattern"),
    "a cue of an unknown line": ({"cues": [{**LINE, "line": "x", "target": "item-1"}]}, "line 'x'"),
    "a cue of an unknown part": (
        {"cues": [{**LINE, "target": "item-3"}]},
        "part 'item-3'; the bullets has item-1, item-2",
    ),
    "a cue of an unknown action": (
        {"cues": [{**LINE, "target": "item-1", "action": "explode"}]},
        "'show', 'highlight' or 'hide'",
    ),
    "two lines of one id": (
        {"narration": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]},
        "two lines have the same id",
    ),
    "an empty line": ({"narration": [{"id": "a", "text": ""}]}, "at least 1 character"),
    "a scene without end": ({"seconds": 100_000}, "less than or equal to 120"),
}
LONG = [{"id": f"l{number}", "text": "a" * 1000} for number in range(12)]
BAD_BOARDS = {
    "says_too_much": (
        {
            "scenes": [
                {
                    "id": f"s{number}",
                    "narration": LONG,
                    "visual": {"kind": "title", "title": "A"},
                }
                for number in range(6)
            ]
        },
        "72000 characters are said",
    ),
    "no scenes": ({"scenes": []}, "at least 1 item"),
    "two scenes of one id": ({"scenes": board()["scenes"] * 2}, "used twice as an id: one"),
    "a language that is none": ({"language": "English, please"}, "language"),
    "a version from the future": ({"version": 2}, "version"),
    "an unknown maker": ({"made_by": "magic"}, "made_by"),
    "no title": ({"title": ""}, "title"),
}


@pytest.mark.parametrize(("visual", "told"), BAD_VISUALS.values(), ids=BAD_VISUALS)
def test_a_bad_visual_is_refused_with_its_fault(visual, told):
    with pytest.raises(MalformedRecordError, match=re.escape(told)):
        read_storyboard(board(visual))


@pytest.mark.parametrize(("scene", "told"), BAD_SCENES.values(), ids=BAD_SCENES)
def test_a_bad_scene_is_refused_with_its_fault(scene, told):
    with pytest.raises(MalformedRecordError, match=re.escape(told)):
        read_storyboard(board(**scene))


@pytest.mark.parametrize(("changed", "told"), BAD_BOARDS.values(), ids=BAD_BOARDS)
def test_a_bad_storyboard_is_refused_with_its_fault(changed, told):
    with pytest.raises(MalformedRecordError, match=re.escape(told)):
        read_storyboard({**board(), **changed})


@pytest.mark.parametrize("text", ["", "nothing", "[]", "null", '{"scenes": 1}', "{" * 5000])
def test_what_is_no_storyboard_at_all_is_refused(text):
    with pytest.raises(MalformedRecordError, match="not a storyboard"):
        read_storyboard(text)


def test_faults_are_told_with_their_places():
    bad = board({"kind": "bullets", "items": ["a", ""]})
    with pytest.raises(MalformedRecordError, match=r"scenes\.0\.visual\.bullets\.items\.1: "):
        read_storyboard(bad)


# The schema --------------------------------------------------------------------------------


def test_the_schema_is_what_strict_modes_take():
    schema = storyboard_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert "oneOf" not in text
    assert "discriminator" not in text
    assert "prefixItems" not in text
    for name, model in schema["$defs"].items():
        if model.get("type") == "object":
            assert model["additionalProperties"] is False, name
    refused = board({"kind": "bullets", "items": []})
    assert not jsonschema.Draft202012Validator(schema).is_valid(refused)


def test_a_storyboard_can_not_be_changed():
    made = Storyboard.model_validate(board())
    with pytest.raises(ValueError, match="frozen"):
        made.title = "other"


# Plots -------------------------------------------------------------------------------------

VALUES = {
    "x^2 - 1": (3.0, 8.0),
    "x**2": (3.0, 9.0),
    "-x": (3.0, -3.0),
    "2*sin(pi/2)": (0.0, 2.0),
    "ln(e)": (0.0, 1.0),
    "log(1000)": (0.0, 3.0),
    "abs(x) + sign(x)": (-2.0, 1.0),
    "sqrt(x)": (-1.0, None),
    "1/x": (0.0, None),
    "exp(x)": (1e6, None),
    "tan(x)^0": (0.0, 1.0),
    "9^9^9^9": (0.0, None),
}
ATTACKS = [
    "", "2x", "y", "x if x else 1", "lambda: 1", "(1).__class__", "__import__('os')", "x.real",
    "open('/etc/passwd')", "[x]", "x[0]", "x and 1", "x < 1", "x := 1", "f'{x}'", "'a' * 9", "True",
    "sin", "sin(x, x)", "sin(x=1)", "max(x, 1)", "print(x)", "x; x", "x\nx", "x % 2", "x // 2",
    "~x", "1j", "x @ x", "*x", "x" * 121, "(" * 60 + "x" + ")" * 60 + "+", "-" * 40 + "x",
    "sin(" * 25 + "x" + ")" * 25,
    "\x00", "await x", "x!", "`x`", "$x$", "\\frac{x}{2}",
]  # fmt: skip


@pytest.mark.parametrize(("text", "at"), VALUES.items(), ids=VALUES)
def test_expressions_have_values(text, at):
    x, y = at
    got = Expression.parse(text).at(x)
    assert got == y if y is None else math.isclose(got, y)


@pytest.mark.parametrize("text", ATTACKS, ids=ascii)
def test_what_is_no_arithmetic_is_refused(text):
    with pytest.raises(ValueError):
        Expression.parse(text)
    curve = {"kind": "plot", "x": {"minimum": 0, "maximum": 1}, "curves": [{"expression": text}]}
    with pytest.raises(MalformedRecordError):
        read_storyboard(board(curve))


# Words -------------------------------------------------------------------------------------

TEXT = "The sea's deep, the SEA is wide; 光合成 is H₂O and $E = m c^2$."


@pytest.mark.parametrize(
    ("word", "nth", "found"),
    [
        ("the", 1, "The"),
        ("the", 2, "the"),
        ("sea", 1, "SEA"),
        ("seas", 1, "sea's"),
        ("sea is wide", 1, "SEA is wide"),
        ("wide!", 1, "wide"),
        ("合", 1, "合"),
        ("合成", 1, "合成"),
        ("h2o", 1, "H₂O"),
        (";", 1, ";"),
        ("the", 3, None),
        ("se", 1, None),
        ("", 1, None),
    ],
)
def test_words_are_found_as_cues_name_them(word, nth, found):
    where = find_word(TEXT, word, nth)
    assert (where and TEXT[slice(*where)]) == found


def test_words_cover_all_letters_and_digits():
    covered = {at for word in words(TEXT) for at in range(word.start, word.end)}
    assert all(at in covered for at, sign in enumerate(TEXT) if sign.isalnum())


@pytest.mark.parametrize(
    ("said", "text", "told"),
    [
        ("en-US", "Привет, как у тебя дела?", "ru"),
        ("sr-Latn", "Здраво, како си данас?", "sr-Latn"),
        ("en-GB-x-ukhe", "Colours", "en-GB"),
        ("nb-x-k12", "", "nb"),
        ("pt_br", "", "pt-BR"),
        ("ZH_hant_tw", "", "zh-Hant-TW"),
        ("de_DE.UTF-8@euro", "", "de-DE"),
        ("English", "Hello", "und"),
        ("", "", "und"),
        ("", "여러분 모두 안녕하세요 반갑습니다", "ko"),
        ("en", "水 is 물", "en"),
        ("en", "", "en"),
    ],
)
def test_a_lessons_language_is_a_tag_that_its_letters_do_not_refuse(said, text, told):
    assert lesson_language(said, text) == told
