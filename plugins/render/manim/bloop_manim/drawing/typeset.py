"""Formulas as outlines, through Typst's compiler."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, Final
from xml.etree import ElementTree as ET

import numpy as np
import svgelements
import typst

from bloop_manim.drawing import tex
from bloop_manim.drawing.fonts import NO_INK, Ink
from bloop_manim.drawing.latex import FormulaError, to_typst
from bloop_manim.drawing.shaping import Set

_EM: Final = 10.0
_PAGE: Final = """\
#set page(width: auto, height: auto, margin: 0pt, fill: none)
#set text(size: 10pt, top-edge: "bounds", bottom-edge: "bounds")
#set par(leading: 0.9em)
#set math.equation(numbering: none)
#show math.equation.where(block: true): set align(left)
"""
# A bar one em high on the base line tells where that is; it is left out of the picture.
_STRUT: Final = "#box(width: 1pt, height: 10pt, fill: black)"
_SVG: Final = "{http://www.w3.org/2000/svg}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"


@lru_cache(2048)
def formula(latex: str, *, display: bool) -> Set:
    """A formula in em; inline ones stand on the base line, displayed ones begin at their top.

    What Typst's path can't take is given to LaTeX, where that is. Raises :class:`FormulaError`.
    """
    foreign = next((char for char in latex if _is_foreign(char)), None)
    if foreign:
        message = f"{foreign!r} in a formula, whose face has Latin, Greek and Cyrillic letters"
        raise FormulaError(message, latex.index(foreign))
    try:
        maths = to_typst(latex).typst
        return _set(_ink(f"$ {maths} $" if display else f"{_STRUT}${maths}$"), display=display)
    except FormulaError as unknown:
        if not tex.present():
            raise
        try:
            return _set(_by_latex(latex, display=display), display=display)
        except FormulaError as err:
            raise FormulaError(f"{unknown}; {err}", unknown.place) from err


def _by_latex(latex: str, *, display: bool) -> Ink:
    body = f"${tex.safe(latex)}\n$"
    strut = r"\vrule width 1pt height 10pt depth 0pt\relax"
    svg = tex.drawn(rf"$\displaystyle{body[1:]}" if display else strut + body)
    ink: Ink = _outlines(svg) * np.array([1, -1]) / tex.EM
    return ink


def _set(ink: Ink, *, display: bool) -> Set:
    if display:
        return _boxed(ink)
    strut, rest = ink[:4], ink[4:]
    base = strut[..., 1].min()
    left = strut[..., 0].max()
    right = max(float(rest[..., 0].max()) if len(rest) else left, left)
    moved = rest - np.array([left, base])
    return Set(
        moved,
        right - left,
        max(0.0, float(moved[..., 1].max(initial=0.0))),
        max(0.0, float(-moved[..., 1].min(initial=0.0))),
    )


def _is_foreign(char: str) -> bool:
    name = unicodedata.name(char, "")
    known = (
        "LATIN",
        "GREEK",
        "CYRILLIC",
        "MATHEMATICAL",
        "DOUBLE-STRUCK",
        "SCRIPT",
        "BLACK-LETTER",
    )
    return char.isalpha() and not char.isascii() and not name.startswith((*known, "MICRO", "ALEF"))


@lru_cache(512)
def lead(latex: str) -> float | None:
    """How far from its left a formula's first relation stands, in em; None where it has none."""
    try:
        before = to_typst(latex).lead
    except FormulaError:  # LaTeX has set it, and says nothing of its inside.
        return None
    if before is None:
        return None
    if not before:
        return 0.0
    whole = _ink(f"{_STRUT}${before}$")
    return float(whole[4:, ..., 0].max(initial=0.1) - whole[:4, ..., 0].max()) + 5 / 18


def _boxed(ink: Ink) -> Set:
    if not len(ink):
        raise FormulaError("nothing of it is seen", 0)
    low, high = ink.min(axis=(0, 1)), ink.max(axis=(0, 1))
    moved = ink - np.array([low[0], high[1]])
    return Set(moved, float(high[0] - low[0]), 0.0, float(high[1] - low[1]))


@cache
def _compiler() -> typst.Compiler:
    # An empty root: nothing can be read. Packages are named by `@`, which is never written.
    empty = tempfile.mkdtemp(prefix="bloop-typst-")
    fonts = typst.Fonts(include_system_fonts=False)
    return typst.Compiler(root=empty, font_paths=fonts, ignore_system_fonts=True)


def _ink(body: str) -> Ink:
    try:
        svg: Any = _compiler().compile((_PAGE + body).encode(), format="svg")
    except typst.TypstError as err:
        raise FormulaError(f"Typst: {err.message}", 0) from err
    if isinstance(svg, list):
        svg = svg[0]
    # Written by Typst from our own document.
    root = ET.fromstring(svg)  # noqa: S314 # nosec B314
    ink: Ink = _outlines(root) * np.array([1, -1]) / _EM
    return ink


def _outlines(root: ET.Element) -> Ink:
    """What an SVG of Typst or dvisvgm draws, in its own units."""
    symbols = {
        one.get("id", ""): "".join(path.get("d", "") for path in one.iter(f"{_SVG}path"))
        for tag in ("symbol", "path")
        for one in root.iter(f"{_SVG}{tag}")
        if one.get("id")
    }
    parts: list[Ink] = []
    _walk(root, np.eye(3), symbols, parts)
    return np.concatenate(parts) if parts else NO_INK


def _walk(node: ET.Element, matrix: Any, symbols: dict[str, str], parts: list[Ink]) -> None:
    for child in node:
        here = matrix @ _matrix(child.get("transform", ""))
        if child.tag == f"{_SVG}g":
            _walk(child, here, symbols, parts)
        elif child.tag == f"{_SVG}use":
            moved = here @ _moved(float(child.get("x", 0)), float(child.get("y", 0)))
            parts.append(_applied(moved, _curves(symbols[child.get(_HREF, "")[1:]])))
        elif child.tag == f"{_SVG}rect":
            x, y, wide, high = (float(child.get(name, 0)) for name in ("x", "y", "width", "height"))
            parts.append(_applied(here, _curves(f"M{x} {y}h{wide}v{high}h{-wide}z")))
        elif child.tag == f"{_SVG}path":
            curves = _curves(child.get("d", ""))
            if child.get("stroke"):
                curves = _bars(curves, float(child.get("stroke-width", 0.5)))
            parts.append(_applied(here, curves))


def _applied(matrix: Any, curves: Ink) -> Ink:
    moved: Ink = curves @ matrix[:2, :2].T + matrix[:2, 2]
    return moved


def _moved(x: float, y: float) -> Any:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def _matrix(text: str) -> Any:
    out = np.eye(3)
    for name, inside in re.findall(r"(\w+)\(([^)]*)\)", text):
        numbers = [float(one) for one in re.split(r"[\s,]+", inside.strip())]
        if name == "matrix":
            a, b, c, d, e, f = numbers
            out = out @ np.array([[a, c, e], [b, d, f], [0, 0, 1.0]])
        elif name == "translate":
            out = out @ _moved(numbers[0], numbers[1] if len(numbers) > 1 else 0.0)
        elif name == "scale":
            out = out @ np.diag([numbers[0], numbers[-1], 1.0])
    return out


@lru_cache(4096)
def _curves(d: str) -> Ink:
    out = []
    for part in svgelements.Path(d):
        if isinstance(part, svgelements.Move) or part.start is None or part.end is None:
            continue
        start, end = complex(part.start), complex(part.end)
        if isinstance(part, svgelements.CubicBezier):
            controls = (start, complex(part.control1), complex(part.control2), end)
        elif isinstance(part, svgelements.QuadraticBezier):
            control = complex(part.control)
            controls = (
                start,
                start + (control - start) * 2 / 3,
                end + (control - end) * 2 / 3,
                end,
            )
        elif start != end:
            controls = (start, start + (end - start) / 3, end + (start - end) / 3, end)
        else:
            continue
        out.append([(one.real, one.imag) for one in controls])
    return np.array(out, dtype=np.float64).reshape(-1, 4, 2)


def _bars(curves: Ink, width: float) -> Ink:
    """A stroke of straight lines as filled bars."""
    bars = []
    for start, _, _, end in curves:
        along = end - start
        across = np.array([-along[1], along[0]]) / (np.hypot(*along) or 1.0) * width / 2
        corners = [start + across, end + across, end - across, start - across, start + across]
        for a, b in pairwise(corners):
            bars.append([a, a + (b - a) / 3, b + (a - b) / 3, b])
    return np.array(bars, dtype=np.float64).reshape(-1, 4, 2)
