"""A voice for tests: a tone for each word, a quarter of a second long. It counts what it says."""

import asyncio
import math
import os
import re
import struct

from bloop_sdk import Plugin, UnavailableError, UnsupportedError
from bloop_sdk.providers.ai import Speech, Voice, Word

SAID = []
REFUSED = []
RATE = 16_000


class Main(Plugin):
    pass


class Hum:
    fails = 0
    away = 0
    version = "1"
    loud = 8000
    seconds = 0.25

    def __init__(self, ctx):
        self.ctx = ctx

    async def voices(self):
        if Hum.away:
            Hum.away -= 1
            raise UnavailableError("nobody answers", retry_after=0.01)
        return [Voice(id="low", name="Low", language="en-US", version=Hum.version)]

    async def synthesize(self, text, voice, pace=1.0):
        if Hum.fails:
            Hum.fails -= 1
            raise UnavailableError("the voice is hoarse", retry_after=0.01)
        if "unspeakable" in text:
            REFUSED.append(text)
            raise UnsupportedError("this cannot be said")
        await asyncio.sleep(float(os.environ.get("TOY_PAUSE", "0")))
        SAID.append(text)
        words, sound = [], []
        for number, match in enumerate(re.finditer(r"\w+", text)):
            words.append(
                Word(
                    start=match.start(),
                    end=match.end(),
                    begins=number * Hum.seconds / pace,
                    ends=(number + 1) * Hum.seconds / pace,
                )
            )
            tone = 220 + 20 * (number % 8)
            sound += [
                int(Hum.loud * math.sin(2 * math.pi * tone * at / RATE))
                for at in range(int(RATE * Hum.seconds / pace))
            ]
        pcm = struct.pack(f"<{len(sound)}h", *sound)
        return Speech(pcm=pcm, rate=RATE, words=tuple(words), exact=True)
