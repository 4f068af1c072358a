"""What the API gives of the concept map."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class MapScope(_Out):
    """What the map is of; ``id`` and ``name`` are null where that is everything."""

    kind: Literal["course", "concept", "goal", "all"]
    id: str | None
    name: str | None


class MapBox(_Out):
    """How large the box of each node is."""

    width: int
    height: int


class MapNode(_Out):
    """A concept, at the top left corner of its box."""

    id: str
    name: str
    level: int = Field(description="From 1; edges lead to higher ones. 0 for what has no edge here")
    x: int
    y: int
    state: Literal["unknown", "started", "known", "due"] | None = Field(
        description="How far you are; null for who has no learning of their own to be shown"
    )
    next: bool = Field(description="Among the few to learn next")
    goal: bool
    on_way: bool = Field(description="Still to be learned for a goal that is on the map")
    folded: int = Field(description="So many parts of it are on the map by this node alone")


class MapEdge(_Out):
    """A prerequisite, by the points of its line; what others imply is left away."""

    source: str
    target: str
    points: list[tuple[int, int]]
    on_way: bool


class ConceptMap(_Out):
    """A layered drawing, its nodes in reading order: level by level, each from above.

    Lengths are in pixels at full size; levels go from left to right.
    """

    version: int
    scope: MapScope
    width: int
    height: int
    box: MapBox
    nodes: list[MapNode]
    edges: list[MapEdge]
    folded: int = Field(description="So many concepts are folded into what they are a part of")
    left_out: int = Field(description="So many more would be too many")
