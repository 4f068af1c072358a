"""Grades that are written back."""

from __future__ import annotations

import dataclasses

import pytest

from bloop_sdk import Kind, Ref
from bloop_sdk.errors import (
    FatalError,
    PermissionMissingError,
    PreconditionFailedError,
    UnsupportedError,
)
from bloop_sdk.providers.content import Precondition, WriteOp
from plugins.lms.moodle.tests.fake_moodle import FakeMoodle
from plugins.lms.moodle.tests.fake_site import OTHER

SAVE = "mod_assign_save_grade"
REF = Ref(Kind.SUBMISSION, "8:5")


@pytest.fixture
def moodle() -> FakeMoodle:
    moodle = FakeMoodle()
    moodle.site.method = None
    return moodle


def op(ref=REF, **values):
    return WriteOp(kind="grade", ref=ref, values=values, idempotency_key="k")


async def version(hub, ref=REF):
    (record,) = (await hub.provider().fetch([ref])).records
    return Precondition(remote_version=record.remote_version)


def saved(moodle: FakeMoodle):
    return [arguments for name, arguments in moodle.calls if name == SAVE]


async def test_a_grade_and_its_comment_arrive(hub, moodle):
    before = await version(hub)
    result = await hub.provider().write(op(score=91.5, comment="1 < 2\nGood"), before)
    (call,) = saved(moodle)
    assert (call["assignmentid"], call["userid"], call["grade"]) == ("108", "5", "91.5")
    assert (call["applytoall"], call["attemptnumber"]) == ("0", "-1")
    editor = call["plugindata"]["assignfeedbackcomments_editor"]
    assert editor == {"text": "1 &lt; 2<br>Good", "format": "1"}
    assert result.remote_version == (await version(hub)).remote_version
    await hub.run()
    work = hub.get("submission:8:5")
    assert work.score == 91.5 and work.comments[0].text == "1 < 2 Good"


async def test_the_same_write_again_is_done_already(hub, moodle):
    before = await version(hub)
    first = await hub.provider().write(op(score=91.5, comment="1 < 2\nGood"), before)
    assert await hub.provider().write(op(score=91.5, comment="1 < 2\nGood"), before) == first
    assert len(saved(moodle)) == 1


@pytest.mark.parametrize(
    "values", [{"score": 90.0, "comment": "Good"}, {"score": 91.5, "comment": "x"}]
)
async def test_a_write_after_another_is_refused(hub, moodle, values):
    before = await version(hub)
    await hub.provider().write(op(score=91.5, comment="Good"), before)
    with pytest.raises(PreconditionFailedError):
        await hub.provider().write(op(**values), before)
    assert len(saved(moodle)) == 1


async def test_a_first_grade_must_be_the_first(hub, moodle):
    ref = Ref(Kind.SUBMISSION, f"8:{OTHER}")
    nothing = Precondition(remote_version=None)
    await hub.provider().write(op(ref, score=10), nothing)
    with pytest.raises(PreconditionFailedError):
        await hub.provider().write(op(ref, score=11), nothing)
    with pytest.raises(PreconditionFailedError):
        await hub.provider().write(op(score=11), nothing)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"ref": None}, FatalError),
        ({"ref": Ref(Kind.PAGE, "2")}, FatalError),
        ({"ref": Ref(Kind.SUBMISSION, "x:y")}, FatalError),
        ({"ref": Ref(Kind.SUBMISSION, "9:5")}, UnsupportedError),
        ({"values": {"score": -3}}, FatalError),
        ({"values": {"score": "much"}}, FatalError),
        ({"values": {"score": 3, "comment": 4}}, FatalError),
    ],
)
async def test_what_is_no_grade_is_refused_before_anything_is_written(hub, moodle, change, error):
    with pytest.raises(error):
        await hub.provider().write(
            dataclasses.replace(op(score=1), **change), Precondition(remote_version=None)
        )
    assert saved(moodle) == []


async def test_who_may_not_see_the_grades_overwrites_none(hub, moodle):
    warning = {"item": "assignment", "itemid": 108, "warningcode": "1", "message": "No access"}
    moodle.overrides["mod_assign_get_grades"] = {"assignments": [], "warnings": [warning]}
    with pytest.raises(PermissionMissingError):
        await hub.provider().write(op(score=1), Precondition(remote_version=None))
    assert saved(moodle) == []


async def test_a_service_without_the_function_says_which(hub, moodle):
    moodle.functions.discard(SAVE)
    with pytest.raises(UnsupportedError, match=SAVE):
        await hub.provider().write(op(score=1), Precondition(remote_version=None))


async def test_a_comment_alone_keeps_the_grade_and_a_score_alone_the_comment(hub, moodle):
    await hub.provider().write(op(comment="Good"), await version(hub))
    assert float(saved(moodle)[0]["grade"]) == 87.5
    await hub.provider().write(op(score=90), await version(hub))
    assert moodle.site.feedback == "Good" and moodle.site.grades[5]["grade"] == "90.00000"
    moodle.functions.discard("mod_assign_get_submission_status")
    with pytest.raises(UnsupportedError, match="delete a comment"):
        await hub.provider().write(op(score=91), await version(hub))
    assert len(saved(moodle)) == 2


@pytest.mark.parametrize(
    ("change", "score", "error"),
    [
        ({"method": "rubric"}, 5, UnsupportedError),
        ({"locked": True}, 5, FatalError),
        ({"assign": {"grade": -2}}, 5, UnsupportedError),
        ({"assign": {"grade": 0}}, 5, UnsupportedError),
        ({}, 100.5, FatalError),
    ],
)
async def test_what_moodle_would_drop_or_distort_is_not_sent(hub, moodle, change, score, error):
    before = await version(hub)
    for name, value in change.items():
        held = getattr(moodle.site, name)
        setattr(moodle.site, name, {**held, **value} if isinstance(held, dict) else value)
    with pytest.raises(error):
        await hub.provider().write(op(score=score, comment="x"), before)
    assert saved(moodle) == []


async def test_a_grade_that_was_not_kept_is_no_success(hub, moodle):
    before = await version(hub)
    moodle.overrides[SAVE] = lambda _: None
    with pytest.raises(FatalError, match="did not keep"):
        await hub.provider().write(op(score=5, comment="x"), before)


async def test_a_marking_workflow_stays_where_it_is(hub, moodle):
    moodle.site.assign["markingworkflow"], moodle.site.state = 1, "released"
    await hub.provider().write(op(score=5, comment="x"), await version(hub))
    assert saved(moodle)[0]["workflowstate"] == moodle.site.state == "released"
    moodle.site.state = "inmarking"
    with pytest.raises(UnsupportedError, match="released"):
        await hub.provider().write(op(score=6), await version(hub))


async def test_a_teacher_who_edits_nothing_learns_of_a_rubric_elsewhere(hub, moodle):
    before, cm = await version(hub), {"id": 8, "course": 2, "modname": "assign", "instance": 108}
    moodle.overrides["core_course_get_course_module"] = {"cm": cm, "warnings": []}
    await hub.provider().write(op(score=5, comment="x"), before)
    moodle.site.method = "guide"
    with pytest.raises(UnsupportedError, match="guide"):
        await hub.provider().write(op(score=6, comment="x"), await version(hub))


async def test_of_a_team_only_who_is_listed_is_graded(hub, moodle):
    moodle.site.assign["teamsubmission"] = 1
    ref, nothing = Ref(Kind.SUBMISSION, f"8:{OTHER}"), Precondition(remote_version=None)
    with pytest.raises(UnsupportedError, match="team"):
        await hub.provider().write(op(ref, score=10, comment="x"), nothing)


async def test_a_grade_that_begins_another_attempt_is_given_once(hub, moodle):
    moodle.site.assign["attemptreopenmethod"] = "untilpass"
    before = await version(hub)
    await hub.provider().write(op(score=20, comment="Again"), before)
    again = Precondition(remote_version=None)  # As it is read from now on.
    for known in (before, again):
        await hub.provider().write(op(score=20, comment="Again"), known)
    with pytest.raises(PreconditionFailedError, match="handed in again"):
        await hub.provider().write(op(score=30, comment="Again"), again)
    assert len(saved(moodle)) == 1
