"""Frames into H.264 in MP4.

A frame is encoded when it differs from the one before, each second while the picture stands
still, and at the end; time stamps do the rest. Every four seconds from the start is a key frame
that nothing refers across, there are no frames that refer forward, and what the encoder is told
depends on the look alone: clips of one look can be joined, and cut at key frames, as they are.
"""

from __future__ import annotations

import io
import os
import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from bloop_manim.encoding import Encoding

Pixels = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are outside."""

KEY_SECONDS = 4
STILL_SECONDS = 1
BT709 = 1


class Film:
    """One clip in the making; ``show`` and ``finish`` from one thread, encoding in another."""

    def __init__(self, width: int, height: int, fps: int, encoding: Encoding) -> None:
        self._fps = fps
        self._work: queue.Queue[tuple[int, VideoFrame | None, Box] | None] = queue.Queue(6)
        self._failed: BaseException | None = None
        self._tape = _Tape(width, height, fps, encoding)
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
        self._thread.start()

    def show(self, frame: int, pixels: Pixels, box: Box) -> None:
        """From ``frame`` on, the picture is ``pixels``, which differ inside ``box`` alone."""
        left, top, right, bottom = box
        # Chroma is halved both ways, and swscale reads wholes of eight.
        left, top = left & ~7, top & ~1
        right, bottom = min((right + 7) & ~7, pixels.shape[1]), (bottom + 1) & ~1
        part = np.ascontiguousarray(pixels[top:bottom, left:right])
        self._put((frame, VideoFrame.from_ndarray(part, format="rgba"), (left, top, right, bottom)))

    def finish(self, frames: int) -> bytes:
        """The whole clip, ``frames`` long."""
        self._put((frames, None, (0, 0, 0, 0)))
        self._put(None)
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._tape.whole()

    def abandon(self) -> None:
        """End the thread."""
        self._failed = self._failed or EOFError("abandoned")
        while self._thread.is_alive():
            try:
                self._work.put(None, timeout=0.1)
            except queue.Full:
                continue
            self._thread.join(0.1)

    def _put(self, item: tuple[int, VideoFrame | None, Box] | None) -> None:
        while self._failed is None:
            try:
                self._work.put(item, timeout=1)
            except queue.Full:
                continue
            return
        raise self._failed

    def _run(self) -> None:
        try:
            while (item := self._work.get()) is not None:
                if self._failed is not None:
                    return
                frame, part, box = item
                if part is None:
                    self._tape.end(frame)
                else:
                    self._tape.show(frame, part, box)
        except BaseException as err:  # noqa: BLE001 - it is raised where frames come from
            self._failed = err


class _Tape:
    """The encoder, and the picture as it was last shown."""

    def __init__(self, width: int, height: int, fps: int, encoding: Encoding) -> None:
        self._fps = fps
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        stream = cast("VideoStream", self._container.add_stream(encoding.codec, rate=fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.options = dict(encoding.options())
        context.thread_count = encoding.threads
        context.time_base = Fraction(1, fps)
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.MPEG
        context.flags |= Flags.closed_gop
        self._stream = stream
        self._picture = VideoFrame(width, height, "yuv420p")
        self._picture.time_base = Fraction(1, fps)
        self._planes = [_view(plane) for plane in self._picture.planes]
        self._reformat = VideoReformatter()
        self._pending: int | None = None
        """The frame from which the picture is shown; it is not encoded yet."""

    def show(self, frame: int, part: VideoFrame, box: Box) -> None:
        """Change a part of the picture."""
        self._still(frame)
        new = self._reformat.reformat(
            part,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        left, top, right, bottom = box
        for number, plane in enumerate(new.planes):
            by = 1 if number else 0
            rows, columns = slice(top >> by, bottom >> by), slice(left >> by, right >> by)
            self._planes[number][rows, columns] = _view(plane)
        self._pending = frame

    def end(self, frames: int) -> None:
        """Encode what is shown until the end; the last frame is always encoded."""
        self._still(frames)
        if self._last != frames - 1:
            self._encode(frames - 1)
        self._mux(None)
        self._container.close()

    def whole(self) -> bytes:
        """The finished file."""
        return self._file.getvalue()

    _last = -1

    def _still(self, until: int) -> None:
        """Encode what is shown before ``until``."""
        if self._pending is not None and self._pending < until:
            self._encode(self._pending)
            self._pending = None
        while True:
            grid = (self._last // (KEY_SECONDS * self._fps) + 1) * KEY_SECONDS * self._fps
            following = min(self._last + STILL_SECONDS * self._fps, grid)
            if self._last < 0 or following >= until:
                return
            self._encode(following)

    def _encode(self, frame: int) -> None:
        self._picture.pts = frame
        key = frame % (KEY_SECONDS * self._fps) == 0
        self._picture.pict_type = PictureType.I if key else PictureType.NONE
        self._mux(self._picture)
        self._last = frame

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def _view(plane: Any) -> Pixels:
    """A plane's bytes as rows of its width."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def keep(data: bytes, target: Path) -> None:
    """Write a file that is there whole or not at all, even after a crash; raises OSError."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
