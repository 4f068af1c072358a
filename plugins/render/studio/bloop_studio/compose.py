"""Clips, sound, chapters and captions put together as one MP4, without encoding pictures anew.

Written from front to back with one packet of each track in hand, then the index is moved to the
front (``faststart``). The same input gives the same bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from bloop_sdk import FatalError
from bloop_sdk.providers.render import Clip
from bloop_studio.clips import Scan, pictures, scan
from bloop_studio.files import written_whole
from bloop_studio.languages import directed, iso639_2
from bloop_studio.marks import Caption, Chapter

_MILLI = Fraction(1, 1000)
_APART = 0.1
"""Seconds by which sound and pictures may differ in length."""
Packets = Iterator["Packet[Any]"]
Progress = Callable[[float, float], None]
"""Called with seconds done and seconds in all, now and then; what it raises ends the joining."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the file says of itself; ``language`` is a BCP 47 tag."""

    title: str
    language: str = "en"
    comment: str = ""
    more: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A file that plays; ``starts`` are those of its clips (seconds)."""

    path: Path
    seconds: float
    starts: tuple[float, ...]
    size: int


def compose(
    clips: Sequence[Clip],
    sound: Path | None,
    target: Path,
    *,
    metadata: Metadata,
    chapters: Sequence[Chapter] = (),
    captions: Sequence[Caption] = (),
    progress: Progress | None = None,
) -> Video:
    """Join ``clips`` and lay ``sound`` (AAC in MP4) under them.

    Raises FatalError (``clips_differ``, ``clip_unfit``) for clips that can't be joined or that
    lack key frames. ``target`` is there whole or not at all.
    """
    whole = scan(clips)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with written_whole(target) as part, ExitStack() as stack:
        out = stack.enter_context(av.open(part, "w", format="mp4", options=options))
        _describe(out, metadata, chapters, whole.seconds)
        tracks = [_video(out, clips, whole, metadata.language)]
        if sound is not None:
            heard = stack.enter_context(av.open(sound))
            tracks.append(_audio(out, heard, metadata.language, whole.seconds))
        if captions:
            tracks.append(_subtitles(out, captions, metadata.language))
        out.start_encoding()
        _mux(out, tracks, whole.seconds, progress)
    return Video(
        path=target, seconds=whole.seconds, starts=whole.starts, size=target.stat().st_size
    )


def _describe(
    out: OutputContainer, metadata: Metadata, chapters: Sequence[Chapter], seconds: float
) -> None:
    out.metadata["title"] = metadata.title
    if metadata.comment:
        out.metadata["comment"] = metadata.comment
    out.metadata.update(metadata.more or {})
    ends = [*(one.starts for one in chapters[1:]), seconds]
    out.set_chapters(
        [
            {
                "id": number,
                "start": round(one.starts * 1000),
                "end": round(end * 1000),
                "time_base": _MILLI,
                "metadata": {"title": one.title},
            }
            for number, (one, end) in enumerate(zip(chapters, ends, strict=True), 1)
        ]
        if chapters
        else []
    )


def _video(out: OutputContainer, clips: Sequence[Clip], whole: Scan, language: str) -> Packets:
    with av.open(clips[0].path) as first:
        track = out.add_stream_from_template(first.streams.video[0])
    track.time_base = whole.time_base
    track.metadata["language"] = iso639_2(language)
    return _bound(pictures(clips, whole), track)


def _audio(out: OutputContainer, heard: InputContainer, language: str, seconds: float) -> Packets:
    source = heard.streams.audio[0]
    assert source.duration is not None
    assert source.time_base is not None
    lasts = float(source.duration * source.time_base)
    if abs(lasts - seconds) > _APART:
        raise FatalError(
            f"the sound lasts {lasts:.2f} s, the pictures {seconds:.2f} s",
            cure="make both from the same times",
            code="sound_unfit",
        )
    track = out.add_stream_from_template(source)
    track.metadata["language"] = iso639_2(language)
    return _bound((one for one in heard.demux(source) if one.dts is not None), track)


def _bound(packets: Packets, track: Stream) -> Packets:
    for packet in packets:
        packet.stream = track
        yield packet


_TEXT_STYLE = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, BackColour, Alignment
Style: Default,Arial,16,&Hffffff,&H0,2
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def _subtitles(out: OutputContainer, captions: Sequence[Caption], language: str) -> Packets:
    track: Any = out.add_stream("mov_text")
    track.codec_context.subtitle_header = _TEXT_STYLE
    track.codec_context.time_base = track.time_base = _MILLI
    track.metadata["language"] = iso639_2(language)
    return _texts(captions, language, track)


def _texts(captions: Sequence[Caption], language: str, track: Stream) -> Packets:
    """Samples of 3GPP timed text: a length of two bytes, and UTF-8."""
    for one in captions:
        text = directed(one.text, language).encode()[:65_535].decode(errors="ignore").encode()
        packet: Packet[Any] = Packet(len(text).to_bytes(2, "big") + text)
        packet.pts = packet.dts = round(one.starts * 1000)
        packet.duration = round((one.ends - one.starts) * 1000)
        packet.time_base, packet.stream = _MILLI, track
        yield packet


def _mux(
    out: OutputContainer,
    tracks: Sequence[Packets],
    seconds: float,
    progress: Progress | None,
) -> None:
    """In the order of time, so that libavformat need not hold packets back."""
    told = 0.0
    for packet in heapq.merge(*tracks, key=_time):
        at = float(_time(packet))
        out.mux(packet)
        if progress and at >= told:
            progress(at, seconds)
            told = at + 1.0
    if progress:
        progress(seconds, seconds)


def _time(packet: Packet[Any]) -> Fraction:
    if packet.dts is None or packet.time_base is None:
        raise FatalError("a packet without a time", code="clip_unfit")
    return packet.dts * packet.time_base
