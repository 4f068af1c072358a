"""What the API takes and gives of progress, goals and certificates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Id = Annotated[str, Field(min_length=1, max_length=60)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProgressIn(_Strict):
    """That a lesson is done, or is not; how much of its video was seen."""

    done: bool | None = None
    watched: Share | None = None


class ItemProgressOut(_Strict):
    """How far the caller is with a lesson; ``how`` is why it is done: marked, quiz or video."""

    item: str
    opened_at: datetime | None
    done_at: datetime | None
    how: str
    watched: float


class CourseProgress(_Strict):
    """How far the caller is in a course; ``percent`` of its lessons are done.

    ``certifies`` says whether it gives certificates, ``certificate`` is the code of the caller's.
    """

    lessons: int
    done: int
    begun: int
    percent: int
    certifies: bool
    certificate: str | None
    items: list[ItemProgressOut]


class GoalIn(_Strict):
    """A goal, maybe by a day."""

    by: date | None = None


class GoalOut(_Strict):
    """A goal; ``name`` is null where its subject is gone."""

    kind: Literal["concept", "container"]
    subject: str
    name: str | None
    by: date | None
    created_at: datetime


class GoalList(_Strict):
    """The caller's goals."""

    items: list[GoalOut]


class AskedIn(_Strict):
    """What a course would ask for: lessons, null for all, and an average of scores."""

    items: Annotated[list[Id], Field(max_length=2000)] | None = None
    average: Share = 0.0


class RuleIn(AskedIn):
    """What a course asks for; ``version`` is that of the rule which it replaces, 0 for none."""

    version: Annotated[int, Field(ge=0)] | None = None


class RuleOut(_Strict):
    """The rule of a course."""

    container: str
    items: list[str] | None
    average: float
    row_version: int


class CertificateOut(_Strict):
    """A certificate; ``verify`` is where anybody sees that it is one."""

    id: str
    container: str
    number: str
    code: str
    name: str
    title: str
    lessons: int
    average: float | None
    issued_at: datetime
    verify: str


class CertificateList(_Strict):
    """The caller's certificates."""

    items: list[CertificateOut]


class RuleListed(_Strict):
    """A course that gives certificates; ``earned`` counts those that were given."""

    id: str
    title: str
    average: float
    items: list[str] | None
    updated_at: datetime
    earned: int


class CertificateRules(_Strict):
    """In the order of the courses' ids."""

    items: list[RuleListed]
    next: str | None


class EarnedOut(_Strict):
    """Whom a certificate was given to, by the name of that day."""

    id: str
    user: str
    name: str
    number: str
    average: float | None
    issued_at: datetime


class EarnedList(_Strict):
    """Who has earned the certificate of a course, the first of them first."""

    items: list[EarnedOut]
    next: str | None


class WouldGet(_Strict):
    """How a learner stands to a rule: ``missing`` of its ``lessons`` are not done."""

    user: str
    name: str
    met: bool
    given: bool
    missing: int
    lessons: int
    average: float | None


class DryRun(_Strict):
    """Who of a course's learners would get its certificate now, those first."""

    learners: int
    met: int
    items: list[WouldGet]
