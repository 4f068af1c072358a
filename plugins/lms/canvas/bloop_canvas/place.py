"""Where a record stands: its Canvas and its course."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_canvas.ids import within
from bloop_canvas.links import Linked
from bloop_sdk import Kind, Ref


@dataclass(frozen=True, slots=True)
class Place:
    """A course of a Canvas."""

    base: str
    course: str

    def id(self, *parts: str) -> str:
        """A remote id within the course."""
        return within(self.course, *parts)

    def ref(self, kind: Kind, *parts: str) -> Ref:
        """Points at something of the course."""
        return Ref(kind, self.id(*parts))

    def html(self, text: str) -> Linked:
        """Canvas's HTML with its links turned."""
        return Linked(self.base, text)
