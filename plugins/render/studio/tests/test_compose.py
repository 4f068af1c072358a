from __future__ import annotations

import av
import pytest
from studio_media import BLUE, RED, colours, loudest, make_clip, speak

from bloop_sdk import FatalError
from bloop_sdk.providers.render import Clip
from bloop_sdk.storyboard import Scene
from bloop_sdk.storyboard.words import words
from bloop_studio.compose import Metadata, compose
from bloop_studio.marks import Caption, CaptionWord, Chapter
from bloop_studio.sound import Placed, make_sound
from bloop_studio.spoken.model import Span, Spoken
from bloop_studio.thumbnail import thumbnail
from bloop_studio.timing import Voiced, plan_scene

META = Metadata(title="Bäume", language="de-AT")
CHAPTERS = [Chapter(0.0, "Wurzel"), Chapter(1.5, "Blätter 🍃"), Chapter(5.5, "Ende")]
CAPTIONS = [
    Caption(starts=0.5, ends=1.2, words=(CaptionWord("Größe\nzählt", 0.5),)),
    Caption(starts=2.0, ends=6.0, words=(CaptionWord("nicht", 2.0),)),
]


@pytest.fixture(scope="module")
def joined(tmp_path_factory, three_clips):
    folder = tmp_path_factory.mktemp("joined")
    line = speak("one two three click", click="click")
    sound = make_sound([Placed(0.4, lambda: line)], 6.5, folder / "s.m4a").path
    told = []
    video = compose(
        three_clips,
        sound,
        folder / "v.mp4",
        metadata=META,
        chapters=CHAPTERS,
        captions=CAPTIONS,
        progress=lambda done, whole: told.append((done, whole)),
    )
    return video, sound, told


def test_clips_follow_each_other_to_the_frame(joined):
    video, _, told = joined
    assert colours(video.path) == [(0.0, "red"), (1.5, "blue"), (5.5, "green")]
    assert video.starts == (0.0, 1.5, 5.5) and video.seconds == 6.5
    assert told[-1] == (6.5, 6.5) and [at for at, _ in told] == sorted(at for at, _ in told)
    with av.open(video.path) as source:
        pictures, heard = source.streams.video[0], source.streams.audio[0]
        for stream in (pictures, heard):
            assert stream.duration * stream.time_base == 6.5 and stream.start_time == 0
        packets = [one for one in source.demux(pictures) if one.pts is not None]
    decoded = [one.dts for one in packets]
    assert decoded == sorted(set(decoded)) and all(one.dts <= one.pts for one in packets)
    keys = [float(one.pts * one.time_base) for one in packets if one.is_keyframe]
    assert {0.0, 1.5, 5.5} <= set(keys)


def test_the_file_starts_with_its_index_and_knows_what_it_is(joined):
    video, _, _ = joined
    data = video.path.read_bytes()
    assert len(data) == video.size and 0 < data.find(b"moov") < data.find(b"mdat")
    assert b"chpl" in data
    with av.open(video.path) as source:
        assert source.metadata["title"] == "Bäume"
        for kind in (source.streams.video, source.streams.audio, source.streams.subtitles):
            assert kind[0].metadata["language"] == "deu"
        assert [
            (float(one["start"] * one["time_base"]), one["metadata"]["title"])
            for one in source.chapters()
        ] == [(one.starts, one.title) for one in CHAPTERS]
        texts = [
            (float(one.pts * one.time_base), bytes(one)[2:].decode())
            for one in source.demux(subtitles=0)
            if one.size > 2
        ]
    assert texts == [(0.5, "Größe\nzählt"), (2.0, "nicht")]


def test_the_same_input_gives_the_same_bytes(joined, three_clips, tmp_path):
    video, sound, _ = joined
    again = compose(
        three_clips, sound, tmp_path / "v.mp4", metadata=META, chapters=CHAPTERS, captions=CAPTIONS
    )
    assert again.path.read_bytes() == video.path.read_bytes()


def test_the_picture_changes_in_the_frame_in_which_the_word_is_heard(tmp_path):
    fps, folder, at = 30, tmp_path, 0.0
    clips, lines, expected = [], [], []
    for number in range(3):
        text = "the colour changes click now and stays"
        said = speak(text, (22_050, 16_000, 24_000)[number], seed=number + 5, click="click")
        scene = Scene.model_validate(
            {
                "id": f"s{number}",
                "visual": {"kind": "bullets", "items": ["One"]},
                "narration": [{"id": "l", "text": text}],
                "cues": [{"line": "l", "word": "click", "target": "item-1"}],
            }
        )
        spoken = Spoken(text, tuple(Span(w.start, w.end, w.start, w.end) for w in words(text)))
        timed = plan_scene(scene, {"l": Voiced(spoken=spoken, speech=said)}, fps)
        change = round(timed.cues[0].at * fps)
        clips.append(make_clip(folder / f"{number}.mp4", {0: RED, change: BLUE}, timed.frames))
        lines.append(Placed(at + timed.starts["l"], lambda said=said: said))
        expected.append((at, at + timed.seconds))
        at += timed.seconds
    sound = make_sound(lines, at, folder / "s.m4a")
    video = compose(clips, sound.path, folder / "v.mp4", metadata=META)

    turned_blue = [when for when, colour in colours(video.path) if colour == "blue"]
    for when, (after, before) in zip(turned_blue, expected, strict=True):
        assert abs(loudest(video.path, after, before) - when) <= 1 / fps


def test_a_video_without_sound_is_a_video(three_clips, tmp_path):
    video = compose(three_clips, None, tmp_path / "v.mp4", metadata=META)
    with av.open(video.path) as source:
        assert [one.type for one in source.streams] == ["video"]


def test_clips_of_another_kind_are_refused_by_name(three_clips, tmp_path):
    other = make_clip(tmp_path / "odd.mp4", {0: RED}, 10, size=(192, 108))
    with pytest.raises(FatalError, match=r"odd\.mp4 can't be joined.*192x108.*160x90") as caught:
        compose([*three_clips, other], None, tmp_path / "v.mp4", metadata=META)
    assert caught.value.code == "clips_differ"
    plain = make_clip(tmp_path / "plain.mp4", {0: RED}, 10, options={"profile": "baseline"})
    with pytest.raises(FatalError, match=r"plain\.mp4"):
        compose([*three_clips, plain], None, tmp_path / "v.mp4", metadata=META)
    assert not (tmp_path / "v.mp4").exists()


def test_clips_without_enough_key_frames_or_too_long_are_refused(tmp_path):
    sparse = make_clip(tmp_path / "sparse.mp4", {0: RED}, 150, options={"g": "500"})
    with pytest.raises(FatalError, match="no key frame for 5"):
        compose([sparse], None, tmp_path / "v.mp4", metadata=META)
    long = Clip(path=sparse.path, seconds=3.0, frames=90)
    with pytest.raises(FatalError, match=r"longer than the 3\.000 s"):
        compose([long], None, tmp_path / "v.mp4", metadata=META)
    with pytest.raises(FatalError, match="no clips"):
        compose([], None, tmp_path / "v.mp4", metadata=META)


def test_sound_of_another_length_is_refused(joined, three_clips, tmp_path):
    with pytest.raises(FatalError, match=r"the sound lasts 6\.50 s, the pictures 5\.50 s"):
        compose(three_clips[:2], joined[1], tmp_path / "v.mp4", metadata=META)


def test_what_progress_raises_ends_the_joining_and_leaves_nothing(three_clips, tmp_path):
    def stop(done: float, whole: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compose(three_clips, None, tmp_path / "v.mp4", metadata=META, progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "start"), [("t.png", b"\x89PNG"), ("t.jpg", b"\xff\xd8")])
@pytest.mark.parametrize(("at", "colour"), [(0.0, 0), (1.6, 2), (4.0, 2), (6.49, 1), (99.0, 1)])
def test_a_thumbnail_is_what_is_shown_at_its_time(joined, tmp_path, name, start, at, colour):
    target = thumbnail(joined[0].path, at, tmp_path / name, width=80)
    assert target.read_bytes().startswith(start)
    with av.open(target) as source:
        frame = next(source.decode(video=0))
        first = bytes(frame.reformat(format="rgb24").planes[0])[:3]
    assert (frame.width, frame.height) == (80, 44) and first.index(max(first)) == colour
