"""The events of what people learn."""

from __future__ import annotations

from typing import Annotated

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal

ANSWERED = "learning.answered"
TAKEN_BACK = "learning.answer_taken_back"
FINISHED = "learning.attempt_finished"
GRADED = "learning.response_graded"


class Answered(Payload):
    """An answer to an item, or to the question ``part`` of it; ``score`` is from 0 to 1.

    ``at`` is when it was given; ``clamped`` says that it was told as of later than it was stored,
    and counts as given then. ``source`` is ``hub``, ``xapi`` or ``lms``.
    """

    id: str
    user: Annotated[str, Personal()]
    item: str
    part: str
    score: Annotated[float, Personal()]
    at: Annotated[str, Personal()]
    source: str
    clamped: bool = False


class AnswerTakenBack(Payload):
    """An answer that was told counts no more; ``id`` is that of its ``learning.answered``."""

    id: str
    user: Annotated[str, Personal()]
    item: str
    part: str


class AttemptFinished(Payload):
    """Somebody's ``number``-th attempt at a quiz is over; ``score`` is from 0 to 1."""

    id: str
    user: Annotated[str, Personal()]
    item: str
    number: int
    score: Annotated[float, Personal()]


class ResponseGraded(Payload):
    """Whoever teaches graded what was answered at ``place``; ``total`` is the attempt's score now.

    ``score`` is from 0 to 1, and null where it got words alone.
    """

    attempt: str
    user: Annotated[str, Personal()]
    item: str
    place: int
    score: Annotated[float | None, Personal()]
    total: Annotated[float, Personal()]


declare(
    Topic(
        name=ANSWERED,
        when="somebody answered a question, or a score of theirs was told from elsewhere",
        aggregate="user",
        payload=Answered,
        action="learning:read",
        example={
            "id": "019a21e4-5b20-7a11-9c3d-6f1e2d7b8a40",
            "user": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77",
            "item": "019a21c7-3f10-7c22-b1a8-5d6e7f809112",
            "part": "q1",
            "score": 1.0,
            "at": "2026-03-02T10:15:00.000000Z",
            "source": "hub",
            "clamped": False,
        },
    ),
    Topic(
        name=TAKEN_BACK,
        when="an answer was taken back: its statement was voided, or its grade was changed",
        aggregate="user",
        payload=AnswerTakenBack,
        action="learning:read",
        example={
            "id": "019a21e4-5b20-7a11-9c3d-6f1e2d7b8a40",
            "user": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77",
            "item": "019a21c7-3f10-7c22-b1a8-5d6e7f809112",
            "part": "q1",
        },
    ),
    Topic(
        name=FINISHED,
        when="somebody finished an attempt at a quiz in the hub, or its time was over",
        aggregate="user",
        payload=AttemptFinished,
        action="learning:read",
        example={
            "id": "019a21e4-5b20-7a11-9c3d-6f1e2d7b8a41",
            "user": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77",
            "item": "019a21c7-3f10-7c22-b1a8-5d6e7f809112",
            "number": 1,
            "score": 0.8,
        },
    ),
    Topic(
        name=GRADED,
        when="whoever teaches graded an answer to a question of a quiz, or said something to it",
        aggregate="user",
        payload=ResponseGraded,
        action="learning:read",
        example={
            "attempt": "019a21e4-5b20-7a11-9c3d-6f1e2d7b8a41",
            "user": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77",
            "item": "019a21c7-3f10-7c22-b1a8-5d6e7f809112",
            "place": 4,
            "score": 0.75,
            "total": 0.8,
        },
    ),
)
