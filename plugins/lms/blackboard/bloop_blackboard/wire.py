"""What Blackboard's answers hold, as far as it is read: the schemas of its OpenAPI document.

The parts of a content handler are not in that document; they are from "Data types for
contentHandler" of the developers' documentation.
"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from bloop_sdk import MalformedRecordError, Response, UnavailableError

Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class Wire(BaseModel):
    """An object as it comes; what is not named here is left aside."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: part for name, part in value.items() if part is not None}
        return value


class Span(Wire):
    """From when to when."""

    start: Moment | None = None
    end: Moment | None = None


class Available(Wire):
    """Whether something is open; left out for those who see only what is."""

    available: str | None = None


class CourseAvailability(Available):
    """Whether and when a course is open."""

    duration: Span = Span()


class ItemAvailability(Available):
    """Whether and when an item is shown."""

    adaptive_release: Span = Span()


class NoticeAvailability(Wire):
    """When an announcement is shown."""

    duration: Span = Span()


class Locale(Wire):
    """A language."""

    id: str | None = None


class Course(Wire):
    """A course or an organization."""

    id: str
    course_id: str = ""
    name: str
    description: str | None = None
    created: Moment | None = None
    modified: Moment | None = None
    organization: bool = False
    ultra_status: str | None = None
    term_id: str | None = None
    availability: CourseAvailability = CourseAvailability()
    locale: Locale = Locale()
    external_access_url: str | None = None
    parent_id: str | None = None


class Term(Wire):
    """When courses are held."""

    id: str
    name: str
    availability: CourseAvailability = CourseAvailability()


class Role(Wire):
    """A role in courses."""

    role_id: str
    act_as_instructor: bool = False


class Name(Wire):
    """The parts of a name."""

    given: str | None = None
    family: str | None = None
    suffix: str | None = None


class Contact(Wire):
    """How to reach somebody."""

    email: str | None = None
    institution_email: str | None = None


class User(Wire):
    """Somebody."""

    id: str
    user_name: str | None = None
    name: Name = Name()
    contact: Contact = Contact()
    created: Moment | None = None
    modified: Moment | None = None


class Membership(Wire):
    """Somebody in a course."""

    user_id: str
    course_role_id: str
    user: User | None = None
    child_course_id: str | None = None
    created: Moment | None = None
    modified: Moment | None = None
    availability: Available = Available()


class Group(Wire):
    """A part of a course's people."""

    id: str
    name: str
    created: Moment | None = None
    modified: Moment | None = None


class GroupMembership(Wire):
    """Somebody in a group."""

    user_id: str


class HandlerFile(Wire):
    """The file of an item that is one."""

    file_name: str | None = None
    mime_type: str | None = None


class Handler(Wire):
    """What kind of content an item is, and what belongs to that kind."""

    id: str
    url: str | None = None
    is_bb_page: bool = False
    discussion_id: str | None = None
    assessment_id: str | None = None
    custom_parameters: dict[str, str] = {}
    file: HandlerFile = HandlerFile()


class Alternate(Wire):
    """A link to an item's page."""

    href: str | None = None
    rel: str | None = None


class Item(Wire):
    """One item of a course's content."""

    id: str
    parent_id: str | None = None
    title: str
    body: str | None = None
    description: str | None = None
    created: Moment | None = None
    modified: Moment | None = None
    position: int = 0
    has_children: bool = False
    launch_in_new_window: bool = False
    availability: ItemAvailability = ItemAvailability()
    content_handler: Handler
    links: tuple[Alternate, ...] = ()


class Attachment(Wire):
    """A file of an item."""

    id: str
    file_name: str
    mime_type: str | None = None


class Score(Wire):
    """What can be reached."""

    possible: float | None = None


class Grading(Wire):
    """How a column comes by its grades."""

    type: str | None = None
    due: Moment | None = None
    attempts_allowed: int | None = None


class Column(Wire):
    """A column of the gradebook."""

    id: str
    name: str
    display_name: str | None = None
    description: str | None = None
    created: Moment | None = None
    content_id: str | None = None
    score: Score = Score()
    availability: Available = Available()
    grading: Grading = Grading()

    @property
    def is_hidden(self) -> bool:
        """Whether students may not look at their grades in it."""
        return self.availability.available == "No"


class QuestionHandler(Wire):
    """What kind of question it is."""

    type: str | None = None


class AskedQuestion(Wire):
    """A question of an assessment; its answers are not given."""

    id: str
    title: str | None = None
    text: str | None = None
    position: int = 0
    points: float | None = None
    correct_response_feedback: str | None = None
    incorrect_response_feedback: str | None = None
    question_handler: QuestionHandler = QuestionHandler()


class Message(Wire):
    """A post."""

    body: str | None = None
    post_date: Moment | None = None


class Forum(Wire):
    """A discussion and its first post."""

    id: str
    title: str
    available: bool = True
    created_date: Moment | None = None
    modified_date: Moment | None = None
    topic: Message = Message()


class DisplayGrade(Wire):
    """A grade as it is shown."""

    scale_type: str | None = None
    score: float | None = None
    text: str | None = None


class Grade(Wire):
    """Somebody's grade in a column."""

    user_id: str
    status: str | None = None
    display_grade: DisplayGrade = DisplayGrade()
    overridden: Moment | None = None
    feedback: str | None = None
    exempt: bool = False
    change_index: int = 0


class Attempt(Wire):
    """One try at what a column is about; while it is anonymous nobody's."""

    id: str
    user_id: str | None = None
    status: str | None = None
    created: Moment | None = None
    attempt_date: Moment | None = None
    modified: Moment | None = None
    feedback: str | None = None


class Announcement(Wire):
    """Something to read."""

    id: str
    title: str
    body: str | None = None
    draft: bool = False
    created: Moment | None = None
    modified: Moment | None = None
    availability: NoticeAvailability = NoticeAvailability()


class Recurrence(Wire):
    """That something happens again and again."""

    frequency: str | None = None


class CalendarItem(Wire):
    """Something in a calendar."""

    id: str
    type: str
    title: str
    description: str | None = None
    location: str | None = None
    start: Moment
    end: Moment | None = None
    modified: Moment | None = None
    recurrence: Recurrence | None = None


class Reviewed(Wire):
    """How many of the items that can be marked as reviewed somebody has marked."""

    user_id: str
    reviewed_count: int
    reviewable_count: int


def document(response: Response) -> dict[str, Any]:
    """An answer's JSON object; anything else is a site that is not there, whatever it says."""
    place = response.url.partition("?")[0]
    try:
        found = response.json()
    except MalformedRecordError as err:
        raise UnavailableError(f"{place} answered with something that is not JSON") from err
    if not isinstance(found, dict):
        raise UnavailableError(f"{place} answered with something that is no object")
    return found


def fault(err: ValidationError) -> str:
    """In words, what is wrong with an object."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in err.errors()[:3]
    )
