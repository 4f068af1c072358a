"""Live events: what happens in the hub, and how far a job is, as server-sent events."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.http import json_response
from bloop.api.event_stream import EventStream
from bloop.api.jobs import own_job
from bloop.hub.catalogue import catalogue, described
from bloop.hub.listeners import EventListener, Listener, frame
from bloop.hub.live import BEAT_SECONDS, Live
from bloop.jobs.models import OVER
from bloop.jobs.queries import JOB
from bloop.store.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from bloop.hub import Hub

JOB_SECONDS = 0.5
"""How often a job is looked at for somebody who follows it; its row is written once a second."""
MOST_TOPICS = 20

_TOPIC = re.compile(r"[a-z][a-z0-9_.]*\*?|\*")
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events; the connection stays open",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}

router = Router(prefix="/api/v1", tags=["events"])


class TopicOut(BaseModel):
    """What an event of a topic tells; ``schema`` is the JSON Schema of its payload."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    topic: str = Field(examples=["content.item.updated"])
    when: str
    aggregate: str = Field(description="The kind of what it happened to", examples=["item"])
    since: str
    version: int = Field(description="The payload's")
    action: str = Field(description="What one must be allowed to do to follow it live")
    shown: bool = Field(description="Learners and guests follow it too, for what they may see")
    personal: list[str] = Field(description="The fields that say something of a person")
    schema_: dict[str, Any] = Field(alias="schema")
    example: dict[str, Any]


class TopicList(BaseModel):
    """The event catalogue."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[TopicOut]


@router.get("/events", action="events:watch", deadline=None, responses=_STREAM, response_model=None)
async def follow_events(
    request: Request,
    topics: Annotated[str, Field(max_length=500)] = "",
    after: Annotated[str, Field(max_length=60)] = "",
) -> Response:
    """Follow what happens: each event is a CloudEvent, as far as the caller may see it.

    ``topics`` are names or beginnings with ``*``, separated by commas. ``Last-Event-ID`` (or
    ``after``) goes on where an earlier stream ended; an event named ``reset`` says that this can't
    be done without a gap.
    """
    wanted = _topics(topics)
    listener = EventListener(call_of(request), request.scope.get("bloop.token"), wanted)
    live = _live(request)
    place = request.headers.get("last-event-id") or after
    return _stream(request, live, listener, live.frames(listener, place))


@router.get("/events/catalogue", action="events:watch", response_model=TopicList)
async def show_catalogue(request: Request) -> Response:
    """The topics of events that the caller may follow."""
    call = call_of(request)
    topics = [one for one in catalogue() if one.shown or may(call, one.action)]
    return json_response({"items": [described(topic) for topic in topics]})


@router.get(
    "/jobs/{job_id}/events",
    action="jobs:read",
    also=own_job,
    deadline=None,
    responses=_STREAM,
    response_model=None,
    problems=(404,),
)
async def follow_job(request: Request, job_id: str) -> Response:
    """Follow a job until it is over: each event is the job, whenever it has changed."""
    row = await hub_of(request).database.read_one(JOB, call_of(request), id=job_id)
    if row is None:
        raise NotFoundError(f"no job {job_id[:40]}")
    known = request.headers.get("last-event-id", "")
    job = JOB.as_dict(row)
    if job["state"] in OVER and known == str(job["row_version"]):
        return Response(status_code=204)  # Which tells an EventSource not to come again.
    listener = Listener(call_of(request), request.scope.get("bloop.token"))
    live = _live(request)
    return _stream(request, live, listener, _job_frames(request, live, listener, job_id, known))


async def _job_frames(
    request: Request, live: Live, listener: Listener, job_id: str, known: str
) -> AsyncGenerator[bytes, None]:
    sent = time.monotonic()
    with live.listening(listener):
        while True:
            row = await hub_of(request).database.read_one(JOB, listener.call, id=job_id)
            if row is None:
                return
            job = JOB.as_dict(row)
            version = str(job["row_version"])
            if version != known:
                known, sent = version, time.monotonic()
                yield frame(job, id=version)
            elif time.monotonic() - sent >= BEAT_SECONDS:
                sent = time.monotonic()
                yield frame()
            if job["state"] in OVER:
                return
            await asyncio.sleep(JOB_SECONDS)


def _stream(
    request: Request, live: Live, listener: Listener, frames: AsyncGenerator[bytes, None]
) -> Response:
    if request.method == "HEAD":
        return Response(media_type=EventStream.media_type)
    live.admit()
    return EventStream(listener, frames)


def _live(request: Request) -> Live:
    hub: Hub = request.scope["bloop.hub"]
    return hub.live


def _topics(given: str) -> tuple[str, ...]:
    """The topics that a caller names; raises InvalidError."""
    named = tuple(part for part in (one.strip() for one in given.split(",")) if part)
    for name in named:
        if _TOPIC.fullmatch(name) is None:
            raise InvalidError(
                f"topics: {name[:80]!r} is no topic",
                field="topics",
                cure="name topics, or their beginnings with *, like content.item.*",
            )
    if len(named) > MOST_TOPICS:
        raise InvalidError(f"topics: more than {MOST_TOPICS}", field="topics")
    return named
