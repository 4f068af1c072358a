"""The sound of a video: its lines at their times, at one loudness, as AAC.

The target is -16 LUFS: EBU R128 asks for -23 for broadcasting, which is too quiet for phones and
laptops; AES TD1008 and the podcast directories ask for -16 to -18 there. The measure is that of
ITU-R BS.1770 by libavfilter's ``ebur128``; one gain for the whole, then a limiter that looks ahead
at twice the rate (four times that of voices). It leaves 1 dB more than asked for, because AAC
overshoots.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.filter import Graph

from bloop_sdk import FatalError
from bloop_sdk.providers.ai import Speech
from bloop_studio.files import written_whole

RATE = 48_000
BLOCK = 24_000
"""Samples that are held at once between lines."""
_TICK = Fraction(1, RATE)
_SILENT = -69.0
"""Where ``ebur128`` found nothing above its gate of -70 LUFS."""
_MOST = 30.0
"""The most gain: what is quieter than that is noise."""
_AAC_OVERSHOOT = 1.0
_NEAR, _ROUNDS = 0.3, 3
"""LU that nobody hears, and how often the gain is put right at most."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A line that starts ``at`` seconds; ``load`` gives its sound, whenever it is asked for."""

    at: float
    load: Callable[[], Speech]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """What to reach: integrated loudness (LUFS) and the highest true peak (dBTP)."""

    lufs: float = -16.0
    peak: float = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """An AAC file; ``lufs`` is what the voice had, ``gain`` (dB) what it was given."""

    path: Path
    seconds: float
    lufs: float | None
    gain: float


def make_sound(
    lines: Sequence[Placed],
    seconds: float,
    target: Path,
    loudness: Loudness | None = None,
    bitrate: int = 128_000,
) -> Sound:
    """Write ``lines`` as stereo AAC in MP4, ``seconds`` long.

    Both channels are the same. Lines may not overlap. What the encoder puts before the first
    sample is cut off by an edit list, so that a sample is heard when it should be.
    """
    aim = loudness or Loudness()
    measured = _lufs(_filtered(_blocks(lines, seconds), _METER))
    gain = 0.0 if measured is None else min(aim.lufs - measured, _MOST)
    for _ in range(_ROUNDS if measured is not None else 0):
        # The limiter takes some of it away.
        reached = _lufs(_filtered(_blocks(lines, seconds), [*_mastered(gain, aim), *_METER]))
        missing = aim.lufs - (aim.lufs if reached is None else reached)
        gain = min(gain + missing, _MOST)
        if abs(missing) < _NEAR:
            break
    ready = _filtered(_blocks(lines, seconds), [*_mastered(gain, aim), *_FOR_AAC])
    with written_whole(target) as part:
        _encode(ready, part, bitrate)
    return Sound(path=target, seconds=seconds, lufs=measured, gain=gain)


_STEREO = ("pan", "stereo|c0=c0|c1=c0")
_METER = (_STEREO, ("ebur128", "metadata=1"))
_FOR_AAC = (_STEREO, ("aformat", "sample_fmts=fltp"), ("asetnsamples", "n=1024:p=0"))


def _mastered(gain: float, aim: Loudness) -> list[tuple[str, str]]:
    limit = 10 ** ((aim.peak - _AAC_OVERSHOOT) / 20)
    return [
        ("volume", f"{gain:.3f}dB:precision=double"),
        ("aresample", str(2 * RATE)),
        ("alimiter", f"limit={limit:.4f}:level=0:attack=5:release=80:latency=1"),
        ("aresample", str(RATE)),
    ]


def _blocks(lines: Sequence[Placed], seconds: float) -> Iterator[bytes]:
    """16-bit mono at :data:`RATE`, all of it."""
    whole, done = round(seconds * RATE), 0
    for line in sorted(lines, key=lambda one: one.at):
        start = round(line.at * RATE)
        if start < done:
            raise FatalError(
                f"the line at {line.at:.2f} s starts before the one in front of it has ended"
            )
        yield from _silence(start - done)
        pcm = _resampled(line.load())
        yield pcm
        done = start + len(pcm) // 2
    if done > whole:
        raise FatalError(f"the last line ends {done / RATE - seconds:.2f} s after the video")
    yield from _silence(whole - done)


def _silence(samples: int) -> Iterator[bytes]:
    for at in range(0, samples, BLOCK):
        yield bytes(2 * min(BLOCK, samples - at))


def _resampled(speech: Speech) -> bytes:
    """Of the length that :attr:`Speech.seconds` says, to the sample."""
    length = 2 * round(speech.seconds * RATE)
    if speech.rate == RATE or not speech.pcm:
        return speech.pcm[:length]
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    out = bytearray()
    for frame in [*_frames([speech.pcm], speech.rate), None]:
        for made in resampler.resample(frame):
            out += bytes(made.planes[0])[: 2 * made.samples]
    return bytes(out[:length].ljust(length, b"\0"))


def _frames(blocks: Iterable[bytes], rate: int) -> Iterator[AudioFrame]:
    pts = 0
    for block in blocks:
        for at in range(0, len(block), 2 * BLOCK):
            piece = block[at : at + 2 * BLOCK]
            frame = AudioFrame(format="s16", layout="mono", samples=len(piece) // 2)
            frame.planes[0].update(piece.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), pts
            pts += frame.samples
            yield frame


def _filtered(blocks: Iterable[bytes], filters: Sequence[tuple[str, str]]) -> Iterator[AudioFrame]:
    graph = Graph()
    source = graph.add_abuffer(sample_rate=RATE, format="s16", layout="mono", time_base=_TICK)
    steps = [graph.add(name, options) for name, options in filters]
    graph.link_nodes(source, *steps, graph.add("abuffersink")).configure()
    for frame in _frames(blocks, RATE):
        graph.push(frame)
        yield from _pulled(graph)
    graph.push(None)
    yield from _pulled(graph)


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, AudioFrame)
        yield frame


def _lufs(frames: Iterable[AudioFrame]) -> float | None:
    """Integrated loudness; None for silence."""
    value = -math.inf
    for frame in frames:
        value = float(frame.metadata.get("lavfi.r128.I", value))
    return value if value > _SILENT else None


def _encode(frames: Iterable[AudioFrame], target: Path, bitrate: int) -> None:
    options = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(target, "w", format="mp4", options=options) as out:
        stream = out.add_stream(
            "aac", rate=RATE, layout="stereo", options={"flags": "+bitexact"}, bit_rate=bitrate
        )
        pts = 0
        for frame in frames:
            frame.pts, frame.time_base = pts, _TICK
            pts += frame.samples
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
