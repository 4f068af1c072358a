"""What became of videos whose job has ended without them: cancelled, lost, or never begun.

A job tells its video of its own failure. One that is cancelled, killed too often, or refused before
its first line runs can't: the ledger knows, and is asked wherever a video is looked at.
"""

from __future__ import annotations

from typing import Any

from bloop_sdk import JobView, Unit, gettext_noop
from bloop_studio.tables import STAGES, Video

AFTER = "job_after_failed"
LOST = "job_lost"
FULL = "store_full"
"""The code of a full disk, whoever met it: it is tried again, and no scene is to blame."""
ANEW = gettext_noop("make the video again: what is there already is used")
ROOM = gettext_noop("free some space, then make the video again: what is there already is used")
CURES = {
    LOST: gettext_noop(
        "see the hub's log for what ended that process, then make the video again: what is there "
        "already is used"
    ),
    FULL: ROOM,
}


def of(unit: Unit, video: Video) -> dict[str, Any] | None:
    """Why a video that is being made never will be, as its ``error``; None while it goes on."""
    if video.state not in STAGES:
        return None
    job = unit.job(video.job_id) if video.job_id else None
    if job is None:
        message = gettext_noop("the hub has forgotten its job")
        return {"code": "job_gone", "message": message, "cure": ANEW}
    return _told(_cause(unit, job)) if job.lost else None


def seen(unit: Unit, video: Video) -> Video:
    """A video as it truly is; one that has failed since it was written says so, unwritten."""
    error = of(unit, video)
    if error is not None:
        unit.session.expunge(video)
        video.state, video.error = "failed", error
    return video


def _cause(unit: Unit, job: JobView) -> JobView:
    """The job for which this one was cancelled, or itself."""
    error = job.error or {}
    before = unit.job(error["job"]) if error.get("code") == AFTER and "job" in error else None
    return before if before is not None and before.lost else job


def _told(job: JobView) -> dict[str, Any]:
    error = job.error or {}
    if job.state == "cancelled":
        message = gettext_noop("its job “{kind}” was cancelled").format(kind=job.kind)
        return {"code": "job_cancelled", "message": message, "cure": ANEW}
    code = error.get("code", "job_failed")
    why = error.get("message", gettext_noop("nobody knows why"))
    message = gettext_noop("its job “{kind}” failed: {why}").format(kind=job.kind, why=why)
    cure = CURES.get(code) or error.get("cure") or ANEW
    return {"code": code, "message": message[:500], "cure": cure}
