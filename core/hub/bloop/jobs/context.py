"""A job that runs: its call, and its progress to report."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from bloop.jobs.ledger import Claim
from bloop.telemetry import traces
from bloop_sdk import Call, RetriableError
from bloop_sdk._masking import mask_text


class JobStoppedError(RetriableError):
    """The job was cancelled, or is somebody else's now; its handler should end."""

    code = "job_stopped"


class StopReason(enum.StrEnum):
    """Why a job should end before it is done."""

    CANCELLED = "it was cancelled"
    LOST = "another runner has it"
    STOPPING = "its runner stops"


class RunningJob:
    """What a handler of the hub is given. ``stopped`` is None while it may go on.

    Progress is kept here and written by the runner's next beat, so that reporting costs nothing.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.call = Call(
            claim.call.principal, claim.call.institution, traces.child(claim.call.trace)
        )
        self.stopped: StopReason | None = None
        self._progress: dict[str, Any] = {}

    @property
    def job(self) -> str:
        """The job's id."""
        return self.claim.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.claim.attempt

    def progress(
        self,
        done: int,
        total: int | None = None,
        message: str = "",
        *,
        until: datetime | None = None,
    ) -> None:
        """Report, with ``until`` when it lasts, if that is known.

        Raises :class:`JobStoppedError` when it was cancelled or lost its lease.
        """
        self.check()
        self._progress = {
            "progress_done": done,
            "progress_total": total,
            "progress_message": mask_text(message, 450)[:500] or None,
            "progress_until": until,
        }

    def check(self) -> None:
        """Raise :class:`JobStoppedError` when it should end."""
        if self.stopped is not None:
            raise JobStoppedError(f"this job should end: {self.stopped}")

    def take_progress(self) -> dict[str, Any]:
        """What was reported since the last time."""
        taken, self._progress = self._progress, {}
        return taken
