"""Fields made by hand are those that pydantic makes, and what it refuses is never taken."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bloop.content import codec
from bloop.content.plain import NO_COLUMNS, plain_fields
from bloop_sdk import MalformedRecordError, Ref, records
from bloop_sdk.records import Kind, Record

CLASSES = [records.Container, *records.KIND_OF, *records.KIND_OF_OTHERS]
HOSTILE: list[Any] = [
    *("", "a\x00b", "\ud800", "\\u0000", "é", "x" * 501, "x" * 36, "2026-05-04T08:00:00Z"),
    *(None, True, 0, -1, 2**53, 2**64, 0.5, float("nan"), float("inf"), -0.0),
    *(b"x", [], (), {}, ["x"], ("x", None), ("a\x00",), ("\ud800",), object()),
    *(Kind.PAGE, Ref(Kind.PAGE, "1"), Ref("page", "1"), Ref(Kind.FILE, "a\x00")),  # type: ignore[arg-type]
    *(datetime(2026, 5, 4, 8), datetime(1, 1, 1, tzinfo=UTC)),  # noqa: DTZ001 - it has none
    datetime(2026, 5, 4, 8, 0, 0, 5, tzinfo=UTC),
    datetime(2026, 5, 4, 8, tzinfo=timezone(timedelta(hours=2))),
    datetime(2026, 5, 4, 8, tzinfo=timezone(timedelta(0))),
    *(records.SubmissionState.GRADED, records.CompletionState.PASSED, "graded"),
    records.Comment(text="x"),
]


PROPER: dict[Any, list[Any]] = {
    str: ["", "Wäves", "x" * 35, "\\u0000"],
    bool: [True, False],
    int: [0, -7, 10**12],
    float: [0.5, -0.0, 1e300],
    datetime: [datetime(2026, 5, 4, 8, 0, 0, 50, tzinfo=UTC), datetime(2026, 5, 4, tzinfo=UTC)],
    Ref: [Ref(Kind.QUIZ, "1-é")],
    Kind: [Kind.COURSE, Kind.NOTEBOOK],
    tuple[str, ...]: [(), ("x", "é")],
    records.SubmissionState: list(records.SubmissionState),
    records.CompletionState: list(records.CompletionState),
    type(None): [None],
    records.Term: [records.Term(title="Spring")],
    records.JSONObject: [{}, {"a": 1}],
}


def proper(hint: Any) -> list[Any]:
    """Values as a field is declared; of what has fields of its own, none."""
    options = [hint] if hint in PROPER else typing.get_args(hint)
    return [value for one in options for value in PROPER.get(one, [])] or [()]


@st.composite
def a_record(draw: st.DrawFn) -> Record:
    """A record as declared, with up to two fields that may be anything."""
    record = draw(st.sampled_from(CLASSES))
    hints = typing.get_type_hints(record, vars(records))
    names = [one.name for one in dataclasses.fields(record) if one.name not in NO_COLUMNS]
    wrong = draw(st.sets(st.sampled_from(names), max_size=2))
    values = {
        name: draw(st.sampled_from(HOSTILE if name in wrong else proper(hints[name])))
        for name in names
    }
    return typing.cast("Record", record(**values))


def by_pydantic(record: Record) -> dict[str, Any] | None:
    """The fields, or None where they are refused."""
    try:
        fields = codec.fields_of(record)
        codec.check_fields(record, fields)
    except MalformedRecordError:
        return None
    return fields


def hold_together(record: Record) -> None:
    made = plain_fields(record)
    if made is not None:
        expected = by_pydantic(record)
        assert repr(made) == repr(expected)


@given(a_record())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_made_by_hand_is_what_pydantic_makes(record: Record) -> None:
    hold_together(record)


@pytest.mark.parametrize("record_class", CLASSES, ids=lambda one: one.__name__)
def test_a_wrong_value_in_any_field_is_never_taken(record_class: type[Record]) -> None:
    hints = typing.get_type_hints(record_class, vars(records))
    names = [one.name for one in dataclasses.fields(record_class) if one.name not in NO_COLUMNS]
    good = {name: proper(hints[name])[0] for name in names}
    for name in names:
        for value in HOSTILE:
            hold_together(record_class(**{**good, name: value}))


def ordinary() -> Iterator[Any]:
    """One of each class, as connectors make them."""
    at = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
    shared: dict[str, Any] = {"remote_id": "1", "container": "7", "title": "Wäves"}
    page = Ref(Kind.PAGE, "1")
    yield records.Container(remote_id="7", title="Physics", starts_at=at)
    yield records.Node(**shared, position=3, content=page, lost=("its indentation",))
    yield records.Page(**shared, html="<p>x</p>", url="https://canvas.example/1")
    yield records.Assignment(**shared, html="", points=2.5, due_at=at, submission_types=("text",))
    yield records.Submission(
        remote_id="1",
        container="7",
        person="4",
        content=page,
        state=records.SubmissionState.GRADED,
        score=1.5,
        attempt=2,
    )
    yield records.Enrolment(remote_id="1", container="7", person="4", role="learner")
    yield records.File(**shared, name="a.txt", size=12)


@pytest.mark.parametrize("record", list(ordinary()), ids=lambda record: type(record).__name__)
def test_what_connectors_yield_needs_no_pydantic(record: Record) -> None:
    made = plain_fields(record)
    assert made is not None
    assert made == by_pydantic(record)
