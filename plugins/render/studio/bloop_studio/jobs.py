"""The stages of a video, each a job: storyboard, speech, scenes beside each other, one file.

Each stage leaves what it made under a name that says what it was made from, and asks for the next
one in the transaction that ends it. So a stage that is killed makes only what is missing.
"""

from __future__ import annotations

import errno
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bloop_sdk import (
    BloopError,
    CallContext,
    FatalError,
    Item,
    JobContext,
    Unit,
    gettext_noop,
)
from bloop_sdk.storyboard import Storyboard
from bloop_studio import endings, finding, videos
from bloop_studio.endings import FULL
from bloop_studio.options import Options
from bloop_studio.tables import Video

JobPayload = dict[str, Any]
STOPPED = "job_stopped"
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
TELL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """A video that a job works on."""

    ctx: JobContext
    video: Video
    item: Item

    @property
    def options(self) -> Options:
        """What it is made with."""
        return Options.model_validate(self.video.options)

    @property
    def storyboard(self) -> Storyboard:
        """What is drawn."""
        return Storyboard.model_validate(self.video.storyboard)

    async def tell(self, **values: Any) -> None:
        """Say how far it is."""
        await self.ctx.transaction(videos.progress, self.video.id, self.video.round, **values)

    def teller(self, message: str) -> Callable[[int, int], Awaitable[None]]:
        """Says how much is done of how much, now and then."""
        last = 0.0

        async def told(done: int, total: int) -> None:
            nonlocal last
            self.ctx.progress(done, total, message)
            if time.monotonic() - last > TELL_SECONDS or done == total:
                last = time.monotonic()
                await self.tell(done=done, total=total, message=message)

        return told


Stage = Callable[[Work, JobPayload], Awaitable[dict[str, Any]]]
Handler = Callable[[JobContext, JobPayload], Awaitable[dict[str, Any]]]


def stage(*states: str) -> Callable[[Stage], Handler]:
    """A job's handler: finds its video, and says there why it can't go on.

    A video that was removed, asked for anew meanwhile, or is past these ``states`` is left alone:
    a job comes twice where its process was killed after the transaction that ended the stage.
    """

    def made(function: Stage) -> Handler:
        @functools.wraps(function)
        async def handler(ctx: JobContext, payload: JobPayload) -> dict[str, Any]:
            video = await ctx.read(videos.one, payload["video"])
            if video is None or video.round != payload["round"]:
                return {"skipped": "this video was removed or asked for anew"}
            if video.state not in states:
                return {"skipped": f"this video is {video.state} already"}
            try:
                work = Work(ctx, video, await ctx.content.item(video.item_id))
                return await function(work, payload)
            except Exception as err:
                await _tell_failure(ctx, video, err)
                raise

        return handler

    return made


async def _tell_failure(ctx: JobContext, video: Video, err: Exception) -> None:
    """Note a failure where people look; the ledger decides whether there is another try."""
    told = _full(err) or (err if isinstance(err, BloopError) else _crash(err))
    if told.code == STOPPED:
        return
    if ctx.is_final(err):
        await ctx.transaction(videos.fail, video.id, video.round, told)
    else:
        waits = gettext_noop("tried again: {why}").format(why=told.message)[:200]
        await ctx.transaction(videos.progress, video.id, video.round, message=waits)


def _full(err: Exception) -> FatalError | None:
    """A full disk, whether the hub, a renderer or our own code met it; None for anything else."""
    if isinstance(err, OSError) and err.errno in NO_SPACE:
        message = gettext_noop("the disk is full: {file}").format(file=err.filename or err)
    elif isinstance(err, BloopError) and err.code == FULL:
        message = err.message
    else:
        return None
    return FatalError(message, code=FULL, cure=endings.ROOM)


def _crash(err: Exception) -> FatalError:
    return FatalError(
        gettext_noop("it broke off: {why}").format(why=f"{type(err).__name__}: {err}")[:300],
        code="job_crashed",
        cure=gettext_noop("see the hub's log for where it happened"),
    )


async def next_stage(work: Work, state: str, enqueue: Callable[[Unit], str], **values: Any) -> None:
    """End a stage: what it found, and the job that ends the next one, in one transaction.

    The second time it does nothing.
    """
    mine = work.video.id, work.video.round

    def end(unit: Unit) -> None:
        if videos.progress(
            unit, *mine, at=(work.video.state,),
            state=state, done=0, total=0, message="", **values,
        ):  # fmt: skip
            videos.progress(unit, *mine, job_id=enqueue(unit))

    await work.ctx.transaction(end)


async def mend(ctx: CallContext, _payload: JobPayload) -> dict[str, int]:
    """Note which videos will never be made, and say so; whoever looks has seen it since.

    What is said in videos of an earlier version is brought to search.
    """
    making = await ctx.read(videos.in_the_making)
    failed = 0
    for id_ in making:
        failed += await ctx.transaction(videos.note_ending, id_)
    return {"failed": failed, "found": await finding.catch_up(ctx)}
