"""The fields of a form for each kind of picture, as texts that people write line by line.

What a kind holds is one field each: a text, a number, a choice, or several lines. Things of several
parts stand one a line, their parts divided by ``|``: ``1687 | Newton's Principia``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bloop_sdk import gettext_noop
from bloop_studio.faults import Fault

Widget = Literal["text", "lines", "code", "number", "choice", "tick"]
Columns = Sequence[tuple[str, type]]
DIVIDER = "|"


class UnreadableError(ValueError):
    """A field holds what its kind can't be made of; ``fault`` says which line and why."""

    def __init__(self, message: str, line: int = 0, **values: object) -> None:
        self.fault = Fault(message, values, line)
        super().__init__(str(self.fault))


@dataclass(frozen=True, slots=True)
class Field:
    """One field: ``key`` is the place in the visual, such as ``items`` or ``left.title``."""

    key: str
    label: str
    widget: Widget = "text"
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    write: Callable[[Any], str] = str
    read: Callable[[str], Any] = str

    @property
    def name(self) -> str:
        """In the form."""
        return f"v.{self.key}"


def _lines(key: str, label: str, help_: str = gettext_noop("one a line")) -> Field:
    return Field(key, label, "lines", help_, write="\n".join, read=_read_lines)


def _read_lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _rows(key: str, label: str, columns: Columns, help_: str) -> Field:
    return Field(
        key, label, "lines", help_,
        write=functools.partial(_write_rows, columns), read=functools.partial(_read_rows, columns),
    )  # fmt: skip


def _write_rows(columns: Columns, rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(_joined(columns, row) for row in rows)


def _joined(columns: Columns, row: Mapping[str, Any]) -> str:
    parts = [_number(row[name]) if kind is float else row.get(name, "") for name, kind in columns]
    while parts and not parts[-1]:
        parts.pop()
    return f" {DIVIDER} ".join(parts)


def _read_rows(columns: Columns, text: str) -> list[dict[str, Any]]:
    return [
        _parted(columns, line, number)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]


def _parted(columns: Columns, line: str, number: int) -> dict[str, Any]:
    parts = [part.strip() for part in line.split(DIVIDER)]
    if len(parts) > len(columns):
        raise UnreadableError(
            gettext_noop("at most %(most)s parts, not %(count)s"),
            number,
            most=len(columns),
            count=len(parts),
        )
    found: dict[str, Any] = {}
    for at, ((name, kind), part) in enumerate(zip(columns, parts, strict=False), 1):
        if kind is float:
            what = gettext_noop("part %(part)s is a number, not %(text)s")
            found[name] = _float(part, what, number, part=at)
        elif part:
            found[name] = part
    return found


def _float(text: str, wanted: str, line: int, **values: object) -> float:
    """A number; ``wanted`` is what to say of a ``text`` that is none."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise UnreadableError(wanted, line, text=repr(text[:40]), **values) from None


def _number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(value)


_AXIS: Columns = (("minimum", float), ("maximum", float), ("label", str))


def _axis(key: str, label: str, help_: str) -> Field:
    def write(axis: Mapping[str, Any] | None) -> str:
        return _joined(_AXIS, axis) if axis else ""

    def read(text: str) -> dict[str, Any] | None:
        return _parted(_AXIS, text, 1) if text.strip() else None

    return Field(key, label, "text", help_, write=write, read=read)


def _cells(key: str, label: str, help_: str) -> Field:
    def write(rows: Sequence[Sequence[str]]) -> str:
        return "\n".join(f" {DIVIDER} ".join(row) for row in rows)

    def read(text: str) -> list[list[str]]:
        lines = [line for line in text.split("\n") if line.strip()]
        return [[cell.strip() for cell in line.split(DIVIDER)] for line in lines]

    return Field(key, label, "lines", help_, write=write, read=read)


def _header(key: str, label: str, help_: str) -> Field:
    def write(cells: Sequence[str]) -> str:
        return f" {DIVIDER} ".join(cells)

    def read(text: str) -> list[str]:
        return [cell.strip() for cell in text.split(DIVIDER)] if text.strip() else []

    return Field(key, label, "text", help_, write=write, read=read)


_SHAPE: Columns = (("id", str), ("shape", str), ("at", str), ("radius", str), ("label", str))


def _write_shapes(shapes: Sequence[Mapping[str, Any]]) -> str:
    return _write_rows(
        _SHAPE,
        [
            {
                **shape,
                "at": " ".join(f"{_number(p['x'])},{_number(p['y'])}" for p in shape["vertices"]),
                "radius": _number(shape["radius"]) if shape.get("radius") is not None else "",
            }
            for shape in shapes
        ],
    )


def _read_shapes(text: str) -> list[dict[str, Any]]:
    shapes = []
    for number, row in enumerate(_read_rows(_SHAPE, text), 1):
        points = [point.split(",") for point in row.pop("at", "").split()]
        if any(len(point) != 2 for point in points):
            raise UnreadableError(gettext_noop("points are written 0,0 3,4"), number)
        what = gettext_noop("a coordinate is a number, not %(text)s")
        row["vertices"] = [
            {"x": _float(x, what, number), "y": _float(y, what, number)} for x, y in points
        ]
        if "radius" in row:
            what = gettext_noop("the radius is a number, not %(text)s")
            row["radius"] = _float(row["radius"], what, number)
        shapes.append(row)
    return shapes


def _tick(key: str, label: str) -> Field:
    return Field(key, label, "tick", write=lambda on: "yes" if on else "", read=bool)


def _whole(text: str) -> int:
    if not text.strip().isdecimal():
        what = gettext_noop("this is a number such as 2, not %(text)s")
        raise UnreadableError(what, text=repr(text[:40]))
    return int(text)


TITLE = Field("title", gettext_noop("Heading in the picture"))
CAPTION = Field("caption", gettext_noop("Caption"))
IMAGE = Field("asset", gettext_noop("Picture of the lesson"), "choice")
_LAYOUTS = (
    ("layered", gettext_noop("in layers")),
    ("circle", gettext_noop("in a circle")),
    ("tree", gettext_noop("as a tree")),
)
_NODES: Columns = (("id", str), ("label", str))
_EDGES: Columns = (("source", str), ("target", str), ("label", str))
_CURVES: Columns = (("expression", str), ("label", str))
_POINTS: Columns = (("x", float), ("y", float), ("label", str))
_MOMENTS: Columns = (("when", str), ("what", str))

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "title": (TITLE, Field("subtitle", gettext_noop("Line below it"))),
    "bullets": (TITLE, _lines("items", gettext_noop("Points")), _tick("ordered",
        gettext_noop("Numbered"))),
    "formula": (
        TITLE,
        _lines("steps", gettext_noop("Formula"),
            gettext_noop("LaTeX without dollar signs; steps of a derivation one a line")),
        CAPTION,
    ),
    "plot": (
        TITLE,
        _axis("x", gettext_noop("x axis"),
            gettext_noop("from | to | label, such as 0 | 10 | time in s")),
        _axis("y", gettext_noop("y axis"), gettext_noop("the same; empty fits it to the curves")),
        _rows("curves", gettext_noop("Curves"), _CURVES,
            gettext_noop("expression | label, such as 2*sin(x) | a wave")),
        _rows("points", gettext_noop("Points"), _POINTS, gettext_noop("x | y | label")),
    ),
    "array": (
        TITLE,
        _lines("values", gettext_noop("Cells")),
        Field("label", gettext_noop("Label")),
        _tick("indices", gettext_noop("Indices below, from 0")),
    ),
    "graph": (
        TITLE,
        _rows("nodes", gettext_noop("Nodes"), _NODES, gettext_noop("id | label")),
        _rows("edges", gettext_noop("Edges"), _EDGES, gettext_noop("id | id | label")),
        _tick("directed", gettext_noop("With arrows")),
        Field("layout", gettext_noop("Layout"), "choice", choices=_LAYOUTS),
    ),
    "table": (
        TITLE,
        _header("header", gettext_noop("Header"), gettext_noop("cells divided by |")),
        _cells("rows", gettext_noop("Rows"), gettext_noop("one a line, cells divided by |")),
    ),
    "code": (
        TITLE,
        Field("language", gettext_noop("Language"), help=gettext_noop("such as python")),
        Field("text", gettext_noop("Code"), "code"),
    ),
    "image": (TITLE, IMAGE, Field("alt", gettext_noop("What it shows, for who can't see it")),
        CAPTION),
    "compare": (
        TITLE,
        Field("left.title", gettext_noop("Left heading")),
        _lines("left.items", gettext_noop("Left points")),
        Field("right.title", gettext_noop("Right heading")),
        _lines("right.items", gettext_noop("Right points")),
    ),
    "timeline": (TITLE, _rows("moments", gettext_noop("Moments"), _MOMENTS,
        gettext_noop("when | what"))),
    "geometry": (
        TITLE,
        Field(
            "shapes", gettext_noop("Figures"), "lines",
            gettext_noop(
                "id | figure | points | radius | label, such as a | circle | 0,0 | 2 | wheel. "
                "Figures are point, segment, vector, angle, circle, polygon."
            ),
            write=_write_shapes, read=_read_shapes,
        ),
    ),
    "quiz": (
        TITLE,
        Field("question", gettext_noop("Question")),
        _lines("choices", gettext_noop("Choices")),
        Field("answer", gettext_noop("The right one"), "number", gettext_noop("counted from 1"),
            read=_whole),
        Field("explanation", gettext_noop("Why")),
    ),
}  # fmt: skip
"""By kind, in the order in which they are asked."""

KINDS: Mapping[str, str] = {
    "title": gettext_noop("Title card"),
    "bullets": gettext_noop("List"),
    "formula": gettext_noop("Formula"),
    "plot": gettext_noop("Graph of a function"),
    "array": gettext_noop("Row of cells"),
    "graph": gettext_noop("Nodes and edges"),
    "table": gettext_noop("Table"),
    "code": gettext_noop("Code"),
    "image": gettext_noop("Picture of the lesson"),
    "compare": gettext_noop("Comparison"),
    "timeline": gettext_noop("Timeline"),
    "geometry": gettext_noop("Geometry"),
    "quiz": gettext_noop("Question"),
}
"""What people call them."""
