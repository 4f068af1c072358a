"""What the API gives of how a class is doing."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class StuckOut(_Out):
    """Why somebody is stuck: ``tries`` at a quiz that none passed, or ``away`` for two weeks."""

    kind: Literal["tries", "away"]
    item: str | None
    title: str | None
    tries: int


class LearnerOut(_Out):
    """A learner of a course: lessons done and begun, concepts known and answered about."""

    id: str
    name: str
    lessons: int
    done: int
    begun: int
    known: int = Field(description="Concepts of the course that their answers show they know")
    asked: int = Field(description="Concepts of the course about which they answered")
    seen_at: datetime | None = Field(description="When they last did something in the course")
    stuck: StuckOut | None


class ClassOut(_Out):
    """A page of a course's learners; the counts are of all of them.

    ``whole`` is false where more learn in it than are told of.
    """

    learners: int
    lessons: int
    finished: int
    stuck: int
    whole: bool
    items: list[LearnerOut]
    next: str | None


class SpreadOut(_Out):
    """How many learners know a concept, are unsure, are weak, and have not answered about it."""

    id: str
    name: str
    known: int
    unsure: int
    weak: int
    silent: int


class SpreadList(_Out):
    """The concepts of a course; what fewest know comes first."""

    learners: int
    items: list[SpreadOut]
