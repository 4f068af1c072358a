"""``bloop piper``."""

from __future__ import annotations

import asyncio
import wave

import pytest

from bloop_piper import cli
from bloop_piper.config import PiperConfig
from bloop_piper.provider import PiperVoices
from bloop_sdk import ConfigError
from bloop_sdk.testing import FakeContext


def ran(capsys, command, folder, **arguments) -> list[str]:
    ctx = FakeContext(config=PiperConfig(voices_dir=folder))
    asyncio.run(command.callback.__wrapped__(ctx, **arguments))
    return capsys.readouterr().out.splitlines()


def test_say_writes_a_file_and_tells_the_times(tmp_path, capsys, voices_dir):
    path, voice = tmp_path / "out.wav", "en_GB-tiny-low"
    arguments = {"text": "Good night.", "voice": voice, "pace": 1.0, "output": path}
    lines = ran(capsys, cli.say, voices_dir, **arguments)
    assert [line.split()[2] for line in lines[:2]] == ["Good", "night"]
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        assert lines[2].endswith(f"{file.getnframes() / 22050:.3f} s")


def test_without_any_voice_say_tells_where_there_is_one(tmp_path, capsys, monkeypatch):
    async def none(self):
        return []

    monkeypatch.setattr(PiperVoices, "voices", none)
    arguments = {"text": "a", "voice": "", "pace": 1.0, "output": tmp_path / "a.wav"}
    with pytest.raises(ConfigError) as caught:
        ran(capsys, cli.say, None, **arguments)
    assert caught.value.cure == "pip install 'bloop-piper[joe]'"


def test_voices_of_a_language(capsys, voices_dir):
    (line,) = ran(capsys, cli.voices, None, language="en")
    assert line.split() == ["en_US-joe-medium", "en-US", "Joe"]
