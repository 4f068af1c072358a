"""What keeps a question of a quiz from being asked, each named by its place and its field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bloop.content.service import published_whole
from bloop.content.texts import text_of_html
from bloop.learning.quizzes.questions import MOST_PARTS, Manner, Question, bounds_of, manner_of
from bloop.store.errors import InvalidError
from bloop_sdk import Kind

CHOSEN = frozenset({"choice", "multiple", "true_false"})
EDITED = CHOSEN | {"blank", "blanks", "numeric", "matching", "essay", "text"}
"""The kinds that can be written here; others are kept as they came."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the question at ``place``, from 1; 0 is the quiz as a whole.

    ``field`` is the question's, ``answer`` the number of one of its answers from 1, or 0, and
    ``about`` what the words quote.
    """

    place: int
    code: str
    field: str
    answer: int = 0
    about: str = ""

    @property
    def message(self) -> str:
        """It in English; pages say it in the visitor's language."""
        return self.words(MESSAGES[self.code])

    def words(self, message: str) -> str:
        """It in the words of one of :data:`MESSAGES`, maybe translated."""
        return message.format(number=self.place, answer=self.answer, about=self.about)


MESSAGES: Mapping[str, str] = {
    "no_questions": "The quiz has no question that can be answered here",
    "no_text": "Question {number} has no text",
    "no_right": "Question {number} has no right answer",
    "no_choice": "Question {number} has only one answer to choose from",
    "no_pair": "Question {number} has no pair to match",
    "no_answer_text": "Question {number}, answer {answer} has no text",
    "no_number": "Question {number}, answer {answer} is no number",
    "no_blank": "Question {number}, answer {answer} belongs to no blank",
    "no_right_blank": "Question {number}: the blank {about} has no right answer",
    "twice": "Question {number} has the answer {about} twice",
    "too_many": "Question {number} has more answers than can be asked",
}


def problems_of(questions: Sequence[Question]) -> list[Problem]:
    """What is to be put right before a quiz of these questions is published, in their order."""
    found = [
        problem
        for place, one in enumerate(questions, 1)
        for problem in question_problems(one, place)
    ]
    if not found and all(manner_of(one) is Manner.LEFT_OUT for one in questions):
        found.append(Problem(0, "no_questions", "questions"))
    return found


def question_problems(question: Question, place: int) -> list[Problem]:
    """The same of one question; none of a kind that is not written here."""
    if question["kind"] not in EDITED:
        return []
    return [
        Problem(place, code, field, answer, about)
        for code, field, answer, about in _faults(question)
    ]


Fault = tuple[str, str, int, str]


def _faults(question: Question) -> Iterator[Fault]:
    kind, choices = question["kind"], question["choices"]
    if _is_empty(question["html"]):
        yield "no_text", "html", 0, ""
    if kind in {"essay", "text"}:
        return
    if len(choices) > MOST_PARTS:
        yield "too_many", "choices", 0, ""
    yield from _of_choices(kind, choices)
    if kind == "matching":
        if not any(one["weight"] > 0 and one["group"] for one in choices):
            yield "no_pair", "choices", 0, ""
    elif kind == "blanks":
        yield from _of_blanks(choices)
    elif not any(one["weight"] > 0 for one in choices):
        yield "no_right", "choices", 0, ""
    elif kind in CHOSEN and len(choices) < 2:
        yield "no_choice", "choices", 0, ""


def _of_choices(kind: str, choices: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(choices, 1):
        if kind == "numeric":
            if one["weight"] > 0 and bounds_of(one) is None:
                yield "no_number", "choices", number, ""
            continue
        if _is_empty(one["html"]):
            yield "no_answer_text", "choices", number, ""
            continue
        if kind == "blanks" and not one["group"]:
            yield "no_blank", "choices", number, ""
        key = (one["group"] or "", one["html"])
        if key in seen:
            yield "twice", "choices", number, text_of_html(one["html"])[:60]
        seen.add(key)


def _of_blanks(choices: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    groups = dict.fromkeys(one["group"] for one in choices if one["group"])
    if not groups:
        yield "no_right", "choices", 0, ""
    for group in groups:
        if not any(one["weight"] > 0 for one in choices if one["group"] == group):
            yield "no_right_blank", "choices", 0, group[:60]


def _is_empty(html: str) -> bool:
    """Whether there is nothing to read, to see or to hear in it."""
    return not any(tag in html for tag in _TELLING) and not text_of_html(html).strip()


_TELLING = ("<img", "<math", "<audio", "<video", "<iframe")


class IncompleteError(InvalidError):
    """A published quiz may not be incomplete: :attr:`problems` says where it is."""

    code = "incomplete"

    def __init__(self, title: str, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(
            f"{title!r}: {first.message}",
            field=f"questions.{first.place - 1}.{first.field}" if first.place else first.field,
            cure="put it right and publish then; a draft may stay incomplete",
        )
        self.title, self.problems = title, list(problems)


def refuse_incomplete(title: str, data: Mapping[str, Any]) -> None:
    """Raise :class:`IncompleteError` for a quiz that learners could not take."""
    if problems := problems_of(data.get("questions") or ()):
        raise IncompleteError(title, problems)


published_whole(Kind.QUIZ.value, refuse_incomplete)
