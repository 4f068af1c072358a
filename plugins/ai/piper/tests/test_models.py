"""Which voices are installed."""

from __future__ import annotations

import json

import pytest

from bloop_piper.config import PiperConfig
from bloop_piper.models import installed
from bloop_sdk import ConfigError
from bloop_sdk.testing import ListLogger

JOE = "en_US-joe-medium"


def of(folder=None, log=None, **settings):
    return installed(PiperConfig(voices_dir=folder, **settings), log or ListLogger())


def test_a_wheel_brings_a_voice():
    (joe,) = of().values()
    voice = joe.voice
    assert (voice.id, voice.name, voice.language) == (JOE, "Joe", "en-US")
    assert voice.natural and voice.exact


def test_a_folder_brings_more_and_the_best_of_a_language_comes_first(voices_dir):
    found = [(one.voice.id, one.voice.language) for one in of(voices_dir).values()]
    assert found == [
        (JOE, "en-US"),
        ("en_GB-tiny-low", "en-GB"),
        ("de_DE-two-high/p0", "de-DE"),
        ("de_DE-two-high/p1", "de-DE"),
        ("xx-blind", "xx"),
        ("xx-letters", "xx"),
    ]
    assert of(voices_dir)["de_DE-two-high/p1"].speaker == 1


async def test_a_speaker_of_several_is_heard(tiny):
    assert (await tiny.synthesize("one", "de_DE-two-high/p1")).pcm


def test_what_can_t_be_used_is_left_out_and_logged(tmp_path, write_voice):
    write_voice(tmp_path / "zh_CN-a.onnx", phoneme_type="pinyin")
    write_voice(tmp_path / "en-b.onnx")
    (tmp_path / "en-b.onnx.json").write_text("{")
    write_voice(tmp_path / "en-c.onnx")
    (tmp_path / "en-c.onnx.json").write_text(json.dumps({"espeak": 1}))
    (tmp_path / "en-d.onnx").write_bytes(b"without a file of settings")
    log = ListLogger()
    assert list(of(tmp_path, log)) == [JOE]
    assert len(log.lines) == 3
    assert "pinyin" in log.lines[-1][2]["error"]


def test_a_version_is_that_of_the_model_and_of_what_can_be_heard(tmp_path, write_voice):
    write_voice(tmp_path / "en-a.onnx")

    def version(**settings):
        return of(tmp_path, **settings)["en-a"].voice.version

    first = version()
    assert version(idle_seconds=5) == first
    assert version(sentence_pause=0.5) == f"{first}+sentence_pause=0.5"
    assert version(threads=1) not in {first, version(threads=4)}
    write_voice(tmp_path / "en-a.onnx", measured=False)
    assert version() != first


def test_a_folder_that_there_is_not_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"voices_dir: there is no folder .*none"):
        of(tmp_path / "none")
