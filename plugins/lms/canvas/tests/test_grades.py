"""Grades that are written back."""

from __future__ import annotations

import dataclasses

import pytest

from bloop_canvas import writing
from bloop_sdk import (
    FatalError,
    Kind,
    Precondition,
    PreconditionFailedError,
    Ref,
    UnavailableError,
    UnsupportedError,
    WriteOp,
)
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas

REF = Ref(Kind.SUBMISSION, "1-21-32")


def op(**values):
    return WriteOp(kind="grade", ref=REF, values=values, idempotency_key="k")


async def version(rig):
    (record,) = (await rig.provider.fetch([REF])).records
    return Precondition(remote_version=record.remote_version)


async def test_a_grade_and_its_comment_are_written_and_read_back(rig):
    mine = rig()
    before = await version(mine)
    result = await mine.provider.write(op(score=8.5, comment="Clear"), before)
    (record,) = (await mine.provider.fetch([REF])).records
    assert (record.score, record.comments[0].text) == (8.5, "Clear")
    assert result.remote_version == record.remote_version != before.remote_version
    (put,) = [one for one in mine.faults.requests if one.method == "PUT"]
    # Else Canvas takes 4 points for the grade "4" of a scheme that has one.
    assert b"prefer_points_over_scheme=true" in put.body


async def test_a_newer_grade_is_not_overwritten(rig):
    mine = rig()
    before = await version(mine)
    mine.canvas.courses[1].submissions[0] |= {"score": 3.0, "grade": "3"}
    with pytest.raises(PreconditionFailedError, match="has changed in Canvas"):
        await mine.provider.write(op(score=8.5), before)
    assert mine.canvas.written == 0


async def test_a_new_attempt_or_comment_is_a_newer_version(rig):
    for change in (
        {"attempt": 2, "submitted_at": "2026-05-03T00:00:00Z"},
        {"submission_comments": [{"id": 1, "comment": "Wait", "author_id": 32}]},
    ):
        mine = rig()
        before = await version(mine)
        mine.canvas.courses[1].submissions[0] |= change
        with pytest.raises(PreconditionFailedError):
            await mine.provider.write(op(score=8.5), before)


async def test_the_same_write_again_has_one_effect(rig):
    mine = rig()
    before = await version(mine)
    first = await mine.provider.write(op(score=8.5, comment="Clear"), before)
    assert await mine.provider.write(op(score=8.5, comment="Clear"), before) == first
    assert mine.canvas.written == 1


async def test_the_same_comment_on_a_later_attempt_is_written(rig):
    mine = rig()
    await mine.provider.write(op(comment="Clear"), await version(mine))
    mine.canvas.courses[1].submissions[0] |= {"attempt": 2}
    await mine.provider.write(op(comment="Clear"), await version(mine))
    assert mine.canvas.written == 2


async def test_a_comment_can_be_given_to_somebody_who_is_excused(rig):
    mine = rig()
    await mine.provider.write(op(excused=True), await version(mine))
    await mine.provider.write(op(comment="Get well"), await version(mine))
    (record,) = (await mine.provider.fetch([REF])).records
    assert (record.state, len(record.comments)) == ("excused", 1)


async def test_a_comment_whose_answer_is_lost_is_not_sent_again(rig):
    mine = rig()
    before = await version(mine)
    respond = mine.canvas.respond

    def losing(request):
        response = respond(request)
        return dataclasses.replace(response, status=502) if request.method == "PUT" else response

    mine.canvas.respond = losing
    with pytest.raises(UnavailableError):
        await mine.provider.write(op(score=8.5, comment="Clear"), before)
    mine.canvas.respond = respond
    await mine.provider.write(op(score=8.5, comment="Clear"), before)
    assert mine.canvas.written == 1
    assert len(mine.canvas.courses[1].submissions[0]["submission_comments"]) == 1


async def test_who_grades_after_the_write_is_noticed(rig):
    mine = rig()
    before = await version(mine)
    respond = mine.canvas.respond

    def overtaken(request):
        response = respond(request)
        if request.method == "PUT":
            mine.canvas.courses[1].submissions[0] |= {"score": 1.0, "grade": "1"}
        return response

    mine.canvas.respond = overtaken
    with pytest.raises(PreconditionFailedError, match="holds another one now"):
        await mine.provider.write(op(score=8.5), before)


@pytest.mark.parametrize(("given", "left"), [(8.5, 6.5), (1.0, 0.0)])
async def test_a_late_policy_takes_its_points_off_a_grade_that_was_taken(given, left, rig):
    mine = rig()
    mine.canvas.courses[1].submissions[0]["points_deducted"] = 2.0
    before = await version(mine)
    first = await mine.provider.write(op(score=given), before)
    assert await mine.provider.write(op(score=given), before) == first
    (record,) = (await mine.provider.fetch([REF])).records
    assert (record.score, mine.canvas.written) == (left, 1)


@pytest.mark.parametrize(
    ("wanted", "told", "same"),
    [
        ("pass", {"grade": "complete", "score": 10.0}, True),
        ("a-", {"grade": "A-", "score": 9.0}, True),
        ("85.0", {"grade": "42.5%", "score": 85.0}, True),
        ("B", {"grade": "C", "entered_grade": "B", "score": 7.0}, True),
        ("B", {"grade": "C", "entered_grade": "C", "score": 7.0}, False),
        ("85", {"grade": "84", "score": 84.0}, False),
        ("None", {"grade": None, "score": None}, False),
    ],
)
def test_a_grade_is_read_back_as_canvas_writes_it(wanted, told, same):
    assert writing._holds({"excused": False, **told}, {"grade": wanted}) is same


async def test_where_nothing_may_be_there_yet_a_grade_is_in_the_way(rig):
    mine = rig()
    nothing = Precondition(remote_version=None)
    await mine.provider.write(op(grade="7"), nothing)
    with pytest.raises(PreconditionFailedError):
        await mine.provider.write(op(grade="8"), nothing)


async def test_somebody_can_be_excused(rig):
    mine = rig()
    await mine.provider.write(op(excused=True, comment="Ill"), await version(mine))
    (record,) = (await mine.provider.fetch([REF])).records
    assert (record.state, record.score) == ("excused", None)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"values": {}}, FatalError),
        ({"values": {"points": 3}}, FatalError),
        ({"values": {"score": "many"}}, FatalError),
        ({"ref": Ref(Kind.PAGE, "1-101")}, FatalError),
        ({"ref": None}, FatalError),
        ({"kind": "page"}, UnsupportedError),
    ],
)
async def test_what_is_no_grade_is_refused_before_anything_is_written(wrong, error, rig):
    mine = rig(FakeCanvas())
    good = {"kind": "grade", "ref": REF, "values": {"score": 1}, "idempotency_key": "k"}
    with pytest.raises(error):
        await mine.provider.write(WriteOp(**{**good, **wrong}), Precondition(remote_version=None))
    assert mine.canvas.written == 0
