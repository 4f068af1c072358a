"""What the course of the site in :mod:`fake_blackboard` holds, as rows of its API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

SITE = "https://learn.example.edu"
NOW = datetime(2026, 12, 7, 9, 0, tzinfo=UTC)

Row = dict[str, Any]


def at(days: float) -> str:
    """A moment so many days from the site's now, as Blackboard writes it."""
    moment = NOW + timedelta(days=days)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def item(name: str, parent: str | None, position: int, handler: Row | str, **more: Any) -> Row:
    """A content item with the fields that every one has."""
    handler = {"id": handler} if isinstance(handler, str) else handler
    row = {
        "id": name,
        "title": f"Item {name.strip('_').partition('_')[0]}",
        "created": at(-90),
        "modified": at(-60),
        "position": position,
        "launchInNewWindow": False,
        "reviewable": False,
        "availability": {"available": "Yes", "allowGuests": True, "adaptiveRelease": {}},
        "contentHandler": handler,
        "links": [
            {
                "href": f"/ultra/redirect?redirectType=nautilus&courseId=_5_1&contentId={name}",
                "rel": "alternate",
                "title": "User Interface View",
                "type": "text/html",
            }
        ],
        **more,
    }
    return {**row, "parentId": parent} if parent else row


def user(name: str, login: str, given: str, family: str) -> Row:
    """Somebody with all that a site tells of people."""
    return {
        "id": name,
        "uuid": f"7ac650e5bd0d467882943ed06fbfe7{name.strip('_')[:2]}",
        "userName": login,
        "birthDate": "1999-04-01T00:00:00.000Z",
        "created": at(-400),
        "modified": at(-300),
        "lastLogin": at(-1),
        "systemRoleIds": ["User"],
        "availability": {"available": "Yes"},
        "name": {"given": given, "family": family},
        "contact": {"email": f"{login}@example.edu", "mobilePhone": "555-0100"},
        "address": {"city": "Riverside"},
    }


def member(user: str, role: str) -> Row:
    """Somebody's place in the course."""
    return {
        "id": f"_9{user.strip('_')}",
        "userId": user,
        "courseId": "_5_1",
        "created": at(-85),
        "modified": at(-85),
        "availability": {"available": "Yes"},
        "courseRoleId": role,
        "lastAccessed": at(-1),
    }


def contents() -> list[Row]:
    """The course's tree, parents first."""
    link = (
        f'<a href="{SITE}/bbcswebdav/pid-16-dt-content-rid-2_1/xid-21916118_1?SIGNATURE&amp;K=a"'
        ' data-bbfile="{&quot;render&quot;:&quot;attachment&quot;,&quot;linkName&quot;:'
        '&quot;Slides.pdf&quot;,&quot;mimeType&quot;:&quot;application/pdf&quot;}">Slides</a>'
    )
    test = {"id": "resource/x-bb-asmt-test-link", "assessmentId": "_90_1"}
    page = {"id": "resource/x-bb-folder", "isBbPage": True}
    return [
        item("_10_1", "_1_1", 0, "resource/x-bb-folder", title="Week 1", hasChildren=True),
        item("_11_1", "_10_1", 0, "resource/x-bb-document", body="<p>Waves <b>move</b>.</p>"),
        item(
            "_12_1",
            "_10_1",
            1,
            {"id": "resource/x-bb-assignment", "gradeColumnId": "_61_1"},
            body="<p>Measure.</p>",
            hasGradebookColumns=True,
        ),
        item("_13_1", "_1_1", 1, {**test, "gradeColumnId": "_62_1"}, hasGradebookColumns=True),
        item(
            "_14_1", "_1_1", 2, {"id": "resource/x-bb-externallink", "url": "https://waves.example"}
        ),
        item("_15_1", "_1_1", 3, page, title="Slides", hasChildren=True),
        item("_16_1", "_15_1", 0, "resource/x-bb-document", title="ultraDocumentBody", body=link),
    ]


def questions() -> list[Row]:
    """A question and a text between questions."""
    return [
        {
            "id": "_201_1",
            "title": "Speed",
            "text": "<p>How fast is sound?</p>",
            "position": 1,
            "points": 5.0,
            "correctResponseFeedback": "<p>Yes</p>",
            "questionHandler": {"type": "MultipleChoice"},
        },
        {
            "id": "_202_1",
            "text": "<p>Read this first.</p>",
            "position": 0,
            "points": 0.0,
            "questionHandler": {"type": "Presentation"},
        },
    ]


def columns() -> list[Row]:
    """Two columns that hold attempts, and one that is calculated."""

    def column(name: str, title: str, kind: str, **more: Any) -> Row:
        return {
            "id": name,
            "name": title,
            "created": at(-90),
            "score": {"possible": 50.0},
            "availability": {"available": "Yes"},
            "grading": {"type": kind, "attemptsAllowed": 1, **more.pop("grading", {})},
            **more,
        }

    return [
        column("_61_1", "Measure", "Attempts", contentId="_12_1", grading={"due": at(-4)}),
        column("_62_1", "Test", "Attempts", contentId="_13_1", grading={"due": at(14)}),
        column("_60_1", "Total", "Calculated"),
    ]


def grade(user: str, column: str, score: float, index: int) -> Row:
    """A grade with what only a teacher should see."""
    return {
        "userId": user,
        "columnId": column,
        "status": "Graded",
        "displayGrade": {"scaleType": "Score", "score": score},
        "notes": "talk to her",
        "feedback": "Well done",
        "exempt": False,
        "changeIndex": index,
    }


def attempt(name: str, user: str, days: float, status: str = "Completed") -> Row:
    """One of somebody's attempts."""
    return {
        "id": name,
        "userId": user,
        "status": status,
        "displayGrade": {"scaleType": "Score", "score": 42.0},
        "score": 42.0,
        "feedback": "See page 3",
        "created": at(days),
        "attemptDate": at(days),
        "modified": at(days + 1),
    }


def event(name: str, title: str, days: float, **more: Any) -> Row:
    """Something in the course's calendar."""
    return {
        "id": name,
        "type": "Course",
        "calendarId": "_5_1",
        "calendarName": "Waves",
        "title": title,
        "description": "<p>Bring boots.</p>",
        "location": "Pier 3",
        "start": at(days),
        "end": at(days + 0.1),
        "modified": at(-30),
        **more,
    }


def only(row: Row, fields: str) -> Row:
    """The named fields of a row, ``user.name`` among them."""
    if not fields:
        return row
    found: Row = {}
    for name in fields.split(","):
        head, _, rest = name.partition(".")
        if head not in row:
            continue
        if not rest:
            found[head] = row[head]
        elif isinstance(row[head], dict):
            _merge(found.setdefault(head, {}), only(row[head], rest))
    return found


def _merge(target: Row, more: Row) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _merge(target[name], value)
        else:
            target[name] = value
