"""What the content API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_ID = "019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"
_NEXT = "MDE5YTBjMWUtN2QxYy03Y2MzLTk4YTAtM2YxYzJmNWE5YjEw"

Audience = Literal["open", "members", "enrolled"]
Shown = Literal["open", "members", "enrolled", "owner"]
State = Literal["pending", "active", "missing", "forbidden", "unshared", "trashed"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ContainerIn(_Strict):
    """A course or notebook to be written here."""

    title: str = Field(examples=["Acids and bases"])
    kind: Literal["course", "notebook"] = "course"
    code: str | None = Field(None, max_length=500, examples=["CHEM-101"])
    summary_html: str = Field("", examples=["<p>What pH means, and why it matters.</p>"])
    language: str | None = Field(None, max_length=35, examples=["en"])
    published: bool = False
    audience: Audience = Field("open", description="Whom it is for once it is published")
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class ContainerChange(_Strict):
    """The fields to change; those left out stay."""

    title: str = Field("", examples=["Acids, bases and salts"])
    code: str | None = Field(None, max_length=500)
    summary_html: str = ""
    language: str | None = Field(None, max_length=35)
    audience: Audience = Field("open", description="Of a synced course, all that is changed here")
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class ContainerHead(_Strict):
    """A container in a list. ``connection`` of null: it was written here."""

    id: str = Field(examples=[_ID])
    connection: str | None
    kind: str = Field(examples=["course"])
    title: str = Field(examples=["Acids and bases"])
    code: str | None
    published: bool
    audience: Shown
    owner: str | None = Field(description="The user whose alone it is")
    state: State = Field(examples=["active"])
    language: str | None
    url: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    row_version: int
    created_at: datetime
    updated_at: datetime


class ContainerOut(ContainerHead):
    """A container. ``lost`` names what its import could not keep."""

    lost: list[str]
    summary_html: str


class NotebookIn(_Strict):
    """A notebook of one's own."""

    title: str = Field(examples=["My notes"])
    language: str | None = Field(None, max_length=35, examples=["en"])


class ContainerList(_Strict):
    """A page of containers; ``next`` asks for the one after it."""

    items: list[ContainerHead]
    next: str | None = Field(examples=[_NEXT])


class ItemIn(_Strict):
    """Something to be written here; ``data`` holds what only its kind has."""

    kind: Literal["page", "assignment", "quiz", "discussion", "link", "tool", "note"]
    title: str = Field(examples=["What pH measures"])
    html: str = Field("", examples=["<p>pH is minus the logarithm of …</p>"])
    markdown: str | None = Field(None, description="In place of html.")
    data: dict[str, Any] = Field({}, examples=[{"points": 10, "submission_types": ["text"]}])
    language: str | None = Field(None, max_length=35)


class ItemChange(_Strict):
    """The fields to change; those left out stay, and ``data`` is replaced as a whole."""

    title: str = Field("", examples=["What pH really measures"])
    html: str = ""
    markdown: str | None = None
    data: dict[str, Any] = {}
    language: str | None = Field(None, max_length=35)


class ItemHead(_Strict):
    """An item in a list."""

    id: str = Field(examples=[_ID])
    container: str
    connection: str | None
    kind: str = Field(examples=["page"])
    title: str = Field(examples=["What pH measures"])
    published: bool
    state: State = Field(examples=["active"])
    language: str | None
    url: str | None
    row_version: int
    created_at: datetime
    updated_at: datetime


class ItemOut(ItemHead):
    """An item. Learners get quizzes without their answers."""

    lost: list[str]
    data: dict[str, Any]
    html: str = Field(examples=["<p>pH is minus the logarithm of …</p>"])


class ItemList(_Strict):
    """A page of items; ``next`` asks for the one after it."""

    items: list[ItemHead]
    next: str | None = Field(examples=[_NEXT])


class NodeIn(_Strict):
    """A place in the tree: a module, or with ``item`` what it shows."""

    title: str = Field(examples=["Week 1"])
    parent: str | None = None
    index: int | None = Field(None, ge=0, description="Place among its siblings; null: the last.")
    item: str | None = None
    published: bool = True


class NodeChange(_Strict):
    """The fields to change; ``parent`` and ``index`` move it."""

    title: str = ""
    published: bool = True
    parent: str | None = None
    index: int | None = Field(None, ge=0)


class NodeOut(_Strict):
    """One node as it is now."""

    id: str
    container: str
    parent: str | None
    title: str
    item: str | None
    published: bool
    state: State
    row_version: int


class TreeNode(_Strict):
    """A node with what hangs below it, in order."""

    id: str
    title: str = Field(examples=["Week 1"])
    published: bool
    state: State
    row_version: int
    item: str | None
    kind: str | None = Field(examples=["page"])
    item_title: str | None
    item_published: bool | None
    item_state: State | None
    children: list[TreeNode]


class Tree(_Strict):
    """The tree of a container."""

    nodes: list[TreeNode]


class VersionOut(_Strict):
    """That a row was at ``row_version`` until ``change`` replaced it."""

    row_version: int
    change: str = Field(examples=["edited"])
    actor: str = Field(examples=["user:019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"])
    at: datetime


class VersionList(_Strict):
    """Earlier versions, newest first."""

    items: list[VersionOut]
    next: str | None


class UndoIn(_Strict):
    """Which version to go back to; null: the one before the last change."""

    to: int | None = Field(None, ge=1)


class RunOut(_Strict):
    """A run of reading a connection, with its counts."""

    id: str
    connection: str
    generation: int
    state: Literal["running", "succeeded", "failed", "undone"]
    into: str | None
    counts: dict[str, Any] = Field(examples=[{"seen": 42, "written": 40, "quarantined": 2}])
    code: str | None
    reason: str | None
    cure: str | None
    actor: str
    seconds: float
    started_at: datetime
    finished_at: datetime | None


class QuarantineOut(_Strict):
    """A record that could not be used, and why."""

    id: str
    connection: str
    ref: str = Field(examples=["page:i-42"])
    code: str = Field(examples=["record_malformed"])
    reason: str
    run: str
    first_at: datetime
    last_at: datetime


class QuarantineList(_Strict):
    """A page of the quarantine."""

    items: list[QuarantineOut]
    next: str | None


class JobStarted(_Strict):
    """Work goes on in the background; ``/api/v1/jobs/{job}`` shows how far it is."""

    job: str = Field(examples=[_ID])
