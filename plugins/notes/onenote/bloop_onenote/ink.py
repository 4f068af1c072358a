"""Ink: what was drawn on a page, from InkML to an image.

Graph gives all ink of a page in one part, in hundredths of a millimetre from the page's corner
(https://www.w3.org/TR/InkML/; what OneNote uses of it: https://devblogs.microsoft.com/microsoft365dev/onenote-ink-beta-apis).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from bloop_sdk import MalformedRecordError

_UNITS = 2540 / 96
"""HIMETRIC in a pixel."""
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_MOST_POINTS = 2_000_000
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """``svg`` is the image; ``digest`` that of the strokes, whatever names they bear."""

    svg: bytes
    digest: str
    strokes: int


def drawing(inkml: bytes) -> Drawing | None:
    """What an InkML document draws; None where there is no stroke in it."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(inkml, parser)
    except etree.XMLSyntaxError as err:
        raise MalformedRecordError(f"the page's ink cannot be read: {err}") from err
    brushes = dict(_brushes(root))
    lines: list[tuple[list[Point], str, float]] = []
    digest, count = hashlib.sha256(), 0
    for trace in root.iter("{*}trace"):
        text = " ".join((trace.text or "").split())
        points = _points(text, _channels(root))
        count += len(points)
        if count > _MOST_POINTS:
            raise MalformedRecordError(f"the page's ink has more than {_MOST_POINTS} points")
        if points:
            color, width = brushes.get(trace.get("brushRef", "").lstrip("#"), ("#000000", 1.5))
            digest.update(f"{text}|{color}|{width}\n".encode())
            lines.append((points, color, width))
    if not lines:
        return None
    return Drawing(_svg(lines), digest.hexdigest(), len(lines))


def _brushes(root: etree._Element) -> Iterator[tuple[str, tuple[str, float]]]:
    for brush in root.iter("{*}brush"):
        found = {one.get("name"): one for one in brush.iter("{*}brushProperty")}
        color = found["color"].get("value", "") if "color" in found else ""
        width = found["width"].get("value", "") if "width" in found else ""
        himetric = found["width"].get("units") in {None, "himetric"} if "width" in found else True
        size = float(width) if re.fullmatch(r"\d{1,6}(\.\d{1,12})?", width) else 0.0
        scale = (
            1 / _UNITS
            if himetric
            else {"cm": 96 / 2.54, "mm": 96 / 25.4}.get(found["width"].get("units", ""), 1.0)
        )
        name = brush.get("{http://www.w3.org/XML/1998/namespace}id") or ""
        yield name, (color if _COLOR.fullmatch(color) else "#000000", min(40, size * scale) or 1.5)


def _channels(root: etree._Element) -> tuple[int, int]:
    """At which places of a point X and Y stand."""
    for form in root.iter("{*}traceFormat"):
        names = [one.get("name") for one in form.iter("{*}channel")]
        if "X" in names and "Y" in names:
            return names.index("X"), names.index("Y")
    return 0, 1


def _points(text: str, channels: tuple[int, int]) -> list[Point]:
    points = []
    for part in text.split(","):
        values = _NUMBER.findall(part)
        if len(values) > max(channels):
            points.append((float(values[channels[0]]), float(values[channels[1]])))
    return points


def _svg(lines: list[tuple[list[Point], str, float]]) -> bytes:
    xs = [x for points, _, _ in lines for x, _ in points]
    ys = [y for points, _, _ in lines for _, y in points]
    edge = 10.0
    left, top = min(xs), min(ys)
    width, height = ((max(axis) - min(axis)) / _UNITS + 2 * edge for axis in (xs, ys))
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size}>']
    for points, color, thick in lines:
        path = " ".join(
            f"{(x - left) / _UNITS + edge:.1f},{(y - top) / _UNITS + edge:.1f}" for x, y in points
        )
        if len(points) == 1:
            path = f"{path} {path}"  # A dot; round caps make it one.
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{thick:.1f}" '
            'stroke-linecap="round" stroke-linejoin="round"/>'
        )
    parts.append("</svg>")
    return "".join(parts).encode()
