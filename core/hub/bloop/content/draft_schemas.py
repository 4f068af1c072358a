"""What the API of drafts takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_ID = "019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DraftIn(_Strict):
    """The fields to change; those left out stay, and ``data`` is replaced as a whole."""

    title: str = Field("", examples=["What pH really measures"])
    html: str = ""
    markdown: str | None = Field(None, description="In place of html.")
    data: dict[str, Any] = {}
    language: str | None = Field(None, max_length=35)


class RemovedOut(_Strict):
    """What the sanitiser took out of a text."""

    what: Literal["element", "attribute", "address"]
    name: str = Field(examples=["<script>"])
    count: int


class DraftHead(_Strict):
    """A text that is written. ``markdown`` of null: it came as HTML.

    ``moved_on`` says that the published text was changed after this draft was begun.
    """

    item: str = Field(examples=[_ID])
    title: str
    html: str
    markdown: str | None
    language: str | None
    published: bool
    is_draft: bool
    moved_on: bool
    row_version: int


class DraftOut(DraftHead):
    """The same, with what was taken out of it."""

    removed: list[RemovedOut]


class UnpublishedList(_Strict):
    """What learners do not see yet."""

    items: list[DraftHead]


class PublishIn(_Strict):
    """Ids of items and nodes with the row versions that somebody looked at; null: any."""

    items: dict[str, int | None] = Field({}, max_length=1000, examples=[{_ID: 3}])
    nodes: dict[str, int | None] = Field({}, max_length=1000)
    container: int | None = Field(None, ge=0, description="The course's version; 0: any.")


class Published(_Strict):
    """How much was published."""

    published: int


class ChangeOut(_Strict):
    """That a row was at ``row_version`` until ``change`` replaced it, and what it was called."""

    id: str
    subject: Literal["container", "item", "node"]
    subject_id: str
    row_version: int
    change: str = Field(examples=["edited"])
    actor: str
    who: str | None
    at: datetime
    title: str | None


class HistoryList(_Strict):
    """A page of changes, the newest first; ``next`` asks for the one after it as ``before``."""

    items: list[ChangeOut]
    next: str | None
