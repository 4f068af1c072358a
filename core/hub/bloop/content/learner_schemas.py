"""What the API gives and takes of people's work and of dates."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bloop.content.schemas import State

_ID = "019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CommentOut(_Strict):
    """What somebody said of a submission; ``person`` is who, by the other system's id."""

    text: str
    person: str | None
    at: datetime | None


class SubmissionOut(_Strict):
    """A person's newest work on something, as the other system holds it."""

    id: str = Field(examples=[_ID])
    container: str
    person: str
    person_name: str = Field(examples=["Ada Lovelace"])
    item: str | None
    item_title: str | None = Field(examples=["Titration"])
    status: str = Field(examples=["graded"])
    attempt: int | None
    score: float | None = Field(examples=[8.5])
    points: float | None = Field(examples=[10.0])
    grade: str | None
    late: bool
    submitted_at: datetime | None
    graded_at: datetime | None
    comments: list[CommentOut]
    state: State
    row_version: int


class SubmissionList(_Strict):
    """A page of submissions; ``next`` asks for the one after it."""

    items: list[SubmissionOut]
    next: str | None


class GradeIn(_Strict):
    """A grade to give in the other system; at least one of the two."""

    score: float | None = Field(None, ge=0, le=1e6, examples=[9.0])
    comment: str | None = Field(None, min_length=1, max_length=10_000, examples=["Well done."])


class GradeAsked(_Strict):
    """The job that writes it; it says what became of it."""

    job: str = Field(examples=[_ID])


class DateOut(_Strict):
    """Something of a course that takes place at a time."""

    id: str
    container: str
    title: str = Field(examples=["Exam"])
    html: str
    starts_at: datetime
    ends_at: datetime | None
    all_day: bool
    location: str
    url: str | None


class DateList(_Strict):
    """The next dates."""

    items: list[DateOut]
