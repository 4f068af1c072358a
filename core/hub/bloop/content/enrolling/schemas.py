"""What the API takes and gives of enrolments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["learner", "educator"]
_Id = Annotated[str, Field(max_length=60)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EnrolmentIn(_Strict):
    """Whom to enrol: one of ``user``, ``email`` and ``group``."""

    user: _Id | None = None
    email: Annotated[str, Field(max_length=320, examples=["ada@example.org"])] | None = None
    group: _Id | None = None
    role: Role = "learner"


class EnrolmentOut(_Strict):
    """A user or a group in a course."""

    id: str
    role: Role
    source: str = Field(description="The plugin that lets them in; empty where people do")
    user: str | None
    group: str | None
    name: str | None
    created_at: datetime
    row_version: int


class EnrolmentList(_Strict):
    """Enrolments in the order in which they were made; ``next`` is for ``cursor``."""

    items: list[EnrolmentOut]
    next: str | None


class PersonOut(_Strict):
    """A person of another system in a course; ``user`` is who they are here, if that is known."""

    id: str
    person: str
    name: str
    role: str
    user: str | None
    linked_by: str | None


class PersonList(_Strict):
    """People of another system; ``next`` is for ``cursor``."""

    items: list[PersonOut]
    next: str | None


class LinkIn(_Strict):
    """Which user a person of another system is."""

    user: _Id


class CourseOut(_Strict):
    """A course that somebody is enrolled in; ``teaches``: they write in it."""

    id: str
    kind: str
    title: str
    code: str | None
    published: bool
    state: str
    teaches: bool


class CourseList(_Strict):
    """Somebody's courses; ``next`` is for ``cursor``."""

    items: list[CourseOut]
    next: str | None
