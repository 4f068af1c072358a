"""What the API gives of what people know."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class MasteryOut(_Out):
    """A concept somebody answered about; ``p`` is the chance of a right answer.

    The core's model tells it at ``at`` by the answers about the concept, a trained one at the last
    answer by all of them.
    """

    id: str
    name: str
    p: float = Field(ge=0, le=1)
    known: bool
    answers: int
    at: datetime = Field(description="The last answer")
    model: str = Field(description="Who says so: the core's model, or a trained one by its id")


class Reason(_Out):
    """Why a chance is what it is: ``effect`` is what it adds to the chance, -1 to 1."""

    kind: str
    text: str
    effect: float
    facts: dict[str, int]


class MasteryWhy(_Out):
    """The chance of a right answer with its reasons, the weightiest first.

    Told by the model that made the row of the list; ``made_by`` says in words which that is, and
    ``stands_in`` why the core's model does although a trained one is in use.
    """

    concept: str
    name: str
    p: float = Field(ge=0, le=1)
    known: bool
    answers: int
    model: str
    kind: str
    trained_at: datetime | None
    stands_in: Literal["", "off", "broken", "waiting", "new"]
    made_by: str
    evidence: list[Reason]


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
