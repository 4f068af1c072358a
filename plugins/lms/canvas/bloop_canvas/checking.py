"""What a credential is, and what it may not do."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from bloop_canvas import courses
from bloop_canvas.api import SELF
from bloop_canvas.fields import flag, identifier, some
from bloop_canvas.paging import together
from bloop_canvas.reading import Reading
from bloop_sdk import CheckResult, MissingRecordError, PermissionMissingError, UnsupportedError
from bloop_sdk.records import JSONObject

LOOKED_AT = 5
"""Courses whose permissions are asked for: roles differ by course, and each costs a request."""

COSTS = {
    "read_roster": "people and their enrolments",
    "view_all_grades": "submissions, grades and completion of others",
    "manage_grades": "grades cannot be written back",
    "read_email_addresses": "e-mail addresses of people",
    "view_unpublished_items": "what is not published yet",
}
"""Canvas's permissions, and what is left out without each."""


async def check(reading: Reading) -> CheckResult:
    """Who it is, and each missing permission with what it costs."""
    me = await reading.api.get(SELF)
    account, params = reading.config.account_id, courses.COURSES
    path = "courses"
    if account is not None:
        path, params = f"accounts/{account}/courses", {}
    found = [
        one
        for one in (await reading.api.page(path, params)).items
        if not courses.is_restricted(one)
    ][:LOOKED_AT]
    answers = await together([_permissions(reading, one) for one in found])
    lacking = Counter(
        name for answer in answers for name in COSTS if name in answer and not flag(answer, name)
    )
    gaps = [
        f"{COSTS[name]} ({name} is missing in {lacking[name]} of {len(found)} courses looked at)"
        for name in COSTS
        if name in lacking
    ]
    if not found:
        gaps.append("there is no course that this credential can read")
    return CheckResult(
        account=some(me, "name") or identifier(me),
        site=urlsplit(reading.config.base).netloc,
        missing=tuple(name for name in COSTS if name in lacking),
        gaps=tuple(gaps),
    )


async def _permissions(reading: Reading, course: JSONObject) -> dict[str, Any]:
    """What Canvas says of the token's permissions in a course; nothing where it does not say."""
    path = f"courses/{identifier(course)}/permissions"
    try:
        return await reading.api.get(path, {"permissions[]": list(COSTS)})
    except (PermissionMissingError, MissingRecordError, UnsupportedError):
        return {}
