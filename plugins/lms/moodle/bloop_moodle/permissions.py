"""What the account may not do in one of its courses, asked before a sync finds out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from bloop_moodle.participants import COMPLETION, GRADES, GROUPS, USERS, learns
from bloop_moodle.rest import Moodle
from bloop_moodle.values import identifier, listed
from bloop_sdk.errors import PermissionMissingError, SkippableError

_SOME = 20


async def refusals(moodle: Moodle, course: str) -> AsyncIterator[str]:
    """What is refused, what that costs, and which capability would change it.

    It asks for a few people and for one learner's grades and completion, and never for all.
    """
    where = f"in course {course}"
    if await moodle.has(GROUPS) and await _ask(moodle, GROUPS, courseid=course) is None:
        yield f"groups: not read {where}; it takes moodle/course:managegroups"
    if not await moodle.has(USERS):
        return
    people = await _ask(moodle, USERS, courseid=course, options=_options())
    if people is None:
        yield f"people: not read {where}; it takes moodle/course:viewparticipants"
        return
    if await _ask(moodle, USERS, courseid=course, options=_options(onlyactive=1)) is None:
        yield f"people: who is suspended is not seen {where}; it takes moodle/course:enrolreview"
    own = (await moodle.site()).user
    found = (identifier(one.get("id")) for one in listed(people, None, USERS) if learns(one))
    other = next((user for user in found if user not in {None, own}), None)
    if other is None:
        return
    if await moodle.has(GRADES) and not await _ask(moodle, GRADES, courseid=course, userid=other):
        yield f"submissions: only the account's own {where}; it takes moodle/grade:viewall"
    if await moodle.has(COMPLETION) and not await _ask(
        moodle, COMPLETION, courseid=course, userid=other
    ):
        yield f"completion: only the account's own {where}; it takes report/progress:view"


def _options(**more: int) -> list[dict[str, Any]]:
    options = {"limitfrom": 0, "limitnumber": _SOME, "userfields": "id,roles", **more}
    return [{"name": name, "value": value} for name, value in options.items()]


async def _ask(moodle: Moodle, function: str, **arguments: Any) -> Any:
    """An answer, or None where it is refused."""
    try:
        return await moodle.call(function, **arguments)
    except (PermissionMissingError, SkippableError):
        return None
