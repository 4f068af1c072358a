"""The events of content: each row that was created, updated or deleted says one."""

from __future__ import annotations

from typing import Annotated, Literal

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal


class Changed(Payload):
    """A row: ``kind`` is what it shows, ``container`` the course or notebook that it is in.

    ``owner`` is the user whose alone it is: nobody else is told of it, and no plugin or webhook.
    ``restorable`` says of what was deleted that it lies in the trash, or is gone only in the system
    it came from: it comes back with the same id, so keep what belongs to it.
    """

    id: str
    kind: str
    container: str | None
    change: Literal["created", "updated", "deleted"]
    owner: str | None = None
    restorable: bool = False


class PersonChanged(Changed):
    """The same of a person, or of what a person does here."""

    id: Annotated[str, Personal()]


_WHEN = {
    "created": "was added, or came back",
    "updated": "was changed",
    "deleted": "was deleted, or is gone in the system it came from",
}
_SUBJECTS = {
    "container": ("a course or notebook", "course"),
    "item": ("a page, quiz, file or other item", "page"),
    "node": ("a place in the tree of a course", "module"),
    "outcome": ("an outcome", "outcome"),
    "person": ("a person of another system", "person"),
    "enrolment": ("a person's enrolment in a course", "enrolment"),
    "section": ("a section or group of a course's people", "section"),
    "submission": ("a person's work and its grade", "submission"),
    "completion": ("how far a person is with something", "completion"),
    "calendar_event": ("something that takes place at a time", "calendar_event"),
}
_PERSONS = frozenset({"person", "enrolment", "submission", "completion"})
SHOWN = frozenset({"container", "item"})
"""What learners and guests may follow as well, as far as they may see it."""

declare(
    *(
        Topic(
            name=f"content.{subject}.{change}",
            when=f"{what} {when}",
            aggregate=subject,
            payload=PersonChanged if subject in _PERSONS else Changed,
            action="content:write",
            shown=subject in SHOWN,
            example={
                "id": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77",
                "kind": kind,
                "container": "019a21c7-0b12-7f0e-8d9a-4c6e2b1f5a33",
                "change": change,
            },
        )
        for subject, (what, kind) in _SUBJECTS.items()
        for change, when in _WHEN.items()
    )
)
