"""What the API takes and gives of quizzes that are taken here."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(max_length=20_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ResponseIn(_Strict):
    """An answer, in the form of the question's kind.

    ``choice`` and ``true_false``: the id of a choice; ``multiple``: a list of such ids; ``blank``,
    ``numeric`` and ``essay``: a text; ``blanks``: by the blank's name the id of a choice, or a text
    where it has none; ``matching``: by the number of a left side the number of a right one.
    """

    answer: Text | Annotated[list[Text], Field(max_length=500)] | dict[str, Text]


class ChoiceOut(_Strict):
    """Something to choose."""

    id: str
    html: str


class BlankOut(_Strict):
    """A blank; without ``choices`` its text is typed."""

    name: str
    choices: list[ChoiceOut]


class RightOut(_Strict):
    """A right answer; ``of`` is the blank or the left side that it belongs to."""

    of: str
    html: str


class AnsweredOut(_Strict):
    """What was answered; ``score`` is from 0 to 1, and null where a person has to grade it.

    ``graded_at`` is when a person did, and ``comment`` the HTML of what they say to it.
    """

    response: str | list[str] | dict[str, str]
    score: float | None
    verdict: Literal["right", "partly", "wrong", "ungraded"]
    feedback: list[str]
    right: list[RightOut]
    answered_at: datetime
    graded_at: datetime | None
    comment: str


class QuestionOut(_Strict):
    """A question; ``manner`` says whether it is graded, kept for a person, or left out here.

    ``place`` names it, ``number`` is the one that it has in this attempt. ``worth`` is what it
    counts in the attempt's ``points``; ``answered`` is null until it is.
    """

    place: int
    number: int
    part: str
    worth: float
    kind: str
    title: str
    html: str
    points: float
    manner: Literal["graded", "kept", "left_out"]
    choices: list[ChoiceOut]
    blanks: list[BlankOut]
    lefts: list[ChoiceOut]
    rights: list[ChoiceOut]
    answered: AnsweredOut | None


class AttemptHead(_Strict):
    """An attempt; ``score`` is the share of ``points`` that was reached, from 0 to 1."""

    id: str
    item: str
    number: int
    status: Literal["open", "finished"]
    score: float
    points: float
    started_at: datetime
    ends_at: datetime | None
    finished_at: datetime | None


class AttemptOf(AttemptHead):
    """Somebody's attempt."""

    user: str
    user_name: str


class AttemptOut(AttemptHead):
    """An attempt with its questions, as they were when it began.

    ``over`` says that nothing more can be answered in it, ``late`` that it ended after the quiz was
    due, ``changed`` that the quiz has other questions by now.
    """

    title: str
    container: str
    course: str
    language: str | None
    over: bool
    late: bool
    due_at: datetime | None
    pass_mark: float | None
    changed: bool
    questions: list[QuestionOut]


class AttemptList(_Strict):
    """The caller's attempts at a quiz, the last first."""

    items: list[AttemptHead]


class AttemptsOf(_Strict):
    """Everybody's attempts at a quiz; ``next`` is for ``cursor``."""

    items: list[AttemptOf]
    next: str | None
