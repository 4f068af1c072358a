"""Rendered clips laid one behind the other: checked, and their packets given new times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
from av.packet import Packet
from av.video.stream import VideoStream

from bloop_sdk import FatalError
from bloop_sdk.providers.render import Clip

CLIPS_DIFFER = "clips_differ"
KEY_EVERY = 4
"""Seconds between key frames at most, so that segments for HLS can be cut between packets."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What must be the same in all clips for their packets to be one track."""

    codec: str
    size: str
    pixels: str
    time_base: Fraction
    parameters: str

    def differs(self, other: _Shape) -> str | None:
        for name in ("codec", "size", "pixels", "time_base", "parameters"):
            here, there = getattr(self, name), getattr(other, name)
            if here != there:
                return f"its {name.replace('_', ' ')} is {there}, that of the first is {here}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """The packets of all clips, in the order in which they are sent, in ticks of the whole.

    ``dts`` is one longer than ``pts``: its last is when the next would be decoded. ``offsets`` are
    the clips' starts, and behind them the end of all.
    """

    time_base: Fraction
    pts: tuple[int, ...]
    dts: tuple[int, ...]
    offsets: tuple[int, ...]

    @property
    def starts(self) -> tuple[float, ...]:
        """The clips' starts in seconds."""
        return tuple(float(one * self.time_base) for one in self.offsets[:-1])

    @property
    def seconds(self) -> float:
        """How long all of it lasts."""
        return float(self.offsets[-1] * self.time_base)


def scan(clips: Sequence[Clip]) -> Scan:
    """Read all clips' packets once, and see that they make one track."""
    if not clips:
        raise FatalError("there are no clips to join", code="clip_unfit")
    first: _Shape | None = None
    pts: list[int] = []
    offsets = [0]
    for clip in clips:
        with av.open(clip.path) as source:
            stream = _only_video(source.streams.video, clip.path)
            shape = _shape(stream)
            first = first or shape
            difference = first.differs(shape)
            if difference:
                raise FatalError(
                    f"{clip.path.name} can't be joined to the clips before it: {difference}",
                    cure="render all scenes with one look and one renderer",
                    code=CLIPS_DIFFER,
                )
            length = round(Fraction(clip.seconds).limit_denominator(1_000_000) / shape.time_base)
            times = _times(source.demux(stream), clip, length, shape.time_base)
        pts += [offsets[-1] + at for at in times]
        offsets.append(offsets[-1] + length)
    assert first is not None
    return Scan(
        time_base=first.time_base,
        pts=tuple(pts),
        dts=tuple(_decoded(pts, offsets[-1])),
        offsets=tuple(offsets),
    )


def _decoded(pts: Sequence[int], end: int) -> list[int]:
    """When each is decoded: as late as those behind it allow, a frame apart.

    Encoders space a still scene's pictures as wide in decoding as in showing, so that its last
    ones would come after the next scene's first; and players that seek by the time of decoding
    would land seconds off.
    """
    ordered = sorted(pts)
    frame = min((b - a for a, b in pairwise(ordered)), default=1)
    dts: list[int] = []
    for at in reversed(pts):
        dts.append(min(at, dts[-1] - frame) if dts else at)
    dts.reverse()
    return [*dts, end - pts[0] + dts[0]]


def pictures(clips: Sequence[Clip], whole: Scan) -> Iterator[Packet[VideoStream]]:
    """The packets of all clips at their times in the whole, one at a time."""
    times = iter(zip(whole.pts, pairwise(whole.dts), strict=True))
    for clip in clips:
        with av.open(clip.path) as source:
            for packet in source.demux(source.streams.video[0]):
                if packet.pts is None:
                    continue
                packet.pts, (packet.dts, following) = next(times)
                packet.duration = following - packet.dts
                packet.time_base = whole.time_base
                yield packet


def _only_video(streams: Sequence[VideoStream], path: Path) -> VideoStream:
    if len(streams) != 1:
        raise FatalError(f"{path.name} has {len(streams)} tracks of pictures", code="clip_unfit")
    return streams[0]


def _shape(stream: VideoStream) -> _Shape:
    context = stream.codec_context
    assert stream.time_base is not None
    return _Shape(
        codec=f"{context.name} {context.profile}",
        size=f"{context.width}x{context.height}",
        pixels=str(context.pix_fmt),
        time_base=stream.time_base,
        parameters=(context.extradata or b"").hex(),
    )


def _times(
    packets: Iterator[Packet[VideoStream]], clip: Clip, length: int, time_base: Fraction
) -> list[int]:
    """The packets' times from the clip's start, in the order in which they are sent."""
    times: list[int] = []
    keys: list[int] = []
    for packet in packets:
        if packet.pts is None:
            continue
        if not times and not packet.is_keyframe:
            raise _unfit(clip, "does not start with a key frame")
        times.append(packet.pts)
        keys += [packet.pts] if packet.is_keyframe else []
    if not times:
        raise _unfit(clip, "has no picture")
    start = times[0]
    if min(times) < start or len(set(times)) < len(times):
        raise _unfit(clip, "has pictures before its first one, or two at one time")
    if max(times) - start >= length:
        raise _unfit(clip, f"is longer than the {clip.seconds:.3f} s that it should last")
    # A renderer counts in frames, so that a key may come one frame later.
    frame = length / max(1, clip.frames)
    gaps = zip(keys, [*keys[1:], start + length], strict=True)
    for at, following in gaps:
        if following - at > KEY_EVERY / time_base + frame:
            raise _unfit(clip, f"has no key frame for {float((following - at) * time_base):.1f} s")
    return [at - start for at in times]


def _unfit(clip: Clip, what: str) -> FatalError:
    return FatalError(f"{clip.path.name} {what}", cure="render the scene again", code="clip_unfit")
