"""Reads courses, groups, people, competencies, dates, work and progress: each read lists all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from bloop_moodle import people, work
from bloop_moodle.course import CourseReader, refuse
from bloop_moodle.gatherings import whole
from bloop_moodle.outline import Module, Outline
from bloop_moodle.rest import Moodle, together
from bloop_moodle.values import identifier, listed, parts
from bloop_sdk.errors import PermissionMissingError, SkippableError
from bloop_sdk.records import Batch, Container, JSONObject, Record, Skipped, Submission

COURSES = "core_enrol_get_users_courses"
ALL_COURSES = "core_course_get_courses"
GROUPS = "core_group_get_course_groups"
USERS = "core_enrol_get_enrolled_users"
COMPETENCIES = "core_competency_list_course_competencies"
EVENTS = "core_calendar_get_calendar_events"
GRADES = "gradereport_user_get_grade_items"
SUBMISSIONS = "mod_assign_get_submissions"
ASSIGN_GRADES = "mod_assign_get_grades"
COMPLETION = "core_completion_get_activities_completion_status"

USERS_AT_ONCE = 500
AT_ONCE = 4
"""Requests of one learner each that are on their way together, as the manifest allows."""
EVERYBODY = 300
"""Of more learners, Moodle would take minutes to put all grades into one answer."""
_FIELDS = "id,username,fullname,email,idnumber,suspended,roles,groups"
_RECORDS = 400
_ASSIGNMENTS_AT_ONCE = 50

Listed = AsyncIterator[Record | Skipped | list[Record]]


class PeopleReader:
    """What is not content."""

    def __init__(self, moodle: Moodle, courses: CourseReader) -> None:
        self._moodle = moodle
        self._courses = courses
        self._learners: dict[str, list[str]] = {}
        self._enrolled: dict[str, frozenset[str]] = {}

    async def read(self, stream: str, course: str) -> AsyncIterator[Batch]:
        """All of a stream in a course."""
        readers: dict[str, Callable[[str], Listed]] = {
            "groups": self._groups,
            "people": self._people,
            "competencies": self._competencies,
            "calendar": self._calendar,
            "submissions": self._submissions,
            "completion": self._completion,
        }
        records: list[Record] = []
        skipped: list[Skipped] = []
        async for one in readers[stream](course):
            if isinstance(one, Skipped):
                skipped.append(one)
            else:
                records += one if isinstance(one, list) else [one]
            if len(records) >= _RECORDS:
                yield Batch(records=tuple(records), skipped=tuple(skipped))
                records, skipped = [], []
        yield Batch(records=tuple(records), skipped=tuple(skipped))

    async def read_courses(self) -> AsyncIterator[Batch]:
        """The account's courses."""
        for some in parts(await self.courses(), _RECORDS):
            records = tuple(one for one in some if isinstance(one, Container))
            yield Batch(
                records=records, skipped=tuple(one for one in some if isinstance(one, Skipped))
            )

    async def courses(self) -> list[Container | Skipped]:
        """The courses that the account is in; an administrator's are all of the site."""
        site = await self._moodle.site()
        found: list[JSONObject] = []
        if site.administrator and ALL_COURSES in site.functions:
            answer = await self._moodle.call(ALL_COURSES)
            # The site's front page is a course too, and the only one of its format.
            found = [
                one for one in listed(answer, None, ALL_COURSES) if one.get("format") != "site"
            ]
        else:
            answer = await self._moodle.call(COURSES, userid=site.user, returnusercount=False)
            found = listed(answer, None, COURSES)
        return [people.course(self._moodle.base, one) for one in found]

    async def _groups(self, course: str) -> Listed:
        await self._moodle.need(GROUPS, "reading groups")
        answer = await self._moodle.call(GROUPS, courseid=course)
        for one in listed(answer, None, GROUPS):
            yield people.group(course, one)

    async def _people(self, course: str) -> Listed:
        await self._moodle.need(USERS, "reading people")
        everybody = await self._users(course, _FIELDS)
        active = await self._active(course)
        self._note(course, everybody, active)
        for one in everybody:
            yield people.participant(self._moodle.base, course, one, active)

    async def _active(self, course: str) -> frozenset[str] | None:
        """Whose enrolment is not suspended; None where the account may not see that."""
        try:
            some = await self._users(course, "id", active=True)
        except PermissionMissingError:
            return None
        return frozenset(filter(None, (identifier(one.get("id")) for one in some)))

    async def _users(self, course: str, fields: str, *, active: bool = False) -> list[JSONObject]:
        async def page(number: int) -> list[JSONObject]:
            options = {
                "limitfrom": number * USERS_AT_ONCE,
                "limitnumber": USERS_AT_ONCE,
                "sortby": "id",
                "userfields": fields,
                **({"onlyactive": 1} if active else {}),
            }
            named = [{"name": name, "value": value} for name, value in options.items()]
            answer = await self._moodle.call(USERS, courseid=course, options=named)
            return listed(answer, None, USERS)

        return await whole(page, lambda one: one.get("id"), USERS_AT_ONCE)

    async def _competencies(self, course: str) -> Listed:
        await self._moodle.need(COMPETENCIES, "reading competencies")
        answer = await self._moodle.call(COMPETENCIES, id=course)
        for one in people.competencies(course, listed(answer, None, COMPETENCIES)):
            yield one

    async def _calendar(self, course: str) -> Listed:
        await self._moodle.need(EVENTS, "reading the calendar")
        outline = await self._courses.outline(course)
        answer = await self._moodle.call(
            EVENTS,
            events={"courseids": [course]},
            options={"userevents": False, "siteevents": False, "ignorehidden": True},
        )
        refuse(EVENTS, course, answer)
        for one in listed(answer, "events", EVENTS):
            made = work.event(self._moodle.base, outline, one)
            if made is not None:
                yield made

    async def _submissions(self, course: str) -> Listed:
        if not await self._moodle.has(ASSIGN_GRADES):
            await self._moodle.need(GRADES, "reading grades")
        outline = await self._courses.outline(course)
        for module in await self._anonymous(outline):
            yield Skipped(
                ref=f"submission:{module.cmid}",
                reason="Moodle hides whose work it is (anonymous submissions) until it is revealed",
                code="record_forbidden",
            )
        for one in await self.submissions(outline):
            yield one

    async def _anonymous(self, outline: Outline) -> list[Module]:
        """Assignments of which teachers shall not learn who did what; web services tell it all."""
        modules = outline.of(["assign"])
        hidden = await self._courses.anonymous(outline.course) if modules else frozenset()
        return [module for module in modules if module.cmid in hidden]

    async def submissions(self, outline: Outline, only: str | None = None) -> list[Submission]:
        """Everybody's work in a course, or (``only``) on one module of it."""
        found: work.Work = {}
        anonymous = {module.cmid for module in await self._anonymous(outline)}
        instances = {
            module.instance: module.cmid
            for module in outline.of(["assign"])
            if module.instance and only in {None, module.cmid} and module.cmid not in anonymous
        }
        for function, key in ((SUBMISSIONS, "submission"), (ASSIGN_GRADES, "grade")):
            for some in parts(instances, _ASSIGNMENTS_AT_ONCE):
                if await self._moodle.has(function):
                    answer = await self._moodle.call(function, assignmentids=some)
                    listed(answer, "assignments", function)
                    work.gather(found, key, instances, answer)
                    if key == "submission" and work.of_teams(answer):
                        members = await self._members(outline.course)
                        work.gather_teams(found, instances, answer, members)
        if await self._moodle.has(GRADES):
            await self._graded(outline.course, found)
        due = {cmid: module.due for cmid, module in outline.modules.items()}
        # Moodle keeps the work of who is enrolled no more, and tells nothing else of them.
        enrolled = self._enrolled.get(outline.course) or {user for _, user in found}
        return [
            work.submission(outline.course, key, known, due.get(key[0]))
            for key, known in sorted(found.items())
            if only in {None, key[0]} and key[0] not in anonymous and _tells(known)
            if key[1] in enrolled
        ]

    async def _graded(self, course: str, found: work.Work) -> None:
        """Add the gradebook's items; who may not see the gradebook may still see assignments."""
        try:
            async for answer in self._grade_items(course):
                listed(answer, "usergrades", GRADES)
                work.gather_items(found, answer)
        except PermissionMissingError:
            if not found:
                raise

    async def _members(self, course: str) -> dict[str, list[str]]:
        """Learners by the group that they are in; below 0 those who are in none."""
        members: dict[str, list[str]] = {}
        try:
            users = await self._users(course, "id,roles,groups")
        except (PermissionMissingError, SkippableError):
            return members
        for one in users:
            user, groups = identifier(one.get("id")), one.get("groups")
            # Who may not see all groups is shown none.
            if user is None or not learns(one) or not isinstance(groups, list):
                continue
            numbers = [identifier(group.get("id")) for group in groups if isinstance(group, dict)]
            for number in filter(None, numbers or ["0"]):
                members.setdefault(number, []).append(user)
        return members

    async def _grade_items(self, course: str) -> AsyncIterator[Any]:
        """Everybody's grades, or the account's own where it may not see others'."""
        own = (await self._moodle.site()).user
        learners = await self._watched(course)
        found: set[str | None] = set()
        try:
            if len(learners) <= EVERYBODY:
                answer = await self._moodle.call(GRADES, courseid=course, userid=0)
                some = listed(answer, "usergrades", GRADES)
                found = {identifier(one.get("userid")) for one in some}
                yield answer
            elif learners:
                # Who may not see the first one's may see nobody's.
                yield await self._moodle.call(GRADES, courseid=course, userid=learners[0])
                found = {learners[0]}
        except SkippableError:
            pass  # Such as an account that is suspended in all of the site.
        except PermissionMissingError:
            yield await self._moodle.call(GRADES, courseid=course, userid=own)
            return
        # Where a course has groups and the account is in one, "everybody" is that group.
        for few in parts((user for user in learners if user not in found), AT_ONCE):
            for answer in await together([self._grades_of(course, user) for user in few]):
                if answer is not None:
                    yield answer

    async def _grades_of(self, course: str, user: str) -> Any:
        """A learner's grades; None of one in a group that the account may not see."""
        try:
            return await self._moodle.call(GRADES, courseid=course, userid=user)
        except (PermissionMissingError, SkippableError):
            return None

    async def _completion(self, course: str) -> Listed:
        await self._moodle.need(COMPLETION, "reading completion")
        outline = await self._courses.outline(course)
        if not outline.shut and not any(one.tracked for one in outline.modules.values()):
            return
        own = (await self._moodle.site()).user
        users = [own, *(user for user in await self._watched(course) if user != own)]
        # Who may see their own alone would be refused for each of the others: the first tells.
        for some in [*([user] for user in users[:2]), *parts(users[2:], AT_ONCE)]:
            found = await together([self._completion_of(course, user) for user in some])
            for user, made in zip(some, found, strict=True):
                if made is None and user != own:
                    return
                for one in made or ():  # Who only looks after the course is not tracked in it.
                    yield one

    async def _completion_of(self, course: str, user: str) -> list[Record | Skipped] | None:
        """How far somebody is; None where that may not be seen."""
        try:
            answer = await self._moodle.call(COMPLETION, courseid=course, userid=user)
        except PermissionMissingError:
            return None
        except SkippableError as err:
            return [Skipped(ref=f"completion:{course}:{user}", reason=str(err), code=err.code)]
        found = listed(answer, "statuses", COMPLETION)
        made = (work.completion(course, user, one) for one in found)
        return [one for one in made if one is not None]

    async def _watched(self, course: str) -> list[str]:
        """The active learners of a course, as far as the account may see them."""
        if course not in self._learners:
            try:
                everybody = await self._users(course, "id,roles")
            except (PermissionMissingError, SkippableError):
                everybody = []
            active = await self._active(course) if everybody else None
            self._note(course, everybody, active)
        return self._learners[course]

    def _note(
        self, course: str, everybody: list[JSONObject], active: frozenset[str] | None
    ) -> None:
        self._learners[course] = _learners(everybody, active)
        numbers = filter(None, (identifier(one.get("id")) for one in everybody))
        self._enrolled[course] = frozenset(numbers)


def _learners(users: list[JSONObject], active: frozenset[str] | None) -> list[str]:
    found = (identifier(one.get("id")) for one in users if learns(one))
    return sorted((user for user in found if user and (active is None or user in active)), key=int)


def learns(user: JSONObject) -> bool:
    """Whether somebody may be a learner: no role of theirs is known to be another."""
    roles = [one.get("shortname") for one in user.get("roles") or () if isinstance(one, dict)]
    return not roles or not {"manager", "editingteacher", "teacher", "coursecreator"} & set(roles)


def _tells(known: dict[str, Any]) -> bool:
    """Whether anything was handed in or graded: the gradebook lists everybody for everything."""
    item = known.get("item", {})
    return bool(
        known.keys() & {"submission", "grade"}
        or item.get("graderaw") is not None
        or item.get("gradedatesubmitted")
        or item.get("feedback")
    )
