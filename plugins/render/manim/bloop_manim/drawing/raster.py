"""Pictures from files that anybody may have made: decoded within bounds, or refused."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from manim import ImageMobject
from PIL import Image, ImageOps, UnidentifiedImageError

from bloop_manim.drawing.canvas import Box

FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
LARGEST_FILE: Final = 40_000_000
LARGEST_PIXELS: Final = 50_000_000
_SIDE: Final = 2560
"""No picture is drawn larger than the largest video."""


def picture(path: Path, within: Box) -> ImageMobject | str:
    """An image at the largest size that fits a box, in its middle, or why it can't be shown."""
    pixels = decoded(path)
    if isinstance(pixels, str):
        return pixels
    high, wide = pixels.shape[:2]
    made = ImageMobject(pixels)
    scale = min(within.width / wide, within.height / high)
    made.stretch_to_fit_width(wide * scale).stretch_to_fit_height(high * scale)
    made.move_to((within.x, within.y, 0.0))
    return made


def decoded(path: Path) -> Any:
    """RGBA pixels, or in words why there are none."""
    try:
        state = path.stat()
    except OSError:
        return f"{path.name} is not there; put the picture back or remove it from the storyboard"
    if state.st_size > LARGEST_FILE:
        return f"{path.name} has {state.st_size} bytes, of {LARGEST_FILE} at most; make it smaller"
    return _decoded(path, state.st_mtime_ns, state.st_size)


@lru_cache(24)
def _decoded(path: Path, _changed: int, _size: int) -> Any:
    with path.open("rb") as file:
        start = file.read(512).lstrip()
    if start[:5].lower() in {b"<?xml", b"<svg ", b"<!doc", b"<svg>"} or b"<svg" in start.lower():
        return f"{path.name} is SVG, which may run and load things; save it as PNG"
    try:
        with warnings.catch_warnings():
            # Its size is checked below, before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > LARGEST_PIXELS:
                    return (
                        f"{path.name} has {image.width} x {image.height} pixels, "
                        f"of {LARGEST_PIXELS} at most; make it smaller"
                    )
                image.draft("RGB", (_SIDE, _SIDE))
                upright = ImageOps.exif_transpose(image).convert("RGBA")
                upright.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
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
