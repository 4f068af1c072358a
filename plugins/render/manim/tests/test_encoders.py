"""Which encoder a machine uses: by a trial, kept, told, set, and given up where it fails.

There is no GPU here: the processor stands in for one where something is encoded.
"""

from __future__ import annotations

import json

import pytest

from bloop_manim import ManimPlugin, encoders
from bloop_manim.config import ManimConfig
from bloop_manim.encoders import Encoders, measured
from bloop_manim.encoding import Encoding
from bloop_sdk import RetriableError
from bloop_sdk.testing import FakeContext
from plugins.render.manim.tests.conftest import TestRenderer
from plugins.render.manim.tests.plans import plan

GPU = "h264_gpu"


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """What is there on a machine that may have an encoder."""
    device = tmp_path / "device"
    device.touch()
    monkeypatch.setattr(encoders, "GPUS", {"nvenc": (GPU, device)})
    return device


class Trials:
    """A table of what encoders take; counts how often it is asked."""

    def __init__(self, **seconds):
        self.seconds = seconds
        self.asked = 0

    def __call__(self, wanted):
        self.asked += 1
        return {one.codec: self.seconds.get(one.codec) for one in wanted}


def chosen(folder, trials, **settings):
    return Encoders(folder, ManimConfig(**settings), trials).chosen().codec


@pytest.mark.parametrize(
    ("setting", "seconds", "codec"),
    [
        ("auto", {"libx264": 2.0, GPU: 1.0}, GPU),
        ("auto", {"libx264": 1.0, GPU: 2.0}, "libx264"),
        ("auto", {"libx264": 1.0}, "libx264"),
        ("nvenc", {"libx264": 1.0, GPU: 2.0}, GPU),
        ("nvenc", {"libx264": 1.0}, "libx264"),
        ("cpu", {"libx264": 2.0, GPU: 1.0}, "libx264"),
    ],
)
def test_a_gpu_encodes_where_it_was_quicker_or_is_set(tmp_path, gpu, setting, seconds, codec):
    trials = Trials(**seconds)
    assert chosen(tmp_path, trials, encoder=setting) == codec
    # Kept: not even another process asks again.
    assert chosen(tmp_path, trials, encoder=setting) == codec
    assert trials.asked == (setting != "cpu")


def test_a_machine_without_a_gpu_is_not_timed(tmp_path, gpu):
    gpu.unlink()
    trials = Trials(libx264=2.0, h264_gpu=1.0)
    assert chosen(tmp_path, trials, encoder="nvenc") == "libx264"
    assert not trials.asked


def test_another_machine_is_timed_for_itself(tmp_path, gpu, monkeypatch):
    assert chosen(tmp_path, Trials(libx264=2.0, h264_gpu=1.0)) == GPU
    monkeypatch.setattr(encoders.platform, "node", lambda: "another")
    assert chosen(tmp_path, Trials(libx264=1.0, h264_gpu=2.0)) == "libx264"


def test_a_trial_is_made_by_a_process_of_its_own():
    found = measured([Encoding(preset="ultrafast"), Encoding(codec="h264_nowhere")])
    assert found["libx264"] > 0
    assert found["h264_nowhere"] is None


def test_a_file_that_is_none_is_written_anew(tmp_path, gpu):
    for text in ("", "[]", '{"x": 1}'):
        (tmp_path / "encoders.json").write_text(text)
        assert chosen(tmp_path, Trials(libx264=2.0, h264_gpu=1.0)) == GPU
        assert json.loads((tmp_path / "encoders.json").read_text())["seconds"][GPU] == 1.0


async def test_an_encoder_that_fails_in_the_middle_is_given_up_and_the_next_try_is_drawn(
    renderer, tmp_path, gpu
):
    config = ManimConfig(workers=2, encoder="nvenc")
    (tmp_path / "encoders.json").write_text(
        json.dumps({"machine": encoders._machine(), "seconds": {GPU: 0.5, "libx264": 1.0}})
    )
    shared = renderer._limits
    ctx = FakeContext(config=config, data_dir=tmp_path)
    renderer = TestRenderer(ctx)
    assert renderer._limits == shared, "its processes are those of the other tests"
    before = renderer.version()
    assert renderer.probe().accelerated
    with pytest.raises(RetriableError, match=r"the device was lost.*the processor encodes"):
        await renderer.render(plan("long", 2.0), tmp_path / "a.mp4")
    assert not (tmp_path / "a.mp4").exists()
    # Clips of another encoder can't be joined to the ones before: the version says so.
    assert renderer.version() != before
    assert not renderer.probe().accelerated
    clip = await renderer.render(plan("long", 2.0), tmp_path / "a.mp4")
    assert clip.frames == 20
    told = " ".join(ManimPlugin(ctx).notes())
    assert "encodes with libx264" in told
    assert "h264_gpu failed and is not used: h264_gpu could not encode the scene" in told


def test_what_was_chosen_is_told(tmp_path, gpu):
    Encoders(tmp_path, ManimConfig(), Trials(libx264=2.0, h264_gpu=1.0)).chosen()
    told = ManimPlugin(FakeContext(config=ManimConfig(latex=False), data_dir=tmp_path)).notes()
    assert told == [
        "encodes with h264_gpu",
        "  libx264 takes 2.00 s for a second of 720p",
        "  h264_gpu takes 1.00 s for a second of 720p",
        "uses no LaTeX, as set",
    ]
    gpu.unlink()
    told = ManimPlugin(FakeContext(config=ManimConfig(), data_dir=tmp_path)).notes()
    assert told[0] == "encodes with libx264: no GPU that encodes was found"
