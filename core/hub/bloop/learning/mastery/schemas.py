"""What the API gives of what people know."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class MasteryOut(_Out):
    """A concept somebody answered about; ``p`` is the chance of a right answer at ``at``."""

    id: str
    name: str
    p: float = Field(ge=0, le=1, description="By the answers about this concept alone")
    known: bool
    answers: int
    at: datetime = Field(description="The last answer")
    model: str


class MasteryList(_Out):
    """In the order of the concepts' ids; ``next`` is the cursor of the rest."""

    items: list[MasteryOut]
    next: str | None = None


class LessonOut(_Out):
    """A lesson that teaches a concept."""

    item: str
    title: str
    kind: str
    container: str
    course: str


class Gap(_Out):
    """How many of the learners lack a concept, and for how many of them it is next.

    It is next for those who know all that comes before it. ``lessons`` are the first that teach it,
    those of the course before others.
    """

    id: str
    name: str
    lacking: int
    ready: int
    lessons: list[LessonOut]


class Gaps(_Out):
    """What some learners lack for a goal: counts, nobody's name."""

    goal: str
    learners: int
    items: list[Gap]
