"""What an assignment takes for a grade, asked before one is written."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_moodle.activities import dicts
from bloop_moodle.course import ASSIGNMENTS, RUBRICS, assignments
from bloop_moodle.rest import Moodle
from bloop_moodle.values import flag, identifier, integer, listed, number
from bloop_sdk.errors import FatalError, MissingRecordError, UnsupportedError
from bloop_sdk.records import JSONObject, Ref

_IN_MOODLE = "grade it in Moodle"


@dataclass(frozen=True, slots=True)
class Gradable:
    """An assignment. ``points``: below 0 for a scale, 0 where it is not graded.

    ``method`` is its advanced grading (``rubric``, ``guide``), None for a plain grade; ``reopens``
    says that a grade may begin another attempt, of which Moodle then lists no grade.
    """

    cmid: str
    assignment: str
    course: str
    points: float
    team: bool
    workflow: bool
    reopens: bool
    method: str | None

    def check(self, ref: Ref, score: float | None) -> None:
        """Raise where the assignment takes no such grade."""
        if self.method is not None:
            raise UnsupportedError(
                f"{ref} is graded with a {self.method}, which takes no plain grade", cure=_IN_MOODLE
            )
        if score is None:
            return
        if self.points <= 0:
            how = "on a scale" if self.points < 0 else "by comments alone"
            raise UnsupportedError(f"{ref} is graded {how}, and not in points", cure=_IN_MOODLE)
        if score > self.points:
            raise FatalError(
                f"{ref}: {score:g} is more than the {self.points:g} points of the assignment",
                cure=f"give at most {self.points:g}",
            )

    def check_person(self, ref: Ref, before: JSONObject | None, item: JSONObject | None) -> None:
        """Raise where a person's grade cannot be changed; ``item`` is the gradebook's."""
        if self.team and before is None:
            raise UnsupportedError(
                f"{ref}: of a team, Moodle shows grades only of who handed in or was graded",
                cure=_IN_MOODLE,
            )
        locks = ("gradeislocked", "gradeisoverridden", "locked")
        if item is not None and any(flag(item.get(one)) for one in locks):
            raise FatalError(
                f"{ref}: its grade is locked or overridden in Moodle's gradebook",
                cure="unlock it there, or change it there",
            )


async def look(moodle: Moodle, module: JSONObject) -> Gradable:
    """The assignment of a course module, as ``core_course_get_course_module`` gave it."""
    cmid, course = str(identifier(module.get("id"))), str(identifier(module.get("course")))
    found = (await assignments(moodle, course)).get(cmid)
    if found is None:
        raise MissingRecordError(f"{ASSIGNMENTS} does not give course module {cmid}")
    return Gradable(
        cmid=cmid,
        assignment=str(identifier(module.get("instance"))),
        course=course,
        points=number(found.get("grade")) or 0,
        team=bool(integer(found.get("teamsubmission"))),
        workflow=bool(integer(found.get("markingworkflow"))),
        reopens=found.get("attemptreopenmethod") in {"untilpass", "automatic"},
        method=await _method(moodle, module, cmid),
    )


async def _method(moodle: Moodle, module: JSONObject, cmid: str) -> str | None:
    """The advanced grading in use. Who may edit the module is told with it."""
    areas = module.get("advancedgrading")
    if not isinstance(areas, list):
        if "grade" in module:
            return None  # It is told with the module, and there is none.
        await moodle.need(RUBRICS, "writing a grade (is there a rubric?)")
        answer = await moodle.call(RUBRICS, cmids=[cmid], areaname="submissions", activeonly=False)
        areas = [
            {"area": one.get("areaname", "submissions"), "method": one.get("activemethod")}
            for one in listed(answer, "areas", RUBRICS)
        ]
    methods = [one.get("method") for one in dicts(areas) if one.get("area") == "submissions"]
    return next((str(method) for method in methods if method), None)
