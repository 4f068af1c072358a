"""What the API of notes takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

_ID = "019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"
_NEXT = "MDE5YTBjMWUtN2QxYy03Y2MzLTk4YTAtM2YxYzJmNWE5YjEw"

Tag = Annotated[str, Field(min_length=1, max_length=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoteIn(_Strict):
    """A note to be written; ``parent`` is the node that it stands below."""

    title: str = Field(examples=["Buffers"])
    markdown: str = Field("", examples=["- [ ] titrate again\n"])
    tags: list[Tag] = Field([], max_length=200, examples=[["chemistry"]])
    parent: str | None = None
    index: int | None = Field(None, ge=0, description="Place among its siblings; null: the last.")


class NoteChange(_Strict):
    """The fields to change; those left out stay."""

    title: str = Field("", examples=["Buffers, again"])
    markdown: str = ""
    tags: list[Tag] = Field([], max_length=200)


class NoteMove(_Strict):
    """Where a note shall stand: below the node ``parent``, null the top of its notebook.

    In another notebook (``container``) it is another note, with its text, tags and files.
    """

    container: str | None = Field(None, description="A notebook; null: the one that it is in")
    parent: str | None = None
    index: int | None = Field(None, ge=0, description="Place among its siblings; null: the last.")


class FolderIn(_Strict):
    """A folder of a notebook; ``parent`` is the node that it stands below."""

    title: str = Field(examples=["Chemistry"])
    parent: str | None = None


class FolderMove(_Strict):
    """Another place for a folder, below ``parent`` (null: the top), and another name if given."""

    title: str | None = None
    parent: str | None = None


class FolderAsked(_Strict):
    """The folder, or the job that changes it in the system that its notebook comes from."""

    node: str | None = Field(examples=[_ID])
    job: str | None = Field(examples=[_ID])


class NoteUndo(_Strict):
    """Which text to go back to; null: the one before the last change."""

    to: int | None = Field(None, ge=1, description="A row version")


class NoteFile(_Strict):
    """A file that a note shows or links to."""

    id: str = Field(examples=[_ID])
    name: str = Field(examples=["titration.png"])


class NoteFiles(_Strict):
    """The files of a note, by name."""

    items: list[NoteFile]


class UnsentOut(_Strict):
    """A change that the other side does not have yet; a refused one says why, and what to do."""

    id: str = Field(examples=[_ID])
    connection: str
    system: str = Field(examples=["Notion"])
    container: str
    item: str
    title: str
    op: str = Field(examples=["note.update"])
    state: Literal["waiting", "sending", "refused"]
    code: str | None
    reason: str | None
    cure: str | None
    actor: str
    created_at: datetime
    updated_at: datetime


class UnsentList(_Strict):
    """A page of what waits; ``next`` asks for the one after it."""

    items: list[UnsentOut]
    next: str | None = Field(examples=[_NEXT])


class NoteOut(_Strict):
    """A note as it is written. ``writes`` are what its system can be told, null for a note of none.

    ``sync`` is ``here`` for a note of no other system, else ``sent``, or the state of what waits,
    which ``unsent`` tells to those who may write it.
    """

    id: str = Field(examples=[_ID])
    container: str
    connection: str | None
    title: str
    markdown: str
    tags: list[str]
    lost: list[str]
    state: str = Field(examples=["active"])
    url: str | None
    sync: Literal["here", "sent", "waiting", "sending", "refused"]
    unsent: list[UnsentOut]
    writes: list[str] | None
    row_version: int
    updated_at: datetime


class ConflictOut(_Strict):
    """A note that both sides changed the same; ``copy`` is the note with the text from here."""

    id: str = Field(examples=[_ID])
    connection: str
    system: str = Field(examples=["Notion"])
    container: str
    item: str
    copy_: str | None = Field(alias="copy")
    how: Literal["edited", "deleted_there", "deleted_here"]
    title: str
    mine: str | None = Field(description="The Markdown from here")
    theirs: str = Field(description="The Markdown from there")
    actor: str
    settled: Literal["mine", "theirs", "both"] | None
    created_at: datetime


class ConflictList(_Strict):
    """A page of conflicts; ``next`` asks for the one after it."""

    items: list[ConflictOut]
    next: str | None = Field(examples=[_NEXT])


class Settle(_Strict):
    """Which text the note keeps; ``both`` leaves the copy beside it."""

    keep: Literal["mine", "theirs", "both"]


class SendStarted(_Strict):
    """The job that sends; null where nothing waits, or the connection needs somebody first."""

    job: str | None = Field(examples=[_ID])
