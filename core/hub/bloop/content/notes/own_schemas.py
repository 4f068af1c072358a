"""What the API of somebody's own notes takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bloop.content.notes.own import LONGEST_MOMENT, LONGEST_WORDS
from bloop.content.notes.passages import LONGEST_CONTEXT, LONGEST_QUOTE
from bloop.content.notes.schemas import Tag

_ID = "019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"
_NEXT = "MDE5YTBjMWUtN2QxYy03Y2MzLTk4YTAtM2YxYzJmNWE5YjEw"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QuoteIn(_Strict):
    """A passage by its words: a TextQuoteSelector, and about how many letters stand before it."""

    exact: str = Field(min_length=1, max_length=LONGEST_QUOTE, examples=["a weak acid"])
    prefix: str = Field("", max_length=LONGEST_CONTEXT, examples=["A buffer is "])
    suffix: str = Field("", max_length=LONGEST_CONTEXT, examples=[" and its conjugate base"])
    position: int | None = Field(None, ge=0, description="Letters before it, without blanks")


class OwnNoteIn(_Strict):
    """A note of one's own about a lesson: with words, a passage, or a moment of its video."""

    markdown: str = Field("", max_length=LONGEST_WORDS, examples=["Ask about this one."])
    title: str = Field("", description="Made of the first words where it is left out")
    tags: list[Tag] = Field([], max_length=200)
    quote: QuoteIn | None = None
    moment_ms: int | None = Field(None, ge=0, le=LONGEST_MOMENT, examples=[83000])
    video: int | None = Field(
        None, ge=0, le=1000, description="Which video of the lesson's text; null: the one beside it"
    )


class QuoteOut(_Strict):
    """A passage as it was marked."""

    exact: str
    prefix: str
    suffix: str
    position: int | None


class PassageOut(_Strict):
    """A passage as the lesson has it now: the ``same``, ``changed``, or ``gone``."""

    state: Literal["same", "changed", "gone"]
    exact: str
    prefix: str
    suffix: str
    position: int | None


class OwnNoteOut(_Strict):
    """A note of one's own; ``words`` are what follows on its quote and links.

    ``passage`` is told beside the lesson alone; ``lesson_title`` and ``course_title`` are null
    where the caller does not see them any more.
    """

    id: str = Field(examples=[_ID])
    lesson: str
    lesson_title: str | None
    course: str
    course_title: str | None
    notebook: str
    kind: Literal["lesson", "highlight", "moment"]
    title: str
    words: str
    markdown: str
    tags: list[str]
    quote: QuoteOut | None
    passage: PassageOut | None
    moment_ms: int | None
    video: int | None
    row_version: int
    created_at: datetime
    updated_at: datetime


class OwnNoteList(_Strict):
    """A page of own notes; ``next`` asks for the one after it."""

    items: list[OwnNoteOut]
    next: str | None = Field(examples=[_NEXT])


class NotePlaceIn(_Strict):
    """The notebook that new notes go to."""

    notebook: str = Field(examples=[_ID])


class NotebookOut(_Strict):
    """A notebook of one's own; ``system`` is where it comes from, null for one of this hub."""

    id: str = Field(examples=[_ID])
    title: str
    system: str | None = Field(examples=["Notion"])
    takes_notes: bool
    chosen: bool


class NotePlaceOut(_Strict):
    """Where new notes go, of which notebooks; with none ``chosen``, to one of this hub."""

    notebooks: list[NotebookOut]
