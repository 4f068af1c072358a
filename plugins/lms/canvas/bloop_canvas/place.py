"""Where a record stands: its Canvas and its course."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bloop_canvas.ids import within
from bloop_canvas.links import Linked
from bloop_sdk import Kind, Ref


@dataclass(frozen=True, slots=True)
class Place:
    """A course of a Canvas."""

    base: str
    course: str
    known: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Digests of parts that the hub holds, of the stream that is read."""

    def id(self, *parts: str) -> str:
        """A remote id within the course."""
        return within(self.course, *parts)

    def ref(self, kind: Kind, *parts: str) -> Ref:
        """Points at something of the course."""
        return Ref(kind, self.id(*parts))

    def html(self, text: str) -> Linked:
        """Canvas's HTML with its links turned."""
        return Linked(self.base, text)
