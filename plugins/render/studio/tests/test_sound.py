from __future__ import annotations

import array
from pathlib import Path

import av
import pytest
from av.filter import Graph
from studio_media import loudest, samples, speak

from bloop_sdk import FatalError
from bloop_sdk.providers.ai import Speech
from bloop_studio.sound import Placed, make_sound


def measured(path: Path) -> tuple[float, float]:
    """Integrated loudness (LUFS) and true peak (linear), by libavfilter."""
    graph = Graph()
    with av.open(path) as source:
        stream = source.streams.audio[0]
        meter = graph.add("ebur128", "metadata=1:peak=true")
        graph.link_nodes(graph.add_abuffer(template=stream), meter, graph.add("abuffersink"))
        graph.configure()
        found = {}
        for frame in source.decode(stream):
            graph.push(frame)
            while True:
                try:
                    found = graph.pull().metadata
                except (av.BlockingIOError, av.EOFError):
                    break
    return float(found["lavfi.r128.I"]), float(found["lavfi.r128.true_peak"])


@pytest.fixture(scope="module")
def lines():
    return [
        Placed(0.5, lambda: speak("one two three click four five six seven", 22_050, 1, "click")),
        Placed(8.0, lambda: speak("one click two three four", 16_000, 2, "click")),
        Placed(15.25, lambda: speak("one two click three four five", 48_000, 3, "click")),
    ]


def test_every_rate_lands_where_it_was_placed_at_one_loudness(tmp_path, lines):
    target = tmp_path / "sound.m4a"
    sound = make_sound(lines, 20.0, target)
    for line in lines:
        speech = line.load()
        click = max(speech.words, key=lambda w: _level(speech, w.begins)).begins
        heard = loudest(target, line.at, line.at + speech.seconds)
        assert heard == pytest.approx(line.at + click, abs=0.003)
    loudness, peak = measured(target)
    assert loudness == pytest.approx(-16.0, abs=1.0) and peak <= 10 ** (-1 / 20)
    assert sound.lufs < -20 and sound.gain > 4
    with av.open(target) as source:
        stream = source.streams.audio[0]
        assert stream.duration * stream.time_base == 20 and stream.start_time == 0
        assert stream.rate == 48_000 and stream.layout.name == "stereo"
    assert samples(target)[0] == 0.0


def _level(speech: Speech, at: float) -> int:
    first = round(at * speech.rate)
    return max(map(abs, array.array("h", speech.pcm)[first : first + 40]))


def test_the_same_lines_give_the_same_bytes(tmp_path, lines):
    one, two = tmp_path / "a.m4a", tmp_path / "b.m4a"
    near = [Placed(0.5, lines[0].load), Placed(5.0, lines[1].load)]
    make_sound(near, 8.0, one)
    make_sound(near[::-1], 8.0, two)
    assert one.read_bytes() == two.read_bytes()


def test_silence_stays_silent(tmp_path):
    nothing = Speech(pcm=b"", rate=22_050, words=(), exact=True)
    sound = make_sound([Placed(0.5, lambda: nothing)], 2.0, tmp_path / "s.m4a")
    assert sound.lufs is None and sound.gain == 0.0
    assert max(map(abs, samples(sound.path)[1])) < 1e-4


@pytest.mark.parametrize(("second", "seconds"), [(1.0, 20.0), (5.0, 6.0)])
def test_lines_that_do_not_fit_are_refused_and_leave_no_file(tmp_path, second, seconds):
    speech = speak("one two three four five six seven eight nine")
    with pytest.raises(FatalError, match=r"starts before|after the video"):
        make_sound(
            [Placed(0.0, lambda: speech), Placed(second, lambda: speech)],
            seconds,
            tmp_path / "s.m4a",
        )
    assert list(tmp_path.iterdir()) == []
