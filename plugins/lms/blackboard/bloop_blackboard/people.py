"""Groups, and who is in a course in which role."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping

from pydantic import ValidationError

from bloop_blackboard.api import Api
from bloop_blackboard.wire import Group, GroupMembership, Membership, Role, User, fault
from bloop_sdk import (
    Enrolment,
    MissingRecordError,
    PermissionMissingError,
    Person,
    Section,
    Skipped,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject, Record

GROUPS = (3800, 6)
"""The version that groups and their people came with, as they are read here."""

_USER = "id,userName,name,contact.email,contact.institutionEmail,created,modified"
_MEMBERSHIP = (
    "userId,courseId,childCourseId,courseRoleId,availability,created,modified,"
    + ",".join(f"user.{name}" for name in _USER.split(","))
)
"""Neither birth dates, addresses nor telephone numbers, nor when somebody was last there."""

_EDUCATORS = frozenset(
    {"Instructor", "BbFacilitator", "TeachingAssistant", "CourseBuilder", "Grader"}
)
_LEARNERS = frozenset({"Student", "Guest"})


class People:
    """Reads the people of courses; own roles of the site are asked for once, if there are any."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._roles: dict[str, bool] | None = None

    async def sections(self, course: str) -> AsyncIterator[list[Record | Skipped]]:
        """The groups of a course, page by page."""
        if not await self._api.has(GROUPS):
            raise UnsupportedError("groups need Learn 3800.6 or newer")
        async for page in self._api.pages(f"/v2/courses/{course}/groups"):
            yield [_section(course, row) for row in page]

    async def members(self, course: str) -> AsyncIterator[list[Record | Skipped]]:
        """People and their enrolments, page by page; a person comes before theirs."""
        sections = await self._sections_by_user(course)
        params = {"expand": "user", "fields": _MEMBERSHIP}
        async for page in self._api.pages(f"/v1/courses/{course}/users", params, key="userId"):
            found: list[Record | Skipped] = []
            for row in page:
                found += await self._member(course, row, sections)
            yield found

    async def person(self, user: str) -> Person | Skipped:
        """One person; raises MissingRecordError."""
        return person_of(await self._api.get(f"/v1/users/{user}", {"fields": _USER}))

    async def _member(
        self, course: str, row: JSONObject, sections: Mapping[str, list[str]]
    ) -> list[Record | Skipped]:
        try:
            member = Membership.model_validate(row)
        except ValidationError as err:
            ref = f"enrolment:{course}/{row.get('userId')}"
            return [Skipped(ref=ref, reason=fault(err), raw=row)]
        given = row.get("user")
        person = person_of(given) if given else await self.person(member.user_id)
        if isinstance(person, Skipped):
            return [person]
        lost = ("the merged course that they are in",) if member.child_course_id else ()
        of_user = tuple(sorted(sections.get(member.user_id, ())))
        raw = {name: value for name, value in row.items() if name not in {"user", "lastAccessed"}}
        enrolment = Enrolment(
            remote_id=f"{course}/{member.user_id}",
            raw={**raw, "groups": list(of_user)},
            created_at=member.created,
            updated_at=member.modified,
            lost=lost,
            container=course,
            person=member.user_id,
            role=await self._role(member.course_role_id),
            active=member.availability.available not in {"No", "Disabled"},
            sections=of_user,
        )
        return [person, enrolment]

    async def _role(self, role: str) -> str:
        if role in _EDUCATORS:
            return "educator"
        if role in _LEARNERS:
            return "learner"
        if self._roles is None:
            try:
                rows = await self._api.all("/v1/courseRoles", {"custom": "true"}, key="roleId")
                self._roles = {
                    one.role_id: one.act_as_instructor for one in map(Role.model_validate, rows)
                }
            except (PermissionMissingError, MissingRecordError, ValidationError):
                self._roles = {}
        # Nobody gets more than what is known of their role.
        return "educator" if self._roles.get(role) else "learner"

    async def _sections_by_user(self, course: str) -> Mapping[str, list[str]]:
        """Remote ids of groups by user; empty where they may not be read, as their stream says."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        if not await self._api.has(GROUPS):
            return found
        path = f"/v2/courses/{course}/groups"
        try:
            for group in await self._api.all(path, {"fields": "id"}):
                users = f"{path}/{group.get('id')}/users"
                for row in await self._api.all(users, {"fields": "userId"}, key="userId"):
                    member = GroupMembership.model_validate(row)
                    found[member.user_id].append(f"{course}/{group['id']}")
        except (PermissionMissingError, MissingRecordError, ValidationError):
            return {}
        return found


def person_of(row: JSONObject) -> Person | Skipped:
    """Somebody, as little of them as is needed."""
    try:
        user = User.model_validate(row)
    except ValidationError as err:
        return Skipped(ref=f"person:{row.get('id')}", reason=fault(err))
    parts = (user.name.given, user.name.family, user.name.suffix)
    return Person(
        remote_id=user.id,
        raw=user.model_dump(mode="json", by_alias=True, exclude_none=True),
        created_at=user.created,
        updated_at=user.modified,
        name=" ".join(filter(None, parts)) or user.user_name or user.id,
        email=user.contact.email or user.contact.institution_email,
        login=user.user_name,
    )


def _section(course: str, row: JSONObject) -> Section | Skipped:
    try:
        group = Group.model_validate(row)
    except ValidationError as err:
        return Skipped(ref=f"section:{course}/{row.get('id')}", reason=fault(err), raw=row)
    return Section(
        remote_id=f"{course}/{group.id}",
        raw=row,
        created_at=group.created,
        updated_at=group.modified,
        container=course,
        title=group.name,
    )
