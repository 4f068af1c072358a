"""Single pictures of a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from bloop_sdk import FatalError
from bloop_studio.files import written_whole

_CODECS = {".png": ("png", "rgb24"), ".jpg": ("mjpeg", "yuvj420p"), ".jpeg": ("mjpeg", "yuvj420p")}


def thumbnail(video: Path, at: float, target: Path, width: int | None = None) -> Path:
    """The picture that is shown at ``at`` seconds, as PNG or JPEG by the name of ``target``.

    Past the end it is the last one.
    """
    if target.suffix not in _CODECS:
        raise FatalError(f"{target.name}: pictures are .png or .jpg")
    codec, pixels = _CODECS[target.suffix]
    frame = _shown(video, at)
    wide = width or frame.width
    high = max(2, round(frame.height * wide / frame.width / 2) * 2)
    frame = frame.reformat(width=wide, height=high, format=pixels)
    frame.pts = 0
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = wide, high, pixels
    encoder.time_base = Fraction(1, 1)
    if codec == "mjpeg":
        encoder.options = {"q": "3", "strict": "unofficial"}
    data = b"".join(bytes(one) for one in [*encoder.encode(frame), *encoder.encode(None)])
    with written_whole(target) as part:
        part.write_bytes(data)
    return target


def _shown(video: Path, at: float) -> VideoFrame:
    with av.open(video) as source:
        # Seeking goes by the time of decoding, which may be some frames before that of showing.
        source.seek(max(0, int((at - 1.0) * av.time_base)), backward=True)
        last: VideoFrame | None = None
        for frame in source.decode(source.streams.video[0]):
            if last and frame.time > at + 1e-6:
                break
            last = frame
    if last is None:
        raise FatalError(f"{video.name} has no picture at {at:.2f} s")
    return last
