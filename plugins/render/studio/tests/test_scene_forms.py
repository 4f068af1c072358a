"""Scenes as forms: what a form shows is what it gives back, and changes meet each other."""

from __future__ import annotations

import pytest
from boards import scenes
from hypothesis import given, settings

from bloop_sdk import NotFoundError, PreconditionFailedError, UnsupportedError
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_studio import changes
from bloop_studio.fields import FIELDS, KINDS
from bloop_studio.scene_forms import (
    EXAMPLES,
    SceneFaultsError,
    blank,
    carried,
    form_of,
    scene_of,
)
from bloop_studio.scene_forms import (
    given as sent,
)


@settings(max_examples=60, deadline=None)
@given(scenes("one"))
def test_a_form_that_is_sent_back_as_it_is_changes_nothing_of_the_picture(scene):
    form = form_of(scene)
    # Browsers send line breaks of their own.
    values = {name: text.replace("\n", "\r\n") for name, text in form.values.items()}
    back = scene_of(sent(values, scene.visual.kind), scene)
    assert back.visual == scene.visual


def board(*names, **head):
    made = [
        {
            "id": name,
            "title": name,
            "narration": [{"id": "l1", "text": f"This is {name}."}],
            "visual": {"kind": "bullets", "items": [name]},
            "cues": [{"line": "l1", "word": name, "target": "item-1"}],
        }
        for name in names
    ]
    return Storyboard.model_validate({"title": "T", "scenes": made} | head)


def test_each_kind_has_its_fields_and_begins_with_something_that_can_be_drawn():
    pictures = {"assets": [{"id": "pic", "source": "a.png"}]}
    for kind in KINDS:
        scene = blank(kind, board("a", **pictures))
        form = form_of(scene)
        assert not form.as_text and {one.name for one in FIELDS[kind]} <= set(form.values)
        assert scene_of(form, scene) == scene
        for other in EXAMPLES:
            assert scene_of(carried(form, other), scene).visual.kind == other
    with pytest.raises(UnsupportedError, match="no picture"):
        blank("image", board("a"))


def test_lines_keep_their_ids_and_marks_through_an_edit():
    scene = board("wave").scenes[0]
    form = form_of(scene)
    assert form.values["narration"] == "This is [wave]{show=item-1}."
    form.values["narration"] = f"First of all.\n{form.values['narration']}\n\n  "
    edited = scene_of(form, scene)
    assert [line.id for line in edited.narration] == ["line-1", "l1"]
    assert edited.cues == scene.cues
    # A mark of a part that the new kind of picture lacks goes with the old picture.
    assert scene_of(carried(form, "title"), scene).cues == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"v.items": ""}, ("v.items", "at least 1")),
        ({"v.items": "\n".join(["x"] * 9)}, ("v.items", "at most 8")),
        ({"v.items": f"a\n{'x' * 201}"}, ("v.items", "line 2")),
        ({"narration": "Half a [wav]{show=item-1}e."}, ("narration", "no whole word")),
        ({"narration": "A [wave]{show=item-7}."}, ("narration", "item-7")),
        ({"seconds": "soon"}, ("seconds", "number")),
        ({"title": "x" * 81}, ("title", "80")),
    ],
)
def test_what_is_wrong_is_said_of_its_field(changed, fault):
    scene = board("wave").scenes[0]
    form = form_of(scene)
    form.values.update(changed)
    with pytest.raises(SceneFaultsError) as found:
        scene_of(form, scene)
    assert list(found.value.faults) == [fault[0]]
    assert fault[1] in str(found.value.faults[fault[0]])


def test_what_others_change_elsewhere_stays_and_the_same_is_refused():
    base = board("a", "b", "c")
    theirs = changes.move("c", 1).apply(changes.put(renamed(base, "b", "theirs")).apply(base))
    mine = changes.onto(changes.put(renamed(base, "a", "mine")), base, theirs)
    assert [(one.id, one.title) for one in mine.scenes] == [
        ("c", "c"),
        ("a", "mine"),
        ("b", "theirs"),
    ]
    for change in (changes.put(renamed(base, "b", "mine")), changes.remove("b")):
        with pytest.raises(PreconditionFailedError):
            changes.onto(change, base, theirs)
    with pytest.raises(PreconditionFailedError):
        changes.onto(changes.about(title="U"), base, changes.about(title="V").apply(base))
    gone = changes.remove("a").apply(base)
    with pytest.raises(PreconditionFailedError):
        changes.onto(changes.put(renamed(base, "a", "mine")), base, gone)
    with pytest.raises(NotFoundError):
        changes.onto(changes.move("a", 2), base, gone)


def test_copies_get_ids_of_their_own_and_the_last_scene_stays():
    made = changes.duplicate("a").apply(changes.duplicate("a").apply(board("a", "b")))
    assert [one.id for one in made.scenes] == ["a", "a-3", "a-2", "b"]
    assert [one.id for one in changes.move("a", 2).apply(made).scenes] == ["a-3", "a", "a-2", "b"]
    assert changes.move("a", -1).apply(made) == made
    with pytest.raises(UnsupportedError, match="at least one"):
        changes.remove("a").apply(board("a"))


def test_the_same_form_sent_twice_does_it_once():
    base = board("a", "b")
    for change in (
        changes.put(renamed(base, "b", "mine")),
        changes.add(blank("quiz", base), "a"),
        changes.add(blank("quiz", base), None),
        changes.duplicate("a"),
        changes.move("a", 2),
        changes.remove("a"),
        changes.about(title="U"),
    ):
        once = changes.onto(change, base, base)
        assert once != base
        assert changes.onto(change, base, once) == once
    # From the version that has the copy, it is another one.
    copied = changes.onto(changes.duplicate("a"), base, base)
    assert len(changes.onto(changes.duplicate("a"), copied, copied).scenes) == 4


def renamed(of: Storyboard, id_: str, title: str) -> Scene:
    found = of.scenes[changes.place(of, id_)]
    return found.model_copy(update={"title": title})
