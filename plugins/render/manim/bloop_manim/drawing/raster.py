"""Pictures from files that anybody may have made: decoded within bounds, or refused."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from manim import ImageMobject
from PIL import Image, ImageOps, UnidentifiedImageError

from bloop_manim.drawing.canvas import Box
from bloop_manim.svg import REFUSED

FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
LARGEST_FILE: Final = 40_000_000
LARGEST_PIXELS: Final = 50_000_000
LARGEST_SVG: Final = 8_000_000
SIDE: Final = 2560
"""No picture is drawn larger than the largest video."""
_PROGRAM: Final = Path(__file__).parents[1] / "svg.py"
_FACES: Final = Path(__file__).with_name("faces")
SVG_CPU_SECONDS: Final = 10
_SVG_SECONDS: Final = 60
_TOO_MUCH: Final = "takes too much time or memory to draw; make it simpler, or save it as PNG"


def picture(path: Path, within: Box, side: int = SIDE) -> ImageMobject | str:
    """An image at the largest size that fits a box, in its middle, or why it can't be shown.

    It has at most ``side`` pixels along its longer side; SVG has just as many.
    """
    pixels = decoded(path, side)
    if isinstance(pixels, str):
        return pixels
    high, wide = pixels.shape[:2]
    made = ImageMobject(pixels)
    scale = min(within.width / wide, within.height / high)
    made.stretch_to_fit_width(wide * scale).stretch_to_fit_height(high * scale)
    made.move_to((within.x, within.y, 0.0))
    return made


def decoded(path: Path, side: int = SIDE) -> Any:
    """RGBA pixels, or in words why there are none."""
    try:
        state = path.stat()
    except OSError:
        return f"{path.name} is not there; put the picture back or remove it from the storyboard"
    if state.st_size > LARGEST_FILE:
        return f"{path.name} has {state.st_size} bytes, of {LARGEST_FILE} at most; make it smaller"
    return _decoded(path, side, state.st_mtime_ns, state.st_size)


@lru_cache(24)
def _decoded(path: Path, side: int, _changed: int, size: int) -> Any:
    with path.open("rb") as file:
        start = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    source: Path | io.BytesIO = path
    if start.startswith((b"<?xml", b"<!doctype svg", b"<svg")) or b"<svg" in start:
        if size > LARGEST_SVG:
            return f"{path.name} has {size} bytes, of {LARGEST_SVG} at most; save it as PNG"
        drawn = _from_svg(path, side)
        if isinstance(drawn, str):
            return f"{path.name} {drawn}"
        source = io.BytesIO(drawn)
    try:
        with warnings.catch_warnings():
            # Its size is checked below, before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source, formats=FORMATS) as image:
                if image.width * image.height > LARGEST_PIXELS:
                    return (
                        f"{path.name} has {image.width} x {image.height} pixels, "
                        f"of {LARGEST_PIXELS} at most; make it smaller"
                    )
                image.draft("RGB", (side, side))
                upright = ImageOps.exif_transpose(image).convert("RGBA")
                upright.thumbnail((side, side), Image.Resampling.LANCZOS)
                return np.asarray(upright)
    except UnidentifiedImageError:
        return f"{path.name} is none of {', '.join(FORMATS)}; save it as PNG"
    except Image.DecompressionBombError:
        return f"{path.name} has more than {LARGEST_PIXELS} pixels; make it smaller"
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        TypeError,
        IndexError,
        OverflowError,
    ) as err:
        return f"{path.name} can't be read ({err}); save it anew as PNG"


def _from_svg(path: Path, side: int) -> bytes | str:
    """A PNG made by a program of its own (see svg.py), or why there is none."""
    try:
        done = subprocess.run(  # noqa: S603 - ours, and without anybody's words
            [sys.executable, "-P", str(_PROGRAM), str(side), str(_FACES), str(SVG_CPU_SECONDS)],
            input=path.read_bytes(),
            capture_output=True,
            timeout=_SVG_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _TOO_MUCH
    if done.returncode == REFUSED:
        return f"is not shown: {done.stderr.decode('utf-8', 'replace')}; save it as PNG"
    return _TOO_MUCH if done.returncode else done.stdout
