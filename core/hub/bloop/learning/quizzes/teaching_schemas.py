"""What the API takes and gives of what others answered in a quiz."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bloop.learning.quizzes.schemas import AttemptOut


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GradeIn(_Strict):
    """Points of the question's, words, or both; what is null stays as it is."""

    points: float | None = Field(None, ge=0, le=1e6)
    feedback: str | None = Field(None, max_length=20_000, description="Markdown")


class AttemptSeen(AttemptOut):
    """Somebody's attempt, with its questions as they were when it began."""

    user: str
    user_name: str


class CommonAnswer(_Strict):
    """What was answered and was not wholly right, and how often."""

    response: str | list[str] | dict[str, str]
    count: int


class QuestionHardness(_Strict):
    """How many had a question right; ``share`` is the mean score, from 0 to 1.

    ``earlier`` counts answers from when it asked for others: they are in nothing else here.
    """

    place: int
    part: str
    right: int
    partly: int
    wrong: int
    waiting: int
    earlier: int
    share: float | None
    common: list[CommonAnswer]


class QuestionStats(_Strict):
    """A quiz's questions in their order."""

    items: list[QuestionHardness]


class WaitingAnswer(_Strict):
    """An answer at ``place`` of an attempt at ``quiz``, whose ``title`` it is."""

    quiz: str
    title: str
    attempt: str
    place: int
    user: str
    user_name: str
    answered_at: datetime


class ToGrade(_Strict):
    """The first answers that wait for a grade; ``count`` is of all."""

    count: int
    items: list[WaitingAnswer]
