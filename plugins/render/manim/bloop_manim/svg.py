"""SVG that anybody may have written, as PNG: ``python svg.py SIDE FACES SECONDS < a.svg > a.png``.

A program of its own, since its time and memory are bounded, and what it dies of costs the picture
alone. It imports nothing of this package. What is wrong is told on stderr, and it ends with
:data:`REFUSED`.

An SVG can name files and addresses, hold scripts and unfold to any size. What is drawn here is a
copy of it: no declarations of entities, no references but within itself and to pictures that it
carries, no more elements than :data:`ELEMENTS`, and ``SIDE`` pixels at most. resvg, which draws it,
has neither scripts nor a network.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import resource
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

import resvg_py
from PIL import Image, UnidentifiedImageError

REFUSED = 2
MEMORY_BYTES = 1 << 30
ELEMENTS = 200_000
DEEPEST = 100
WIDEST = 40.0
"""No picture is so many times wider than high, or the other way round."""
CARRIED_PIXELS = 16_000_000
CARRIED = ("PNG", "JPEG", "GIF", "WEBP")

_NAME = re.compile(r"\{[^}]*\}")
_UNSEEN = frozenset({"script", "foreignObject", "iframe", "audio", "video", "handler", "listener"})
_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,", re.IGNORECASE)
_LENGTH = re.compile(
    r"\s*([+]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(px|pt|pc|in|cm|mm|q)?\s*", re.IGNORECASE
)
_UNITS = {"px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 9.6 / 2.54,
          "q": 2.4 / 2.54}  # fmt: skip


class RefusedError(ValueError):
    """Why it is not drawn."""


class _Builder(ET.TreeBuilder):
    """A tree that is neither too large nor too deep."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = self._deep = 0

    def start(self, tag: Any, attrs: Any) -> ET.Element:
        self._elements += 1
        self._deep += 1
        if self._elements > ELEMENTS:
            raise RefusedError(f"it has more than {ELEMENTS} elements")
        if self._deep > DEEPEST:
            raise RefusedError(f"its elements are nested more than {DEEPEST} deep")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ET.Element:
        self._deep -= 1
        return super().end(tag)


def read(data: bytes) -> ET.Element:
    """Its elements; raises :class:`RefusedError`."""
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="}")

    def named(name: str) -> str:
        return f"{{{name}" if "}" in name else name

    def start(name: str, attributes: dict[str, str]) -> None:
        builder.start(named(name), {named(key): value for key, value in attributes.items()})

    def refused(*_: Any) -> None:
        raise RefusedError("it declares entities, which may unfold to anything")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: builder.end(named(name))
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refused
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as err:
        if isinstance(err, RefusedError):
            raise
        raise RefusedError(f"it is no XML: {err}") from None
    root = builder.close()
    if _local(root.tag) != "svg":
        raise RefusedError("it is no SVG")
    return root


def cleaned(root: ET.Element) -> ET.Element:
    """Without scripts, and without references to anything outside."""
    left = CARRIED_PIXELS
    for parent in list(root.iter()):
        for child in list(parent):
            if _local(child.tag) in _UNSEEN:
                parent.remove(child)
        for name in [one for one in parent.attrib if _local(one) in {"href", "src", "base"}]:
            reference = parent.attrib[name].strip()
            if reference.startswith("#"):
                continue
            pixels = _carried(reference)
            if 0 < pixels <= left:
                left -= pixels
            else:
                del parent.attrib[name]
    return root


def _carried(reference: str) -> int:
    """The pixels of a picture within the SVG; 0 for whatever else is named."""
    found = _DATA.match(reference)
    if not found:
        return 0
    try:
        data = base64.b64decode("".join(reference[found.end() :].split()), validate=True)
        with Image.open(io.BytesIO(data), formats=CARRIED) as image:
            return image.width * image.height
    except (binascii.Error, UnidentifiedImageError, Image.DecompressionBombError, OSError,
            ValueError, SyntaxError):  # fmt: skip
        return 0


def sized(root: ET.Element, side: int) -> None:
    """Let it be ``side`` pixels wide or high, whatever it says of itself."""
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    try:
        _, _, wide, high = (float(one) for one in box)
    except ValueError:
        wide = high = 0.0
    own = _pixels(root.get("width")), _pixels(root.get("height"))
    if not (0 < wide < float("inf") and 0 < high < float("inf")):
        wide, high = own[0] or 300.0, own[1] or 150.0
        root.set("viewBox", f"0 0 {wide!r} {high!r}")
    if own[0] and own[1]:
        wide, high = own
    if not 1 / WIDEST <= wide / high <= WIDEST:
        raise RefusedError(f"it is {wide:g} wide and {high:g} high")
    scale = side / max(wide, high)
    root.set("width", str(max(1, round(wide * scale))))
    root.set("height", str(max(1, round(high * scale))))
    # Percentages would be of what holds it, and nothing does.
    for name in ("x", "y"):
        root.attrib.pop(name, None)


def _pixels(length: str | None) -> float:
    """0 where it says none that stands by itself."""
    found = _LENGTH.fullmatch(length or "")
    if not found:
        return 0.0
    value = float(found[1]) * _UNITS[(found[2] or "px").lower()]
    return value if value < float("inf") else 0.0


def _local(tag: Any) -> str:
    return _NAME.sub("", tag) if isinstance(tag, str) else ""


def drawn(data: bytes, side: int, faces: Path) -> bytes:
    """A PNG, ``side`` pixels along its longer side; raises :class:`RefusedError`."""
    root = cleaned(read(data))
    sized(root, side)
    text = any(_local(one.tag) == "text" for one in root.iter())
    files = sorted(str(one) for one in faces.iterdir() if one.suffix in {".otf", ".ttf"})
    try:
        return resvg_py.svg_to_bytes(
            svg_string=ET.tostring(root, encoding="unicode"),
            skip_system_fonts=not text,
            font_files=files if text else None,
            font_family="Inter",
            serif_family="Inter",
            sans_serif_family="Inter",
            monospace_family="JetBrains Mono",
        )
    except (ValueError, RecursionError) as err:
        raise RefusedError(f"it can't be drawn: {err}") from None


def main() -> None:
    """Bounded before anything is read."""
    seconds = int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    try:
        png = drawn(sys.stdin.buffer.read(), int(sys.argv[1]), Path(sys.argv[2]))
    except RefusedError as err:
        sys.stderr.write(str(err))
        sys.exit(REFUSED)
    sys.stdout.buffer.write(png)


if __name__ == "__main__":
    main()
