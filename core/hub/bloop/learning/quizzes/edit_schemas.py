"""What the API takes and gives of quizzes that are written here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Html = Annotated[str, Field(max_length=200_000)]
Name = Annotated[str, Field(max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChoiceDraft(_Strict):
    """An answer to choose, one that is accepted, or one side of a pair.

    ``weight`` is the share of the points it gives, in per cent. ``group`` is the blank it belongs
    to, or the left side; ``low`` and ``high`` bound a number. Without an ``id`` it gets one.
    """

    id: Name = ""
    html: Html = ""
    weight: float = Field(0.0, ge=-100, le=100)
    feedback_html: Html = ""
    group: Html | None = None
    low: float | None = None
    high: float | None = None


class QuestionDraft(_Strict):
    """A question with its answers. ``feedback_html`` is said to whatever was answered."""

    id: Name = ""
    kind: str
    title: str = Field("", max_length=500)
    html: Html = ""
    points: float = Field(1.0, ge=0, le=1e6)
    choices: list[ChoiceDraft] = Field(default=[], max_length=500)
    feedback_html: Html = ""
    correct_html: Html = ""
    incorrect_html: Html = ""
    case_sensitive: bool = False
    raw_type: str | None = Field(None, max_length=200)


class _Settings(_Strict):
    due_at: datetime | None = None
    time_limit: float | None = Field(None, gt=0, description="Minutes")
    attempts: int | None = Field(None, ge=1, description="Null: any number")
    shuffle: bool = Field(False, description="Each attempt has an order of its own")
    pass_mark: float | None = Field(None, ge=0, le=1, description="A share of the points")


class QuizChange(_Settings):
    """The fields to change; those left out stay. ``questions`` are all of them, in their order."""

    title: str = Field("", examples=["Acids and bases"])
    html: Html = ""
    markdown: Html | None = Field(None, description="In place of html")
    language: str | None = Field(None, max_length=35)
    questions: list[QuestionDraft] = Field(default=[], max_length=1000)


class QuestionsIn(_Strict):
    """Questions as plain text."""

    text: str = Field("", max_length=1_000_000, description="In Moodle's GIFT format, or in Aiken")


class ProblemOut(_Strict):
    """What keeps it from being published; ``place`` counts questions from 1, 0 is the quiz."""

    place: int
    field: str
    answer: int
    code: str
    message: str


class AttemptCounts(_Strict):
    """How many attempts there are; those that are ``open`` keep their questions."""

    all: int
    open: int


class QuizOut(_Settings):
    """A quiz as whoever writes it sees it.

    ``read_only`` says why it can't be changed here, where it can't.
    """

    id: str
    container: str
    title: str
    html: str
    language: str | None
    published: bool
    state: Literal["pending", "active", "missing", "forbidden", "unshared", "trashed"]
    row_version: int
    points: float | None
    questions: list[QuestionDraft]
    problems: list[ProblemOut]
    attempts_made: AttemptCounts
    read_only: str | None
