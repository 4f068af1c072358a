from __future__ import annotations

import json

from boards import storyboards
from hypothesis import given, settings

from bloop_sdk.storyboard import Storyboard
from bloop_studio.diff import Run, compare, word_diff


def scene(name: str, **more) -> dict:
    lines = [{"id": "l1", "text": "We look at the middle."}, {"id": "l2", "text": "Then half."}]
    return {
        "id": name,
        "title": name.title(),
        "narration": lines,
        "visual": {"kind": "bullets", "items": ["One", "Two", "Three"]},
        "cues": [{"line": "l1", "word": "middle", "target": "item-1"}],
        **more,
    }


def board(*scenes: dict, **more) -> Storyboard:
    return Storyboard.model_validate({"title": "Search", "scenes": list(scenes), **more})


def told(old: Storyboard, new: Storyboard) -> list[str]:
    return compare(old, new).text().split("\n")


def test_scenes_that_came_went_or_moved_are_named_and_as_few_as_possible():
    old = board(scene("a"), scene("b"), scene("c"), scene("d"))
    new = board(scene("d"), scene("a"), scene("new", narration=[], cues=[]), scene("c"))
    assert sorted(told(old, new)) == [
        "scene b removed: bullets, 2 lines",
        "scene d moved to 1",
        "scene new added: bullets, 0 lines",
    ]
    assert compare(old, new).scenes == {"new"}


def test_a_changed_line_is_told_word_by_word():
    new = scene("a")
    new["narration"] = [
        {"id": "l2", "text": "Then half."},
        {"id": "l1", "text": "We look at the very middle!"},
        {"id": "l3", "text": "Done."},
    ]
    assert told(board(scene("a")), board(new)) == [
        "scene a line l2 moved to 1",
        "scene a line l1: We look at the{+ very+} middle[-.-]{+!+}",
        "scene a line l3 added: Done.",
    ]


def test_fields_of_a_picture_and_cues_are_told_one_by_one():
    new = scene(
        "a",
        title="Other",
        seconds=9,
        visual={
            "kind": "bullets",
            "items": ["One", "Two and a half", "Three", "Four"],
            "ordered": True,
        },
        cues=[{"line": "l2", "word": "half", "action": "highlight", "target": "item-2"}],
    )
    assert told(board(scene("a")), board(new, language="de")) == [
        "language: [-en-]{+de+}",
        "scene a title: [-A-]{+Other+}",
        "scene a seconds: nothing is now 9.0",
        "scene a picture items[2]: Two{+ and a half+}",
        "scene a picture items[4] added: Four",
        "scene a picture ordered: False is now True",
        "scene a line l1 cue removed: show item-1 at 'middle'",
        "scene a line l2 cue added: highlight item-2 at 'half'",
    ]


def test_another_kind_of_picture_is_one_change():
    new = scene("a", visual={"kind": "title", "title": "Hello"}, cues=[])
    changes = compare(board(scene("a", cues=[])), board(new))
    assert changes.text() == "scene a picture kind: bullets is now title"
    assert changes.data()[0]["after"]["title"] == "Hello"


def test_words_are_told_apart_without_loss():
    runs = word_diff("a b c", "a c d")
    assert runs == (
        Run("same", "a"), Run("removed", " b"), Run("same", " c"), Run("added", " d")
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(storyboards(), storyboards())
def test_equal_storyboards_have_no_changes_and_others_have(old, new):
    assert compare(old, old).changes == () and compare(old, old).text() == ""
    changes = compare(old, new)
    assert bool(changes.changes) == (old != new) or _only_the_order_of_cues(old, new)
    json.dumps(changes.data())
    for one in changes.changes:
        if one.words:
            assert "".join(run.text for run in one.words if run.kind != "added") == one.before
            assert "".join(run.text for run in one.words if run.kind != "removed") == one.after


def _only_the_order_of_cues(old: Storyboard, new: Storyboard) -> bool:
    return sorted(old.model_dump_json()) == sorted(new.model_dump_json())
