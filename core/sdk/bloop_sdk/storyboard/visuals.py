"""What a scene shows: one of thirteen kinds, each with parts that cues can name.

Texts are plain; ``$...$`` within one is LaTeX. Numbers are finite. Nothing in a visual is code that
is run: plots hold expressions of :mod:`bloop_sdk.storyboard.expressions`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bloop_sdk.storyboard.expressions import Expression

Short = Annotated[str, Field(min_length=1, max_length=80)]
"""A label."""
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
"""One line that is read at a glance."""
Latex = Annotated[str, Field(min_length=1, max_length=600)]
"""A formula in LaTeX's mathematical mode, without dollar signs."""
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""An id that people can read."""


class Model(BaseModel):
    """Base of all parts of a storyboard: immutable, and nothing in it that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Titled(Model):
    """A visual may carry a heading, which is the part ``title``."""

    title: Annotated[str, Field(max_length=80)] = ""

    def parts(self) -> tuple[str, ...]:
        """The names by which cues call what is drawn, in the order in which it appears."""
        heading = ("title",) if self.title else ()
        return (*heading, *self._own_parts())

    def _own_parts(self) -> tuple[str, ...]:
        return ()


def _counted(prefix: str, many: list[object]) -> tuple[str, ...]:
    return tuple(f"{prefix}{n}" for n in range(1, len(many) + 1))


class Title(Titled):
    """A title card; a scene that could not be drawn becomes one."""

    kind: Literal["title"]
    title: Short
    subtitle: Annotated[str, Field(max_length=160)] = ""

    def _own_parts(self) -> tuple[str, ...]:
        return ("subtitle",) if self.subtitle else ()


class Bullets(Titled):
    """A list; parts ``item-1`` and so on."""

    kind: Literal["bullets"]
    items: Annotated[list[Phrase], Field(min_length=1, max_length=8)]
    ordered: bool = False

    def _own_parts(self) -> tuple[str, ...]:
        return _counted("item-", [*self.items])


class Formula(Titled):
    """A formula, or the steps of a derivation below each other; parts ``step-1``, ``caption``."""

    kind: Literal["formula"]
    steps: Annotated[list[Latex], Field(min_length=1, max_length=6)]
    caption: Annotated[str, Field(max_length=160)] = ""

    def _own_parts(self) -> tuple[str, ...]:
        return (*_counted("step-", [*self.steps]), *(("caption",) if self.caption else ()))


def _expression(text: str) -> str:
    Expression.parse(text)
    return text


class Curve(Model):
    """``y`` over ``x``, as an expression like ``2*sin(x)^2 + 1``."""

    expression: Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_expression)]
    label: Annotated[str, Field(max_length=40)] = ""


class Axis(Model):
    """The range that is shown."""

    minimum: Number
    maximum: Number
    label: Annotated[str, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _grows(self) -> Axis:
        if not self.maximum - self.minimum > 1e-6:
            raise ValueError("maximum must be above minimum")
        return self


class Spot(Model):
    """A marked point."""

    x: Number
    y: Number
    label: Annotated[str, Field(max_length=40)] = ""


class Plot(Titled):
    """Curves and points over axes; parts ``axes``, ``curve-1``, ``point-1``. No ``y``: it fits."""

    kind: Literal["plot"]
    x: Axis
    y: Axis | None = None
    curves: Annotated[list[Curve], Field(max_length=4)] = Field(default_factory=list)
    points: Annotated[list[Spot], Field(max_length=12)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _shows(self) -> Plot:
        if not self.curves and not self.points:
            raise ValueError("a plot needs a curve or a point")
        return self

    def _own_parts(self) -> tuple[str, ...]:
        curves, points = [*self.curves], [*self.points]
        return ("axes", *_counted("curve-", [*curves]), *_counted("point-", [*points]))


Value = Annotated[str, Field(max_length=12)]


class Array(Titled):
    """Cells in a row, with their indices from 0 below; parts ``cell-0``, ``cell-1``."""

    kind: Literal["array"]
    values: Annotated[
        list[Annotated[str, Field(max_length=12)]], Field(min_length=1, max_length=16)
    ]
    label: Annotated[str, Field(max_length=40)] = ""
    indices: bool = True

    def _own_parts(self) -> tuple[str, ...]:
        return tuple(f"cell-{n}" for n in range(len(self.values)))


class Node(Model):
    """A node of a graph."""

    id: Name
    label: Short


class Edge(Model):
    """From one node to another."""

    source: Name
    target: Name
    label: Annotated[str, Field(max_length=40)] = ""


class Graph(Titled):
    """Nodes and edges; parts are the nodes' ids and ``edge-1`` and so on."""

    kind: Literal["graph"]
    nodes: Annotated[list[Node], Field(min_length=1, max_length=14)]
    edges: Annotated[list[Edge], Field(max_length=30)] = Field(default_factory=list)
    directed: bool = True
    layout: Literal["layered", "circle", "tree"] = "layered"

    @model_validator(mode="after")
    def _whole(self) -> Graph:
        ids = [node.id for node in self.nodes]
        if len(set(ids)) < len(ids):
            raise ValueError("two nodes have the same id")
        for edge in self.edges:
            for end in (edge.source, edge.target):
                if end not in ids:
                    raise ValueError(f"an edge names {end!r}, which is no node")
        return self

    def _own_parts(self) -> tuple[str, ...]:
        return (*(node.id for node in self.nodes), *_counted("edge-", [*self.edges]))


Cell = Annotated[str, Field(max_length=80)]


class Table(Titled):
    """Rows below a header; parts ``row-1``, ``column-1``."""

    kind: Literal["table"]
    header: Annotated[list[Cell], Field(min_length=1, max_length=6)]
    rows: Annotated[
        list[Annotated[list[Cell], Field(min_length=1, max_length=6)]],
        Field(min_length=1, max_length=10),
    ]

    @model_validator(mode="after")
    def _even(self) -> Table:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.header):
                raise ValueError(
                    f"row {number} has {len(row)} cells, the header {len(self.header)}"
                )
        return self

    def _own_parts(self) -> tuple[str, ...]:
        return (*_counted("row-", [*self.rows]), *_counted("column-", [*self.header]))


class Code(Titled):
    """Source text with its syntax coloured; parts ``line-1`` and so on."""

    kind: Literal["code"]
    language: Annotated[str, Field(pattern=r"^[a-z0-9+#.-]{1,20}$")] = "text"
    text: Annotated[str, Field(min_length=1, max_length=2400)]

    @model_validator(mode="after")
    def _fits(self) -> Code:
        lines = self.text.rstrip("\n").split("\n")
        if len(lines) > 28 or max(map(len, lines)) > 100:
            raise ValueError("code has at most 28 lines of 100 characters")
        return self

    def _own_parts(self) -> tuple[str, ...]:
        return _counted("line-", [*self.text.rstrip("\n").split("\n")])


class Image(Titled):
    """One of the storyboard's assets; parts ``image``, ``caption``. ``alt`` says what it shows."""

    kind: Literal["image"]
    asset: Name
    alt: Annotated[str, Field(max_length=400)] = ""
    caption: Annotated[str, Field(max_length=160)] = ""

    def _own_parts(self) -> tuple[str, ...]:
        return ("image", *(("caption",) if self.caption else ()))


class Side(Model):
    """One column of a comparison."""

    title: Short
    items: Annotated[list[Phrase], Field(min_length=1, max_length=5)]


class Compare(Titled):
    """Two columns; parts ``left``, ``left-1``, ``right``, ``right-1``."""

    kind: Literal["compare"]
    left: Side
    right: Side

    def _own_parts(self) -> tuple[str, ...]:
        left = _counted("left-", [*self.left.items])
        return ("left", *left, "right", *_counted("right-", [*self.right.items]))


class Moment(Model):
    """One point of a timeline."""

    when: Annotated[str, Field(min_length=1, max_length=24)]
    what: Annotated[str, Field(min_length=1, max_length=80)]


class Timeline(Titled):
    """Moments in their order; parts ``moment-1`` and so on."""

    kind: Literal["timeline"]
    moments: Annotated[list[Moment], Field(min_length=2, max_length=8)]

    def _own_parts(self) -> tuple[str, ...]:
        return _counted("moment-", [*self.moments])


class Vertex(Model):
    """A point of the plane; a geometry is scaled to its picture as a whole."""

    x: Number
    y: Number


class Shape(Model):
    """A figure; a part by its id.

    ``point`` and ``circle`` have one vertex (the circle a ``radius``), ``segment`` and ``vector``
    two, ``angle`` three with its apex in the middle, ``polygon`` three to twelve.
    """

    id: Name
    shape: Literal["point", "segment", "vector", "angle", "circle", "polygon"]
    vertices: Annotated[list[Vertex], Field(min_length=1, max_length=12)]
    radius: Annotated[float, Field(gt=0, le=1e9)] | None = None
    label: Annotated[str, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _drawable(self) -> Shape:
        least, most = _VERTICES[self.shape]
        if not least <= len(self.vertices) <= most:
            raise ValueError(f"a {self.shape} has {least} to {most} vertices")
        if (self.radius is None) == (self.shape == "circle"):
            raise ValueError("a circle has a radius, and nothing else has")
        return self


_VERTICES = {
    "point": (1, 1),
    "circle": (1, 1),
    "segment": (2, 2),
    "vector": (2, 2),
    "angle": (3, 3),
    "polygon": (3, 12),
}


class Geometry(Titled):
    """Figures of the plane; parts are the shapes' ids."""

    kind: Literal["geometry"]
    shapes: Annotated[list[Shape], Field(min_length=1, max_length=16)]

    @model_validator(mode="after")
    def _named(self) -> Geometry:
        ids = [shape.id for shape in self.shapes]
        if len(set(ids)) < len(ids):
            raise ValueError("two shapes have the same id")
        return self

    def _own_parts(self) -> tuple[str, ...]:
        return tuple(shape.id for shape in self.shapes)


class Quiz(Titled):
    """A question; parts ``question``, ``choice-1`` and so on, ``answer`` (marks the right one)."""

    kind: Literal["quiz"]
    question: Phrase
    choices: Annotated[list[Phrase], Field(min_length=2, max_length=5)]
    answer: Annotated[int, Field(ge=1, le=5, description="the right choice, from 1")]
    explanation: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _answerable(self) -> Quiz:
        if self.answer > len(self.choices):
            raise ValueError(f"choice {self.answer} is the answer, of {len(self.choices)}")
        return self

    def _own_parts(self) -> tuple[str, ...]:
        return ("question", *_counted("choice-", [*self.choices]), "answer")


Visual = Annotated[
    Title
    | Bullets
    | Formula
    | Plot
    | Array
    | Graph
    | Table
    | Code
    | Image
    | Compare
    | Timeline
    | Geometry
    | Quiz,
    Field(discriminator="kind"),
]
"""What a scene shows."""
