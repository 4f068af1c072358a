"""Search over all content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.http import json_response
from bloop.content.search.service import MOST, Asked

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1", tags=["content"])

LONGEST_QUERY = 500
_MARKS = Field(examples=[[[0, 14]]], description="Where the words stand: from, and up to")


class PassageOut(BaseModel):
    """Words that were found beside the text of an item: in what is said in its video.

    ``key`` says what the text is, ``plugin`` who says that it belongs to the item. ``moment_ms``
    are the milliseconds from the start at which they are said; the lesson's page opens there by
    ``#t=`` and the whole seconds.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    key: str = Field(examples=["transcript"])
    plugin: str = Field(examples=["studio"])
    moment_ms: int | None = Field(examples=[133000])
    excerpt: str
    excerpt_marks: list[tuple[int, int]] = _MARKS
    language: str | None = Field(examples=["en"])


class HitOut(BaseModel):
    """Something found: an item, a course or a notebook. ``course`` is its container's title.

    ``excerpt`` is plain text around the words; empty while what was indexed is being replaced.
    ``passage`` is there where the words stand in what belongs to an item beside its text.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    kind: str = Field(examples=["page"])
    title: str = Field(examples=["Photosynthesis"])
    title_marks: list[tuple[int, int]] = _MARKS
    excerpt: str
    excerpt_marks: list[tuple[int, int]] = _MARKS
    language: str | None = Field(examples=["en"])
    container: str
    course: str = Field(examples=["Biology"])
    passage: PassageOut | None


class HitList(BaseModel):
    """A page of what was found, best first; ``next`` asks for the one after it.

    ``corrected`` are the words that were found where nothing has those that were asked for.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[HitOut]
    next: str | None
    corrected: str | None = Field(examples=["photosynthesis"])


@router.get("/search", action="content:read", response_model=HitList, problems=(422,))
async def search(
    request: Request,
    q: Annotated[str, Field(max_length=LONGEST_QUERY)],
    kind: Annotated[str, Field(max_length=20)] = "",
    course: Annotated[str, Field(max_length=36)] = "",
    language: Annotated[str, Field(max_length=35)] = "",
    limit: Annotated[int, Field(ge=1, le=MOST)] = 20,
    cursor: Annotated[str, Field(max_length=100)] = "",
) -> Response:
    """What has all the words of ``q``, of what the caller may see.

    A word that ends in ``*`` begins others; where nothing has the words, what is spelt alike is
    found.
    """
    asked = Asked(text=q, kind=kind, course=course, language=language, limit=limit, cursor=cursor)
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    return json_response(await hub.searching.find(call, asked, drafts=may(call, "content:write")))
