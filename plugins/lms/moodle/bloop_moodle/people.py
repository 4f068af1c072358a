"""Courses, groups, people and what they shall learn, from Moodle's answers."""

from __future__ import annotations

from typing import Any

from bloop_moodle.values import (
    body,
    digest,
    flag,
    identifier,
    integer,
    moment,
    name,
    without,
)
from bloop_sdk.records import (
    Container,
    Enrolment,
    JSONObject,
    Kind,
    Outcome,
    Person,
    Record,
    Ref,
    Section,
    Skipped,
)

_ROLES = {
    "manager": "admin",
    "coursecreator": "admin",
    "editingteacher": "educator",
    "teacher": "educator",
    "student": "learner",
    "guest": "learner",
    "user": "learner",
}
"""Moodle's own roles by short name; a school's others give no rights here."""
_KEPT = ("id", "username", "fullname", "email", "idnumber")
_ORDER = ("learner", "educator", "admin")

_OF_THE_READER = (
    "progress",
    "completed",
    "lastaccess",
    "isfavourite",
    "hidden",
    "enrolledusercount",
    "completionusertracked",
    "courseimage",
    "overviewfiles",
    "marker",
    "cacherev",
    "sortorder",
    "categorysortorder",
)


def course(base: str, found: JSONObject) -> Container | Skipped:
    """A course. Moodle has no terms; when a course is held is its own two dates."""
    remote_id = identifier(found.get("id"))
    if remote_id is None or not isinstance(found.get("fullname"), str):
        ref = str(Ref(Kind.COURSE, str(found.get("id"))))
        return Skipped(ref=ref, reason="the course has no id or no name", raw=found)
    language = found.get("lang")
    return Container(
        remote_id=remote_id,
        title=name(found.get("fullname"), remote_id),
        code=name(found.get("shortname"), "") or None,
        summary_html=body(found.get("summary")),
        language=str(language).replace("_", "-") if language else None,
        starts_at=moment(found.get("startdate")),
        ends_at=moment(found.get("enddate")),
        published=flag(found.get("visible", 1)),
        raw=without(found, *_OF_THE_READER),
        remote_version=str(found.get("timemodified") or "") or None,
        created_at=moment(found.get("timecreated")),
        updated_at=moment(found.get("timemodified")),
        url=f"{base}/course/view.php?id={remote_id}",
    )


def group(place: str, found: JSONObject) -> Section | Skipped:
    """A group of a course. Its enrolment key is not kept."""
    remote_id = identifier(found.get("id"))
    if remote_id is None:
        ref = str(Ref(Kind.SECTION, str(found.get("id"))))
        return Skipped(ref=ref, reason="the group has no id", raw=without(found, "enrolmentkey"))
    return Section(
        remote_id=remote_id,
        container=place,
        title=name(found.get("name"), f"Group {remote_id}"),
        raw=without(found, "enrolmentkey"),
    )


def participant(
    base: str, place: str, found: JSONObject, active: frozenset[str] | None
) -> list[Record] | Skipped:
    """A person and the enrolment in a course; ``active`` are the ids that are not suspended."""
    remote_id = identifier(found.get("id"))
    if remote_id is None:
        ref = str(Ref(Kind.PERSON, str(found.get("id"))))
        return Skipped(ref=ref, reason="the participant has no id")
    raw: JSONObject = {key: found[key] for key in _KEPT if key in found}
    email, login = found.get("email"), found.get("username")
    person = Person(
        remote_id=remote_id,
        name=name(found.get("fullname"), f"User {remote_id}"),
        email=email if isinstance(email, str) and email else None,
        login=login if isinstance(login, str) and login else None,
        raw=raw,
        url=f"{base}/user/profile.php?id={remote_id}",
    )
    roles = sorted(
        str(one.get("shortname"))
        for one in found.get("roles") or ()
        if isinstance(one, dict) and one.get("shortname")
    )
    groups = [one for one in found.get("groups") or () if isinstance(one, dict)]
    sections = sorted(filter(None, (identifier(one.get("id")) for one in groups)))
    suspended = active is not None and remote_id not in active
    other = [role for role in roles if role not in _ROLES]
    lost = [] if roles else ["its role: this account may not see it"]
    lost += [f"its role {role}, which Bloop does not know" for role in other]
    if active is None:
        lost.append("whether it is suspended: this account may not see it")
    enrolment = Enrolment(
        remote_id=f"{place}:{remote_id}",
        container=place,
        person=remote_id,
        role=max(
            (_ROLES.get(role, "learner") for role in roles), key=_ORDER.index, default="learner"
        ),
        active=not suspended and not flag(found.get("suspended")),
        sections=tuple(sections),
        raw={"user": remote_id, "roles": roles, "groups": sections, "suspended": suspended},
        lost=tuple(lost),
    )
    return [person, enrolment]


def competencies(place: str, found: list[JSONObject]) -> list[Outcome | Skipped]:
    """The competencies of a course, wider ones first.

    One competency may be in many courses, and is an outcome in each of them.
    """
    known: dict[str, JSONObject] = {}
    made: list[Outcome | Skipped] = []
    for one in found:
        inner = one.get("competency")
        number = identifier(inner.get("id")) if isinstance(inner, dict) else None
        if number is None or not isinstance(inner, dict):
            ref = f"{Kind.OUTCOME}:{place}:{digest(one)}"
            made.append(Skipped(ref=ref, reason="the competency has no id", raw=one))
        else:
            known[number] = inner
    for number, inner in sorted(known.items(), key=_depth):
        wider = identifier(inner.get("parentid"))
        made.append(
            Outcome(
                remote_id=f"{place}:{number}",
                container=place,
                title=name(inner.get("shortname"), f"Competency {number}"),
                html=body(inner.get("description")),
                parent=f"{place}:{wider}" if wider in known else None,
                raw=without(inner, "usermodified"),
                created_at=moment(inner.get("timecreated")),
                updated_at=moment(inner.get("timemodified")),
            )
        )
    return made


def _depth(item: tuple[str, JSONObject]) -> tuple[int, int, int]:
    number, inner = item
    path: Any = inner.get("path")
    depth = path.count("/") if isinstance(path, str) else 0
    return depth, integer(inner.get("sortorder")) or 0, int(number)
