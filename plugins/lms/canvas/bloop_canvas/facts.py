"""What one stream of a course tells another: slugs of pages, points of assignments, requirements.

A provider that reads a stream from its beginning remembers it; one that takes up a broken run
reads the list once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bloop_canvas.learning import Graded
from bloop_sdk import Ref


@dataclass(frozen=True, slots=True)
class Required:
    """An item of a module that has to be met; ``met`` is by the token's owner, if it is told."""

    item: str
    content: Ref
    met: bool | None = None


@dataclass(slots=True)
class Facts:
    """Of one course; None is what has not been read."""

    slugs: dict[str, str] | None = None
    graded: dict[str, Graded] | None = None
    required: list[Required] | None = None
    any_will_do: bool = False
    """Whether one item of some module is enough, so that a count says nothing of all."""
    test_students: set[str] | None = None
    """Ids of those that Canvas makes for a teacher's student view, and lists with no other user."""
    refused: set[str] = field(default_factory=set)
    """What was refused once in this course, and is not asked for again."""
