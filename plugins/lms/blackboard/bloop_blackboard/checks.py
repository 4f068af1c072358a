"""What a credential may read, found by reading a little of everything."""

from __future__ import annotations

from collections.abc import Iterator

from bloop_blackboard.api import Api, Version
from bloop_blackboard.courses import path
from bloop_blackboard.gradebook import COLUMNS
from bloop_blackboard.notices import ANNOUNCEMENTS, CALENDAR, PROGRESS
from bloop_blackboard.people import GROUPS
from bloop_sdk import CheckResult, MalformedRecordError, MissingRecordError, PermissionMissingError
from bloop_sdk.records import JSONObject


async def check(api: Api) -> CheckResult:
    """Raises AuthError for a credential that is none."""
    version = await api.version()
    missing: list[str] = []
    gaps: list[str] = []
    courses = await _try(api, await path(api), missing)
    await _try(api, "/v1/terms", missing)
    if courses:
        for place, since, what in _of_course(str(courses[0].get("id"))):
            if await api.has(since):
                await _try(api, place, missing)
            else:
                gaps.append(f"{what}: this site is older than Learn {since[0]}.{since[1]}")
    else:
        gaps.append("no course is visible, so what may be read in one is not known")
    return CheckResult(
        account=await _account(api),
        site=api.site,
        version=".".join(map(str, version)) if version else None,
        missing=tuple(dict.fromkeys(missing)),
        gaps=tuple(gaps),
    )


def _of_course(course: str) -> Iterator[tuple[str, Version, str]]:
    base = f"/v1/courses/{course}"
    yield f"{base}/users", (0, 0), "people"
    yield f"{base}/contents", (0, 0), "content"
    yield f"/v2/courses/{course}/groups", GROUPS, "groups"
    yield f"/v2/courses/{course}/gradebook/columns", COLUMNS, "grades and due dates"
    yield f"{base}/announcements", ANNOUNCEMENTS, "announcements"
    yield f"{base}/performance/contentReviewStatus", PROGRESS, "progress"
    yield f"/v1/calendars/items?courseId={course}", CALENDAR, "calendar"


async def _try(api: Api, path: str, missing: list[str]) -> list[JSONObject]:
    where, _, course = path.partition("?courseId=")
    try:
        page = await api.get(where, {"limit": 1, **({"courseId": course} if course else {})})
    except PermissionMissingError as err:
        missing.append(err.permission)
        return []
    except (MissingRecordError, MalformedRecordError):
        return []
    rows = page.get("results")
    return rows if isinstance(rows, list) else []


async def _account(api: Api) -> str:
    """The name of who the token stands for, or the site's where nobody says."""
    user = api.tokens.user
    if user is not None:
        try:
            found = await api.get(f"/v1/users/uuid:{user}", {"fields": "id,userName"})
        except (PermissionMissingError, MissingRecordError, MalformedRecordError):
            pass
        else:
            if isinstance(found.get("userName"), str):
                return str(found["userName"])
    return f"the application at {api.site.partition('://')[2]}"
