"""For tests of voices: their settings, and for those of a cloud what stands for it.

TestMine = plugin_tests("bloop_mine", speech=Voices(kill=end_its_process))
TestCloud = plugin_tests("bloop_cloud", speech=Voices(make=FakeCloud, bad={"key": "wrong"}))

A ``FakeCloud`` is made anew for each test. Where it has ``answer``, as a
:class:`bloop_sdk.testing.FakeSystem` has, the provider's ``ctx.http`` leads there; for a vendor's
own client it starts a server on 127.0.0.1, whose address is in its ``settings``. Let it
speak as the vendor's documentation says, with a tone for each letter: :func:`tones`.
"""

from __future__ import annotations

import array
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

LETTER_SECONDS = 0.06


class FakeCloud(Protocol):
    """What stands for a cloud; ``stop`` and ``start`` let it be away and come back."""

    settings: Mapping[str, Any]
    """The plugin's settings, with which it is reached."""

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Voices:
    """A provider of voices in tests.

    ``settings`` are the plugin's, ``bad`` those of a credential that is refused. ``kill`` ends the
    process in which a provider speaks at the moment, and says whether there was one. ``voice`` is
    the one that the rules speak with, else the first for English. ``long_words`` is how many a
    text may have that is spoken in a minute. ``without`` says of each offer that is lacking, and
    of each rule that can't hold, why.
    """

    make: Callable[[Path], FakeCloud] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    bad: Mapping[str, Any] | None = None
    kill: Callable[[Any], bool] | None = None
    voice: str | None = None
    long_words: int = 5000
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def offers(self) -> set[str]:
        """What it offers of :data:`bloop_sdk.testing.system.OFFERS`."""
        found = {name for name in ("stop", "start") if hasattr(self.make, name)}
        given = {"bad": self.bad, "kill": self.kill}
        return found | {name for name, one in given.items() if one is not None}


def tones(text: str, rate: int, pace: float = 1.0) -> tuple[bytes, list[tuple[float, float]]]:
    """What a fake voice says: PCM, and from when to when (seconds) each character is heard.

    A letter or a digit is a tone of its own, everything else as much silence.
    """
    length = round(LETTER_SECONDS / pace * rate)
    sounds = {char: _tone(char, rate, length) for char in set(text)}
    times = [(at * length / rate, (at + 1) * length / rate) for at in range(len(text))]
    return b"".join(map(sounds.__getitem__, text)), times


def _tone(char: str, rate: int, length: int) -> bytes:
    step = 2 * math.pi * (200 + 7 * (ord(char) % 64)) / rate if char.isalnum() else 0.0
    samples = array.array("h", (round(9000 * math.sin(step * at)) for at in range(length)))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
