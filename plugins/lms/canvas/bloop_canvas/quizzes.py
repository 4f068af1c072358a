"""Classic quizzes and their questions (Canvas's Quiz Questions API)."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bloop_canvas import audience
from bloop_canvas.fields import (
    address,
    flag,
    identifier,
    kept,
    needed,
    number,
    rows,
    text,
    when,
    whole,
)
from bloop_canvas.place import Place
from bloop_sdk import Choice, Question, QuestionKind, Quiz
from bloop_sdk.records import JSONObject

_NOISE = frozenset(
    {
        "access_code",  # Whoever knows it may begin the quiz.
        "has_access_code",
        "speedgrader_url",
        "permissions",
        "quiz_reports_url",
        "quiz_statistics_url",
        "quiz_submission_versions_html_url",
        "message_students_url",
        "quiz_extensions_url",
        "preview_url",
        "mobile_url",
        "version_number",
        "unpublishable",
        "can_unpublish",
        "section_count",
        "can_update",
        "in_paced_course",
        "takeable",
    }
)
_KINDS = {
    "multiple_choice_question": QuestionKind.CHOICE,
    "multiple_answers_question": QuestionKind.MULTIPLE,
    "true_false_question": QuestionKind.TRUE_FALSE,
    "short_answer_question": QuestionKind.BLANK,
    "fill_in_multiple_blanks_question": QuestionKind.BLANKS,
    "multiple_dropdowns_question": QuestionKind.BLANKS,
    "matching_question": QuestionKind.MATCHING,
    "numerical_question": QuestionKind.NUMERIC,
    "calculated_question": QuestionKind.FORMULA,
    "essay_question": QuestionKind.ESSAY,
    "file_upload_question": QuestionKind.UPLOAD,
    "text_only_question": QuestionKind.TEXT,
}
REFUSED = "its questions: the credential may not read them"


def quiz(place: Place, item: JSONObject, questions: Sequence[JSONObject] | None) -> Quiz:
    """A quiz; ``questions`` of None were refused."""
    body = place.html(text(item, "description"))
    found = sorted(questions or (), key=lambda one: number(one, "position") or 0.0)
    lost = (*body.lost, *_lost_of(item, questions))
    attempts = whole(item, "allowed_attempts")
    dates, alone = audience.dates_of(item), flag(item, "only_visible_to_overrides")
    restricted = _is_restricted(item, attempts)
    return Quiz(
        remote_id=place.id(identifier(item)),
        container=place.course,
        title=needed(item, "title"),
        published=flag(item, "published", default=True)
        and not (alone and audience.of_people(dates)),
        html=body.html,
        questions=tuple(_question(place, one) for one in found),
        points=number(item, "points_possible"),
        due_at=audience.common(dates, "due_at") if alone and dates else when(item, "due_at"),
        time_limit=number(item, "time_limit"),
        attempts=None if attempts is None or attempts < 0 else attempts,
        restricted=restricted,
        shown_from=audience.first(dates, "unlock_at")
        if alone and dates
        else when(item, "unlock_at"),
        url=address(item),
        created_at=when(item, "created_at"),
        updated_at=when(item, "updated_at"),
        lost=lost,
        raw={
            **kept(item, _NOISE),
            "has_access_code": flag(item, "has_access_code"),
            **({"restricted": True} if restricted else {}),
            "questions": None if questions is None else [kept(one, _OF_ANSWERS) for one in found],
        },
    )


def _lost_of(item: JSONObject, questions: Sequence[JSONObject] | None) -> Iterator[str]:
    if questions is None:
        yield REFUSED
    if any(one.get("quiz_group_id") for one in questions or ()):
        yield "question groups, which draw some of their questions"
    if any(str(one.get("answer_tolerance")).endswith("%") for one in questions or ()):
        yield "that the answer to a formula may be off by a percentage"
    if item.get("ip_filter") or flag(item, "has_access_code"):
        yield "from where, and with which access code, it can be taken"
    if flag(item, "only_visible_to_overrides"):
        yield audience.SOME_SECTIONS
    elif audience.dates_of(item):
        yield "dates of some people and sections that differ"


def _is_restricted(item: JSONObject, attempts: int | None) -> bool:
    """Whether Canvas says who may take it, when, or what is told of right answers, or counts tries.

    Who had seen its answers in the hub would have no other try at a grade in Canvas.
    """
    graded = text(item, "quiz_type") in {"assignment", "graded_survey"}
    return (
        flag(item, "has_access_code")
        or flag(item, "only_visible_to_overrides")
        or flag(item, "require_lockdown_browser")
        or flag(item, "show_correct_answers_last_attempt")
        or any(one.get("unlock_at") for one in audience.dates_of(item))
        or bool(item.get("ip_filter") or item.get("unlock_at") or item.get("hide_results"))
        or not flag(item, "show_correct_answers", default=True)
        or bool(item.get("show_correct_answers_at"))
        or (graded and attempts is not None and attempts > 0)
    )


_OF_ANSWERS = frozenset({"assessment_question_id", "quiz_version", "regrade_option"})


def _question(place: Place, item: JSONObject) -> Question:
    raw_type = text(item, "question_type")
    kind = _KINDS.get(raw_type, QuestionKind.OPAQUE)
    return Question(
        id=identifier(item),
        kind=kind,
        title=text(item, "question_name"),
        html=place.html(text(item, "question_text")).html,
        points=number(item, "points_possible") or 0.0,
        choices=tuple(_CHOICES.get(kind, _plain)(item)),
        feedback_html=_comment(item, "neutral_comments"),
        correct_html=_comment(item, "correct_comments"),
        incorrect_html=_comment(item, "incorrect_comments"),
        raw_type=raw_type or None,
    )


def _comment(item: JSONObject, name: str) -> str:
    """A comment as HTML: the field with ``_html`` is, the other is plain text."""
    marked = item.get(f"{name}_html")
    if isinstance(marked, str) and marked:
        return marked
    return html.escape(str(item.get(name) or ""), quote=False)


def _choice(item: JSONObject, index: int, **more: Any) -> Choice:
    shown = _comment({"text": item.get("text", item.get("answer_text")), **_html_of(item)}, "text")
    weight = number(item, "weight" if "weight" in item else "answer_weight") or 0.0
    return Choice(
        id=str(item.get("id", index)),
        html=more.pop("html", shown),
        weight=max(-100.0, min(100.0, more.pop("weight", weight))),
        feedback_html=_comment(item, "comments") or _comment(item, "answer_comments"),
        **more,
    )


def _html_of(item: JSONObject) -> JSONObject:
    return {"text_html": item.get("html") or item.get("answer_html")}


def _plain(item: JSONObject) -> list[Choice]:
    return [_choice(one, number_) for number_, one in enumerate(rows(item, "answers"))]


def _blanks(item: JSONObject) -> list[Choice]:
    """Each answer with the blank that it belongs to."""
    return [
        _choice(one, index, group=str(one.get("blank_id") or "") or None)
        for index, one in enumerate(rows(item, "answers"))
    ]


def _pairs(item: JSONObject) -> list[Choice]:
    """The pairs, ``group`` being the left side; then what matches nothing."""
    found = [
        _choice(
            one,
            index,
            html=html.escape(
                str(one.get("right", one.get("answer_match_right")) or ""), quote=False
            ),
            weight=100.0,
            group=str(one.get("left", one.get("answer_match_left", one.get("text"))) or "") or None,
        )
        for index, one in enumerate(rows(item, "answers"))
    ]
    wrong = item.get("matching_answer_incorrect_matches")
    decoys = wrong.splitlines() if isinstance(wrong, str) else []
    return found + [
        Choice(id=f"decoy-{index}", html=html.escape(decoy, quote=False))
        for index, decoy in enumerate(decoys)
        if decoy.strip()
    ]


def _numeric(item: JSONObject) -> list[Choice]:
    """Answers with their bounds: exact with a margin, a range, or a precision."""
    found = []
    for index, one in enumerate(rows(item, "answers")):
        kind = one.get("numerical_answer_type")
        if kind == "range_answer":
            low, high = number(one, "start"), number(one, "end")
        elif kind == "precision_answer":
            value, digits = number(one, "approximate") or 0.0, number(one, "precision") or 1.0
            margin = abs(value) * 0.5 * 10.0 ** (1.0 - digits)
            low, high = value - margin, value + margin
        else:
            exact = number(one, "exact")
            margin = _margin(one, "margin", exact) or 0.0
            low = None if exact is None else exact - margin
            high = None if exact is None else exact + margin
        shown = "" if low is None else f"{low:g}" if low == high else f"{low:g} to {high:g}"
        found.append(_choice(one, index, html=shown, weight=100.0, low=low, high=high))
    return found


def _margin(item: JSONObject, name: str, answer: float | None) -> float | None:
    """How far an answer may be off; imported questions have it in percent of the answer, too."""
    value = item.get(name)
    if not (isinstance(value, str) and value.endswith("%")):
        return number(item, name)
    share = number({name: value.removesuffix("%")}, name)
    return None if share is None or answer is None else abs(answer * share / 100)


def _formula(item: JSONObject) -> list[Choice]:
    """The formulas, with how far an answer may be off; then the variables with their ranges."""
    margin = _margin(item, "answer_tolerance", None)
    formulas = item.get("formulas")
    written = [
        one.get("formula", "") if isinstance(one, dict) else one
        for one in (formulas if isinstance(formulas, list) else [])
    ]
    off = abs(margin) if margin is not None else None
    return [
        Choice(
            id=f"formula-{index}",
            html=html.escape(str(one), quote=False),
            weight=100.0,
            group="formula",
            low=None if off is None else -off,
            high=off,
        )
        for index, one in enumerate(written)
    ] + [
        Choice(
            id=f"variable-{index}",
            html=html.escape(text(one, "name"), quote=False),
            group="variable",
            low=number(one, "min"),
            high=number(one, "max"),
        )
        for index, one in enumerate(rows(item, "variables"))
    ]


_CHOICES: dict[QuestionKind, Callable[[JSONObject], list[Choice]]] = {
    QuestionKind.BLANKS: _blanks,
    QuestionKind.MATCHING: _pairs,
    QuestionKind.NUMERIC: _numeric,
    QuestionKind.FORMULA: _formula,
}
