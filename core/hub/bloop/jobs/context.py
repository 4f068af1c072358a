"""What a job's handler is given: a plugin's context, its call, and progress to report."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bloop.jobs.ledger import Claim
from bloop_sdk import Call, HttpClient, PluginConfig, PluginContext, RetriableError
from bloop_sdk.plugin import KeyValueStore, Logger

P = ParamSpec("P")
T = TypeVar("T")


class JobStoppedError(RetriableError):
    """The job was cancelled, or is somebody else's now; its handler should end."""

    code = "job_stopped"


class StopReason(enum.StrEnum):
    """Why a job should end before it is done."""

    CANCELLED = "it was cancelled"
    LOST = "another runner has it"
    STOPPING = "its runner stops"


class RunningJob:
    """A :class:`bloop_sdk.JobContext`. ``stopped`` is None while it may go on.

    Progress is kept here and written by the runner's next beat, so that reporting costs nothing.
    """

    def __init__(
        self,
        claim: Claim,
        call: Call,
        plugin: PluginContext,
        store: Callable[[], KeyValueStore],
        http: Callable[[], HttpClient],
    ) -> None:
        self.claim = claim
        self.stopped: StopReason | None = None
        self._call = call
        self._plugin = plugin
        self._store = store
        self._http = http
        self._progress: dict[str, Any] = {}

    @property
    def job(self) -> str:
        """The job's id."""
        return self.claim.id

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self.claim.attempt

    @property
    def call(self) -> Call:
        """For whom, and as part of which trace."""
        return self._call

    @property
    def plugin_id(self) -> str:
        """The id of the plugin whose job it is."""
        return self._plugin.plugin_id

    @property
    def config(self) -> PluginConfig:
        """The plugin's settings."""
        return self._plugin.config

    @property
    def log(self) -> Logger:
        """The plugin's log; its lines carry the job's id."""
        return self._plugin.log

    @property
    def data_dir(self) -> Path:
        """The plugin's folder."""
        return self._plugin.data_dir

    @property
    def http(self) -> HttpClient:
        """The one way out."""
        return self._http()

    @property
    def store(self) -> KeyValueStore:
        """Small state of the plugin in this institution."""
        return self._store()

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in a thread."""
        return await self._plugin.run_sync(function, *args, **kwargs)

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Report; raises :class:`JobStoppedError` when it was cancelled or lost its lease."""
        self.check()
        self._progress = {
            "progress_done": done,
            "progress_total": total,
            "progress_message": message[:500] or None,
        }

    def check(self) -> None:
        """Raise :class:`JobStoppedError` when it should end."""
        if self.stopped is not None:
            raise JobStoppedError(f"this job should end: {self.stopped}")

    def take_progress(self) -> dict[str, Any]:
        """What was reported since the last time."""
        taken, self._progress = self._progress, {}
        return taken
