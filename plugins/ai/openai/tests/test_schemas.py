"""Schemas for strict decoders, and answers back in the schema's own terms."""

from __future__ import annotations

import copy

import pytest
from jsonschema import Draft202012Validator
from standin import check_strict

from bloop_openai.answers import Form, read_json
from bloop_openai.schemas import BeyondStrictError, strict, without_nulls
from bloop_sdk import UnsupportedError
from bloop_sdk.storyboard import Storyboard, read_storyboard, storyboard_schema

SIDE = {"title": "a", "items": ["x"]}
VISUALS = [
    {"kind": "title", "title": "Waves"},
    {"kind": "bullets", "items": ["one", "two"], "ordered": True},
    {"kind": "formula", "steps": ["a", "b"]},
    {"kind": "plot", "x": {"minimum": 0, "maximum": 9}, "curves": [{"expression": "x^2"}]},
    {"kind": "array", "values": ["1", "2"]},
    {"kind": "graph", "nodes": [{"id": "a", "label": "A"}], "edges": []},
    {"kind": "table", "header": ["a"], "rows": [["1"], ["2"]]},
    {"kind": "code", "text": "x = 1", "language": "python"},
    {"kind": "compare", "left": SIDE, "right": SIDE},
    {"kind": "timeline", "moments": [{"when": "1905", "what": "Light"}] * 2},
    {"kind": "image", "asset": "leaf", "caption": "A leaf"},
    {"kind": "geometry", "shapes": [{"id": "c", "shape": "point", "vertices": [{"x": 0, "y": 1}]}]},
    {"kind": "quiz", "question": "Why?", "choices": ["a", "b"], "answer": 1},
]  # fmt: skip


def filled(value, node, root):
    """A value as a strict decoder writes it: with null for everything that is left out."""
    while "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    if "anyOf" in node:
        valid = (
            one
            for one in node["anyOf"]
            if Draft202012Validator({**one, "$defs": root["$defs"]}).is_valid(value)
        )
        return filled(value, next(valid), root)
    if isinstance(value, list):
        return [filled(one, node["items"], root) for one in value]
    if isinstance(value, dict):
        return {
            name: filled(value[name], part, root) if name in value else None
            for name, part in node["properties"].items()
        }
    return value


def board(visuals):
    scenes = [
        {
            "id": f"scene-{number}",
            "narration": [{"id": f"line-{number}", "text": "A word is said."}],
            "visual": visual,
        }
        for number, visual in enumerate(visuals)
    ]
    assets = [{"id": "leaf", "source": "/files/leaf.png"}]
    return {"title": "Waves", "scenes": scenes, "assets": assets}


def test_the_storyboards_schema_has_a_strict_form():
    schema = storyboard_schema()
    before = copy.deepcopy(schema)
    made = strict(schema)
    assert schema == before
    Draft202012Validator.check_schema(made)
    check_strict(made, ())
    plot = made["$defs"]["Plot"]
    assert next(iter(plot["properties"])) == "kind", "what tells visuals apart is written first"
    assert plot["properties"]["kind"] == {"type": "string", "enum": ["plot"]}
    line = made["$defs"]["Line"]["properties"]
    assert line["text"]["description"] == "at least 1 characters; at most 1000 characters"
    assert len(made["$defs"]["Scene"]["properties"]["visual"]["anyOf"]) == 13


@pytest.mark.parametrize("visual", VISUALS, ids=lambda one: one["kind"])
def test_a_storyboard_that_a_strict_decoder_wrote_is_the_storyboard(visual):
    schema = storyboard_schema()
    meant = board([visual])
    assert Draft202012Validator(schema).is_valid(meant), "the test's own"
    written = filled(meant, schema, schema)
    assert Draft202012Validator(strict(schema)).is_valid(written)
    assert without_nulls(written, schema) == meant
    assert read_storyboard(without_nulls(written, schema)) == Storyboard.model_validate(meant)


def test_what_is_required_may_be_null_and_what_nobody_knows_stays():
    schema = {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "b": {"type": "string"},
        },
        "required": ["a"],
    }
    assert without_nulls({"a": None, "b": None, "c": None}, schema) == {"a": None, "c": None}


@pytest.mark.parametrize(
    "part",
    [
        {},
        True,
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "string"}]},
        {"type": "string", "not": {"const": "x"}},
        {"allOf": [{"type": "string"}, {"minLength": 2}]},
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/properties/x"},
        {"const": {"a": 1}},
    ],
    ids=str,
)
def test_what_has_no_strict_form(part):
    with pytest.raises(BeyondStrictError):
        strict({"type": "object", "properties": {"x": part}, "required": ["x"]})


def test_a_schema_that_refers_to_itself():
    tree = {
        "$defs": {
            "Tree": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "next": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
                },
                "required": ["name"],
            }
        },
        "$ref": "#/$defs/Tree",
    }
    made = strict(tree)
    check_strict(made, ())
    value = {"name": "a", "next": {"name": "b", "next": None}}
    assert Draft202012Validator(made).is_valid(value)
    assert without_nulls(value, tree) == {"name": "a", "next": {"name": "b"}}


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' \n{"a": 1}\n',
        '```json\n{"a": 1}\n```',
        'Here you are:\n\n```\n{"a": 1}\n```\nGood luck.',
        'The answer is {"a": 1}, I think.',
        '<think>{"b": 2} or so</think>{"a": 1}',
    ],
)
def test_json_is_found_in_an_answer(text):
    assert read_json(text) == {"a": 1}


@pytest.mark.parametrize("text", ["", "no", '{"a": NaN}', '{"a": Infinity}', '{"a"', "{" * 9])
def test_what_is_no_json(text):
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_a_fault_of_a_union_is_told_of_the_branch_that_was_meant():
    form = Form(storyboard_schema())
    _, faults = form.read(
        '{"title": "W", "scenes": [{"id": "a", "visual": {"kind": "bullets", "items": []}}]}'
    )
    assert [str(one) for one in faults] == ["scenes.0.visual.items: minItems"]


def test_a_value_that_is_no_object_is_asked_for_within_one():
    form = Form({"type": "array", "items": {"type": "integer"}})
    check_strict(form.strict, ())
    assert form.read('{"answer": [1, 2]}') == ([1, 2], [])
    assert form.read("[1, 2]")[1]


@pytest.mark.parametrize(
    "schema",
    [{"type": "nonsense"}, {"type": "object", "properties": {"a": {"$ref": "http://x/no"}}}],
)
def test_what_is_no_schema_is_refused_with_a_cure(schema):
    with pytest.raises(UnsupportedError) as caught:
        Form(schema).read('{"a": 1}')
    assert caught.value.cure
