from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studio_media import speak

from bloop_sdk.storyboard import Scene
from bloop_sdk.storyboard.words import find_word, words
from bloop_studio.spoken.model import Span, Spoken
from bloop_studio.timing import Pauses, Voiced, offsets, plan_scene, reading_seconds

VOCABULARY = ["a", "tree", "Wurzel", "node", "Node", "x", "10", "left", "größer", "it's", "Дерево"]


def plain(text: str) -> Spoken:
    return Spoken(text, tuple(Span(w.start, w.end, w.start, w.end) for w in words(text)))


def scene_of(lines: dict[str, str], cues=(), **more) -> Scene:
    return Scene.model_validate(
        {
            "id": "s",
            "visual": {"kind": "bullets", "items": ["One", "Two", "Three"]},
            "narration": [{"id": name, "text": text} for name, text in lines.items()],
            "cues": [
                {"line": line, "word": word, "nth": nth, "target": target}
                for line, word, nth, target in cues
            ],
            **more,
        }
    )


def voiced(lines: dict[str, str], seed: int = 1) -> dict[str, Voiced]:
    return {
        name: Voiced(spoken=plain(text), speech=speak(text, seed=seed + number))
        for number, (name, text) in enumerate(lines.items())
    }


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_cue_comes_within_a_frame_of_its_word(data):
    fps = data.draw(st.sampled_from([24, 25, 30, 50, 60]))
    lines = {
        f"l{number}": " ".join(data.draw(st.lists(st.sampled_from(VOCABULARY), min_size=1)))
        for number in range(data.draw(st.integers(1, 3)))
    }
    cues = []
    for name, text in lines.items():
        pieces = text.split(" ")
        which = data.draw(st.integers(0, len(pieces) - 1))
        nth = sum(one.casefold() == pieces[which].casefold() for one in pieces[: which + 1])
        cues.append((name, pieces[which].swapcase(), nth, "item-1", which))
    said = voiced(lines, data.draw(st.integers(0, 99)))
    timed = plan_scene(scene_of(lines, [cue[:4] for cue in cues]), said, fps)

    wanted = sorted(
        timed.starts[line] + said[line].speech.words[which].begins for line, _, _, _, which in cues
    )
    assert not timed.problems
    for cue, at in zip(timed.cues, wanted, strict=True):
        assert abs(cue.at - at) <= 1 / fps
        assert abs(cue.at * fps - round(cue.at * fps)) < 1e-6
    assert timed.cues[-1].at < timed.seconds
    ends = [0.0]
    for one in timed.lines:
        assert one.starts >= ends[-1] and one.ends <= timed.seconds
        ends.append(one.ends)


def test_a_word_that_is_gone_falls_back_to_the_lines_start_and_is_named():
    lines = {"one": "first things first", "two": "then the rest"}
    cues = [("two", "leaves", 1, "item-1"), ("one", "first", 3, "item-2")]
    timed = plan_scene(scene_of(lines, cues), voiced(lines), 30)
    assert [(p.code, p.line, p.word) for p in timed.problems] == [
        ("word_missing", "two", "leaves"),
        ("word_missing", "one", "first"),
    ]
    assert [(c.at, c.target) for c in timed.cues] == [
        (timed.starts["one"], "item-2"),
        (timed.starts["two"], "item-1"),
    ]


def test_a_word_that_is_written_and_not_said_is_named():
    text = "look 🙂 here"
    said = Voiced(
        spoken=Spoken("look here", (Span(0, 4, 0, 4), Span(7, 11, 5, 9))), speech=speak("look here")
    )
    timed = plan_scene(scene_of({"l": text}, [("l", "🙂", 1, "item-1")]), {"l": said}, 30)
    assert [p.code for p in timed.problems] == ["word_unsaid"]
    assert timed.cues[0].at == timed.starts["l"]


def test_the_last_animation_ends_before_the_scene_does():
    lines = {"l": "and then it ends"}
    rest = Pauses(animation=2.0, rest=1.0, tail=0.1)
    said = voiced(lines)
    timed = plan_scene(scene_of(lines, [("l", "ends", 1, "item-1")]), said, 30, rest)
    assert timed.seconds >= timed.cues[-1].at + 3.0 - 1 / 30
    assert plan_scene(scene_of(lines), said, 30, rest).seconds < timed.seconds


@pytest.mark.parametrize("seconds", [None, 9.0])
def test_without_a_voice_lines_last_as_long_as_they_take_to_read(seconds):
    lines = {"l": "A short one.", "m": "This one goes on and on, so that it takes longer to read."}
    scene = scene_of(lines, [("m", "longer", 1, "item-1")], seconds=seconds)
    timed = plan_scene(scene, {}, 25)
    first, second = (one.ends - one.starts for one in timed.lines)
    assert second == pytest.approx(reading_seconds(lines["m"])) and first == pytest.approx(1.0)
    assert timed.lines[1].starts < timed.cues[0].at < timed.lines[1].ends
    assert timed.seconds >= (seconds or 0.0)


def test_a_scene_without_lines_stays_as_long_as_it_says_or_as_it_takes_to_look_at():
    assert plan_scene(scene_of({}, seconds=3.01), {}, 30).frames == 91
    short = plan_scene(scene_of({}), {}, 30).seconds
    rich = scene_of({}, visual={"kind": "bullets", "items": ["many words to be read " * 4] * 8})
    assert 2.0 <= short < plan_scene(rich, {}, 30).seconds <= 30.0


def test_scenes_start_where_the_frames_before_them_end():
    timed = [plan_scene(scene_of({}, seconds=1.01 + n / 7), {}, 30) for n in range(50)]
    starts = list(offsets(timed))
    assert starts[-1] == sum(one.frames for one in timed[:-1]) / 30


@pytest.mark.parametrize(
    ("text", "wanted", "nth", "found"),
    [
        ("The tree, a Tree: trees.", "tree", 2, "Tree"),
        ("The tree, a Tree: trees.", "tree", 3, None),
        ("It's Euler’s idea", "euler's", 1, "Euler’s"),
        ("a state-of-the-art tree", "state of the art", 1, "state-of-the-art"),
        ("Die Größe, die GRÖSSE", "größe", 2, "GRÖSSE"),
        ("für n → ∞ gilt", "→", 1, "→"),
        ("二分探索は速い。探索する。", "探索", 2, "探索"),
        ("é is é", "é", 2, "é"),
        ("हिन्दी में किताब", "किताब", 1, "किताब"),
        ("nothing here", "", 1, None),
        ("x² and x2", "x2", 1, "x²"),
    ],
)
def test_words_are_found_as_people_read_them(text, wanted, nth, found):
    where = find_word(text, wanted, nth)
    assert (None if where is None else text[slice(*where)]) == found
