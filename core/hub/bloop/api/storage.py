"""What is stored, by area, plugin and course: counted now and then, never while somebody waits."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import job_started, json_response
from bloop.accounts.people.routes import run
from bloop.content.schemas import JobStarted

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/storage", tags=["operations"])


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class ShareOut(_Out):
    """Some of the files."""

    name: str = Field(
        description="A kind (`lessons`, `versions`, `plugins`, `jobs`), a plugin's id (empty: made "
        "in the hub), or a course's title (empty: all others, and what is somebody's own)"
    )
    count: int
    bytes: int
    id: str | None = Field(description="Of the course")


class FilesOut(_Out):
    """Files. What two refer to counts with each of them, and once in all."""

    count: int
    bytes: int
    kinds: list[ShareOut]
    plugins: list[ShareOut]
    courses: list[ShareOut] = Field(description="The 20 largest, and the others together")


class RowsOut(_Out):
    """Rows of an area, or of a plugin's tables."""

    name: str
    plugin: bool
    rows: int


class OwnOut(_Out):
    """What the institution stores."""

    counted_at: datetime
    files: FilesOut
    areas: list[RowsOut]


class SizedOut(_Out):
    """A table with its indexes."""

    name: str
    bytes: int | None = Field(description="Null where the database does not tell")
    rows: int


class AreaOut(SizedOut):
    """The tables of a domain, or of a plugin, installed or not."""

    plugin: bool
    tables: list[SizedOut]


class TenantOut(_Out):
    """What of the hub one institution takes; files that several hold count with each."""

    id: str
    name: str
    rows: int
    files: int
    bytes: int


class FreeOut(_Out):
    """What a sweep would remove: files that nothing refers to, and rows that say who holds them."""

    holds: int
    files: int
    bytes: int


class WholeOut(_Out):
    """The whole hub; sizes in bytes."""

    counted_at: datetime
    database_bytes: int
    unused_bytes: int = Field(description="Pages of the database that it will fill again")
    disk_bytes: int = Field(description="Free where the files lie")
    files: int = Field(description="Files on the disk, each once")
    file_bytes: int
    areas: list[AreaOut]
    institutions: list[TenantOut] = Field(description="The 50 largest")
    free: FreeOut


class StorageOut(_Out):
    """What was counted last; null where nothing was yet. `hub` is for operators alone."""

    institution: OwnOut | None
    hub: WholeOut | None


@router.get("", action="storage:read", response_model=StorageOut)
async def show_storage(request: Request) -> Response:
    """What was counted last, of the institution and, for operators, of the hub."""
    from bloop.hub.storage.service import counted

    return json_response(await counted(cast("Hub", hub_of(request)), call_of(request)))


@router.post("/count", action="storage:count", status_code=202, response_model=JobStarted)
async def count_storage(request: Request) -> Response:
    """Count anew: the institution, or the whole hub for operators. One job at a time."""
    from bloop.hub.storage.service import ask_for_count

    return job_started(await run(request, ask_for_count, enqueue=hub_of(request).jobs.enqueue))


@router.post("/free", action="storage:free", status_code=202, response_model=JobStarted)
async def free_storage(request: Request) -> Response:
    """Remove files of the whole hub that nothing has referred to for `[limits] sweep_hours`."""
    from bloop.hub.storage.service import ask_to_free

    return job_started(await run(request, ask_to_free, enqueue=hub_of(request).jobs.enqueue))
