"""Clips and speech made for tests, and what can be seen and heard in a result."""

from __future__ import annotations

import array
import random
from fractions import Fraction
from pathlib import Path

import av

from bloop_sdk.providers.ai import Speech, Word
from bloop_sdk.providers.render import Clip

RED, GREEN, BLUE = (220, 30, 30), (30, 200, 30), (30, 30, 220)


def make_clip(path: Path, colours: dict[int, tuple[int, int, int]], frames: int, **how) -> Clip:
    """A clip that changes to a colour at a frame; ``sent`` are the frames that it really holds."""
    fps, size = how.get("fps", 30), how.get("size", (160, 90))
    options = {"preset": "veryfast", "threads": "1", **how.get("options", {"g": "90"})}
    with av.open(path, "w", options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, fps)
        for number in how.get("sent", range(frames)):
            shown = max(at for at in colours if at <= number)
            frame = av.VideoFrame(*size, "rgb24")
            row = bytes(colours[shown]) * size[0]
            plane = frame.planes[0]
            plane.update(row.ljust(plane.line_size, b"\0") * size[1])
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return Clip(path=path, seconds=frames / fps, frames=frames)


_NOISE = array.array("h", (one - 1500 for one in random.Random(1).choices(range(3000), k=9973)))


def speak(text: str, rate: int = 22_050, seed: int = 1, click: str | None = None) -> Speech:
    """Words as unevenly timed as a voice would; silence, or noise with a click at a word."""
    chance = random.Random(seed)
    at = chance.uniform(0.02, 0.2)
    words: list[Word] = []
    start = 0
    for piece in text.split(" "):
        long = chance.uniform(0.08, 0.6)
        if piece:
            words.append(Word(start=start, end=start + len(piece), begins=at, ends=at + long))
            at += long + chance.uniform(0, 0.1)
        start += len(piece) + 1
    samples = round((at + 0.1) * rate)
    sound = array.array("h", bytes(2 * samples))
    if click is not None:
        sound = (_NOISE * (samples // len(_NOISE) + 1))[:samples]
        begins = next(w.begins for w in words if text[w.start : w.end] == click)
        for number in range(rate // 400):
            sound[round(begins * rate) + number] = 28_000 if number % 2 else -28_000
    return Speech(pcm=sound.tobytes(), rate=rate, words=tuple(words), exact=True)


def colours(video: Path) -> list[tuple[float, str]]:
    """When the picture turns red, green or blue."""
    found: list[tuple[float, str]] = []
    with av.open(video) as source:
        for frame in source.decode(video=0):
            first = bytes(frame.reformat(format="rgb24").planes[0])[:3]
            name = ("red", "green", "blue")[first.index(max(first))]
            if not found or found[-1][1] != name:
                found.append((frame.time, name))
    return found


def samples(video: Path) -> tuple[float, array.array[float]]:
    """When the sound starts, and its left channel at 48 kHz."""
    pcm = array.array("f")
    starts = None
    with av.open(video) as source:
        for frame in source.decode(audio=0):
            starts = frame.time if starts is None else starts
            pcm.frombytes(bytes(frame.planes[0])[: 4 * frame.samples])
    return starts or 0.0, pcm


def loudest(video: Path, after: float, before: float) -> float:
    """When, between two times, the sound is loudest."""
    starts, pcm = samples(video)
    first = round((after - starts) * 48_000)
    piece = pcm[first : round((before - starts) * 48_000)]
    return starts + (first + max(range(len(piece)), key=lambda n: abs(piece[n]))) / 48_000
