"""Courses, their sections, and the people in them."""

from __future__ import annotations

from typing import Any

from bloop_canvas.fields import address, flag, identifier, kept, needed, rows, some, text, when
from bloop_canvas.links import Linked
from bloop_canvas.place import Place
from bloop_sdk import Container, Enrolment, MalformedRecordError, Person, Record, Section, Term
from bloop_sdk.records import JSONObject

COURSES: dict[str, Any] = {
    "include[]": ["term", "syllabus_body", "total_students", "concluded"],
    "state[]": ["unpublished", "available", "completed"],
}
PEOPLE: dict[str, Any] = {
    "include[]": ["email", "enrollments"],
    # The work of who was made inactive is listed still.
    "enrollment_state[]": ["active", "invited", "completed", "inactive"],
}
TEST_STUDENTS: dict[str, Any] = {"enrollment_type[]": ["student_view"]}

# The calendar is the address of a feed that needs no login; the enrolments are the token's own.
_COURSE_NOISE = frozenset(
    {"calendar", "enrollments", "course_progress", "permissions", "needs_grading_count", "uuid"}
)
_PERSON = ("id", "name", "sortable_name", "short_name", "login_id", "email", "sis_user_id")
# What changes with every look at Canvas would rewrite everybody with each sync.
_ENROLMENT_NOISE = frozenset(
    {
        "last_activity_at",
        "last_attended_at",
        "total_activity_time",
        "grades",
        "user",
        "updated_at",
    }
)
_ROLES = {
    "StudentEnrollment": "learner",
    "StudentViewEnrollment": "learner",
    "TeacherEnrollment": "educator",
    "TaEnrollment": "educator",
    "DesignerEnrollment": "educator",
}
OBSERVER = "the role of an observer: it is kept as a learner who is not active"


def container(base: str, item: JSONObject) -> Container:
    """A course; raises MalformedRecordError."""
    syllabus = Linked(base, text(item, "syllabus_body"))
    course = identifier(item)
    state = item.get("workflow_state")
    return Container(
        remote_id=course,
        # Where the token's owner has a nickname for it, that is its name to them alone.
        title=needed(item, "original_name", "name", "course_code"),
        code=some(item, "course_code"),
        summary_html=syllabus.html,
        language=some(item, "locale"),
        starts_at=when(item, "start_at"),
        ends_at=when(item, "end_at"),
        term=_term(item.get("term")),
        published=state not in {"unpublished", "created", "claimed", "deleted"},
        url=f"{base}/courses/{course}",
        created_at=when(item, "created_at"),
        lost=syllabus.lost,
        raw=kept(item, _COURSE_NOISE),
    )


def _term(item: Any) -> Term | None:
    """The term of a course; Canvas's "Default Term" says that there is none."""
    if not isinstance(item, dict) or not some(item, "name"):
        return None
    starts, ends = when(item, "start_at"), when(item, "end_at")
    if item["name"] == "Default Term" and starts is None and ends is None:
        return None
    return Term(title=item["name"], starts_at=starts, ends_at=ends)


def section(place: Place, item: JSONObject) -> list[Record]:
    """A section of a course."""
    record = Section(
        remote_id=place.id(identifier(item)),
        container=place.course,
        title=needed(item, "name"),
        created_at=when(item, "created_at"),
        raw=kept(item, frozenset({"students", "total_students", "enrollment_role"})),
    )
    return [record]


def person(item: JSONObject) -> Person:
    """Somebody, with what is theirs in every course."""
    return Person(
        remote_id=identifier(item),
        name=needed(item, "name", "short_name", "sortable_name"),
        email=some(item, "email"),
        login=some(item, "login_id"),
        created_at=when(item, "created_at"),
        raw={name: item[name] for name in _PERSON if name in item},
    )


def enrolments(place: Place, user: JSONObject) -> list[Record]:
    """A person's enrolments in a course: one for each role, whatever the sections."""
    by_role: dict[str, list[JSONObject]] = {}
    for one in rows(user, "enrollments"):
        by_role.setdefault(needed(one, "type"), []).append(one)
    return [_enrolment(place, identifier(user), kind, by_role[kind]) for kind in sorted(by_role)]


def _enrolment(place: Place, user: str, kind: str, found: list[JSONObject]) -> Enrolment:
    found = sorted(found, key=lambda one: str(one.get("id")))
    observing = kind == "ObserverEnrollment"
    role = _ROLES.get(kind, "learner" if observing else "")
    if not role:
        raise MalformedRecordError(f"nobody here knows the enrolment type {kind!r:.60}")
    sections = {
        place.id(str(one["course_section_id"])) for one in found if one.get("course_section_id")
    }
    active = any(one.get("enrollment_state", "active") == "active" for one in found)
    return Enrolment(
        remote_id=place.id(user, kind.removesuffix("Enrollment").lower()),
        container=place.course,
        person=user,
        role=role,
        active=active and not observing,
        sections=tuple(sorted(sections)),
        url=address(found[0]),
        created_at=when(found[0], "created_at"),
        lost=(OBSERVER,) if observing else (),
        raw={"enrollments": [kept(one, _ENROLMENT_NOISE) for one in found]},
    )


def is_restricted(item: JSONObject) -> bool:
    """Whether Canvas tells no more of a course than that it exists: its dates keep people out."""
    return flag(item, "access_restricted_by_date")
