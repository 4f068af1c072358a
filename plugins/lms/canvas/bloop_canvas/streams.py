"""The streams, in the order in which they are read: what others point at comes first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from bloop_canvas import contents, lists, progress, tree
from bloop_canvas.api import Params
from bloop_canvas.courses import PEOPLE
from bloop_canvas.place import Place
from bloop_canvas.reading import Reading
from bloop_sdk import Batch, Cursor, Deletes, Kind, Stream

First = tuple[str, Params]
"""The list that a stream asks for first: its path below the course, and its parameters."""

OfCourse = Callable[[Reading, Place, Cursor | None], AsyncGenerator[Batch, None]]

COURSES = Stream(name="courses", kinds=frozenset({Kind.COURSE}), deletes=Deletes.ENUMERATE)


@dataclass(frozen=True, slots=True)
class Part:
    """A stream of each course, and what reads it."""

    stream: Stream
    read: OfCourse
    first: First | None


def _part(
    name: str,
    read: OfCourse,
    *kinds: Kind,
    incremental: bool = False,
    first: First | None = None,
) -> Part:
    deletes = Deletes.NONE if incremental else Deletes.ENUMERATE
    stream = Stream(
        name=name,
        kinds=frozenset(kinds),
        deletes=deletes,
        incremental=incremental,
        partitioned=True,
        optional=True,
    )
    return Part(stream, read, first)


PARTS: dict[str, Part] = {
    part.stream.name: part
    for part in (
        _part("sections", lists.sections, Kind.SECTION, first=("sections", {})),
        _part(
            "people",
            lists.people,
            *(Kind.PERSON, Kind.ENROLMENT),
            first=("users", PEOPLE),
        ),
        _part("files", contents.files, Kind.FILE),
        _part("pages", contents.pages, Kind.PAGE, first=("pages", contents.BODIES)),
        _part(
            "assignments",
            lists.assignments,
            Kind.ASSIGNMENT,
            first=("assignments", lists.ASSIGNMENTS),
        ),
        _part("quizzes", contents.all_quizzes, Kind.QUIZ, first=("quizzes", {})),
        _part(
            "discussions",
            lists.discussions,
            Kind.DISCUSSION,
            first=("discussion_topics", {}),
        ),
        _part(
            "modules",
            tree.tree,
            *(Kind.MODULE, Kind.LINK, Kind.TOOL, Kind.OPAQUE),
            first=("modules", tree.WITH_ITEMS),
        ),
        _part("calendar", lists.calendar, Kind.CALENDAR_EVENT),
        _part("outcomes", lists.all_outcomes, Kind.OUTCOME),
        _part("submissions", progress.submissions, Kind.SUBMISSION, incremental=True),
        _part("completion", progress.completion, Kind.COMPLETION),
    )
}

STREAMS = (COURSES, *(part.stream for part in PARTS.values()))
