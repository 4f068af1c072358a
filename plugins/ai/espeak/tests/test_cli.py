"""``bloop espeak``."""

from __future__ import annotations

import asyncio
import wave

from bloop_espeak import cli
from bloop_espeak.config import EspeakConfig
from bloop_sdk.testing import FakeContext


def ran(capsys, command, **arguments) -> list[str]:
    ctx = FakeContext(config=EspeakConfig())
    asyncio.run(command.callback.__wrapped__(ctx, **arguments))
    return capsys.readouterr().out.splitlines()


def test_say_writes_a_file_and_tells_the_times(tmp_path, capsys):
    path = tmp_path / "out.wav"
    lines = ran(capsys, cli.say, text="Good night.", voice="en-gb", pace=1.0, output=path)
    assert [line.split()[2] for line in lines[:2]] == ["Good", "night"]
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        assert file.getnframes() > 5000
        assert lines[2].endswith(f"{file.getnframes() / 22050:.3f} s")


def test_voices_of_a_language(capsys):
    assert [line.split()[0] for line in ran(capsys, cli.voices, language="de")] == ["de", "de+f3"]
