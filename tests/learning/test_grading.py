"""What answers are worth, by what the record says; and what is refused as no answer at all."""

from __future__ import annotations

import pytest

from bloop.graph.questions import parts_of
from bloop.learning.progress.certificates import Standing
from bloop.learning.quizzes.grading import grade, right_answers, verdict_of
from bloop.learning.quizzes.questions import Manner, manner_of, number_of
from bloop.learning.quizzes.responses import checked
from bloop.learning.quizzes.service import points_of, share_of
from bloop.learning.quizzes.views import question_view
from bloop.learning.shares import whole_percent
from bloop.store.errors import InvalidError
from bloop.web.quizzes import percent
from tests.learning import quizzes as q


def score(question, given):
    return grade(question, checked(question, given)).score


@pytest.mark.parametrize(
    ("question", "given", "expected"),
    [
        (q.CHOICE, "a", 1.0),
        (q.CHOICE, "b", 0.5),
        (q.CHOICE, "c", 0.0),
        (q.MULTIPLE, ["b", "a", "a"], 1.0),
        (q.MULTIPLE, ["a"], 0.5),
        (q.MULTIPLE, ["a", "c"], 0.0),
        (q.MULTIPLE, ["a", "b", "c"], 0.5),
        (q.BLANK, "  fish   &  CHIPS ", 1.0),
        (q.BLANK, "chips", 0.5),
        (q.BLANK, "cheese", 0.0),
        (q.BLANK | {"case_sensitive": True}, "fish & chips", 0.0),
        (q.BLANK | {"raw_type": "cc.pattern_match.v0p1"}, "I like fish & chips", 1.0),
        (q.NUMERIC, "0,3", 1.0),
        (q.NUMERIC, "3e-1", 1.0),
        (q.NUMERIC, "0.31", 0.0),
        (q.NUMERIC, "−0.2", 0.0),
        (q.MATCHING, {"1": "1", "2": "3"}, 1.0),
        (q.MATCHING, {"1": "1", "2": "1"}, 0.5),
        (q.MATCHING, {"2": "2"}, 0.0),
        (q.BLANKS, {"colour": "a", "form": "Round"}, 1.0),
        (q.BLANKS, {"colour": "b", "form": " round"}, 0.5),
        (q.ESSAY, "Long ago", None),
    ],
)
def test_an_answer_is_worth_what_the_record_says(question, given, expected):
    assert score(question, given) == expected


def test_shares_of_choices_add_up_and_all_of_them_are_not_right():
    moodle = q.question("multiple", ("a", "", 33.33333), ("b", "", 66.66667), ("c", "", -50.0))
    assert score(moodle, ["a", "b"]) == 1.0
    assert score(moodle, ["b"]) == pytest.approx(2 / 3, abs=1e-6)
    assert score(moodle, ["a", "b", "c"]) == pytest.approx(0.5)
    assert verdict_of(score(moodle, ["a", "b", "c"])) == "partly"


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (q.CHOICE, "z"),
        (q.CHOICE, ["a"]),
        (q.CHOICE, ""),
        (q.MULTIPLE, []),
        (q.MULTIPLE, "a"),
        (q.MULTIPLE, [["a"]]),
        (q.BLANK, "   "),
        (q.BLANK, "a\x00"),
        (q.BLANK, "x" * 20_001),
        (q.NUMERIC, "many"),
        (q.NUMERIC, "1,000"),
        (q.NUMERIC, "inf"),
        (q.NUMERIC, "1e999"),
        (q.MATCHING, {"3": "1"}),
        (q.MATCHING, {"1": "9"}),
        (q.MATCHING, {}),
        (q.BLANKS, {"colour": "red"}),
        (q.BLANKS, {"colour": 1}),
    ],
)
def test_what_is_no_answer_is_refused_with_its_field(question, given):
    with pytest.raises(InvalidError) as refused:
        checked(question, given)
    assert refused.value.cure


def test_feedback_is_of_the_choice_and_of_the_verdict():
    told = q.CHOICE | {"choices": [q.CHOICE["choices"][2] | {"feedback_html": "<i>water</i>"}]}
    assert grade(told, "c").feedback == ("<i>water</i>", "<p>Look again</p>")
    assert grade(q.CHOICE, "a").feedback == ("Well done",)
    assert [(one.of, one.html) for one in right_answers(q.MATCHING)] == [
        ("France", "<b>Paris</b>"),
        ("Italy", "Rome"),
    ]
    assert [one.html for one in right_answers(q.NUMERIC)] == ["0.1 – 0.3"]


def test_what_cannot_be_asked_is_left_out_and_the_rest_is_named_each_by_itself():
    unknown = q.question("opaque", ("a", "x", 100.0))
    no_answer = q.question("choice", ("a", "x", 0.0))
    same_ids = q.question("choice", ("a", "x", 100.0), ("a", "y", 0.0))
    for question in (unknown, no_answer, same_ids, q.FORMULA, q.TEXT):
        assert manner_of(question) is Manner.LEFT_OUT
    assert manner_of(q.ESSAY) is Manner.KEPT
    questions = [q.CHOICE, q.CHOICE, q.CHOICE | {"id": ""}, q.CHOICE | {"id": "x" * 300}]
    names = parts_of(questions)
    assert names[:3] == ["salt", "salt#2", "#3"]
    assert len({*names}) == 4
    assert all(len(name) <= 200 for name in names)
    # One that is named as another would be called stays one of three.
    assert len(set(parts_of([{"id": "a"}, {"id": "a#3"}, {"id": "a"}]))) == 3
    assert points_of([q.ESSAY, q.CHOICE | {"points": 0.0}, q.MULTIPLE]) == {2: 0.0, 3: 1.0}
    assert points_of([q.CHOICE | {"points": 0.0}]) == {1: 1.0}
    assert share_of({1: 1.0, 2: 3.0}, {2: 1.0, 5: 1.0}) == 0.75


def test_a_question_that_is_not_answered_shows_nothing_that_tells():
    shown = str(question_view(q.MATCHING)) + str(question_view(q.CHOICE))
    assert "weight" not in shown
    assert "Well done" not in shown
    assert [one["html"] for one in question_view(q.MATCHING)["rights"]] == [
        "<b>Paris</b>",
        "Oslo",
        "Rome",
    ]
    assert [one["choices"] for one in question_view(q.BLANKS)["blanks"]][1] == []
    assert question_view(q.BLANK)["choices"] == []
    assert number_of("1'000.5") == 1000.5


def test_the_last_bit_of_a_float_decides_nothing():
    assert [whole_percent(one / 100) for one in range(101)] == list(range(101))
    assert [percent(one / 100, "en") for one in (0, 29, 57, 100)] == ["0%", "29%", "57%", "100%"]
    assert whole_percent(0.999) == 99
    assert Standing(missing=(), lessons=3, average=sum([0.7] * 3) / 3, needed=0.7).met
    assert not Standing(missing=(), lessons=3, average=0.699, needed=0.7).met
    assert share_of({1: 0.1, 2: 0.2, 3: 0.7}, {1: 1.0, 2: 1.0, 3: 1.0}) == 1.0
