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
    assert "plugindata" not in saved(moodle)[0]
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
