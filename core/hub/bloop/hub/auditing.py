"""The audit log of a hub that serves: anchored now and then, and cut where it is to be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.store.audit.anchors import Anchor, Anchors
from bloop.store.audit.keeping import Cut, anchor, cut
from bloop.store.audit.verifying import Fault, Report, verify
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.tasks import end_tasks, in_thread_to_its_end
from bloop.telemetry.logs import get_logger

if TYPE_CHECKING:
    from pathlib import Path

    from bloop.hub import Hub

CUT_SECONDS = 86400.0

log = get_logger("bloop.audit")


@dataclass(frozen=True, slots=True)
class Standing:
    """Up to which line a chain was found whole, and when; what is wrong since, if anything."""

    seq: int
    at: str | None
    fault: str | None


class Auditing:
    """Checks and anchors what was added, every few minutes, and cuts old lines once a day."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._settings = hub.config.value.audit
        self.anchors = Anchors(hub.config.value.hub.data_dir / "audit")
        self._faults: dict[str, Fault] = {}
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in this event loop."""
        self._loops = [
            asyncio.create_task(
                self._forever(self.anchor, self._settings.anchor_seconds), name="audit-anchor"
            )
        ]
        if self._settings.keep_days is not None:
            task = self._forever(self.cut, CUT_SECONDS)
            self._loops.append(asyncio.create_task(task, name="audit-cut"))

    async def stop(self) -> None:
        """End, with an anchor of what is there now."""
        running, self._loops = self._loops, []
        await end_tasks(running)
        if running:
            with contextlib.suppress(Exception):  # The database may be what is gone.
                await in_thread_to_its_end(self.anchor)

    def standing(self, institution: str) -> Standing:
        """How far the chain of an institution is known to be whole."""
        known, fault = self.anchors.newest(institution), self._faults.get(institution)
        reason = f"line {fault.seq} {fault.reason}" if fault else None
        return Standing(known.seq if known else 0, known.at if known else None, reason)

    def anchor(self) -> tuple[list[Anchor], list[Fault]]:
        """Check what came since the last anchors, and write down new ones."""
        call = system_call(EVERY_INSTITUTION)
        made, faults = anchor(self._hub.database, self.anchors, call, self._chains())
        self._faults = {fault.institution: fault for fault in faults}
        return made, faults

    def cut(self, days: float | None = None) -> list[Cut]:
        """Remove lines older than so many days; by default, than the setting says."""
        keep = self._settings.keep_days if days is None else days
        if keep is None:
            return []
        self.anchor()
        before = utcnow() - timedelta(days=keep)
        call = system_call(EVERY_INSTITUTION)
        return cut(self._hub.database, self.anchors, call, self._chains(), before)

    def verify(
        self,
        file: Path | None = None,
        told: Callable[[int, int], None] = lambda *_: None,
        *,
        of: str | None = None,
    ) -> Report:
        """Check all of it, or one institution's; against the anchors in ``file``, if named."""
        anchors = Anchors(self.anchors.folder, file) if file else self.anchors
        call = system_call(of or EVERY_INSTITUTION)
        return verify(self._hub.database, anchors, call, of=of, told=told)

    def _chains(self) -> list[str]:
        rows = self._hub.database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
        return [*(str(row[0]) for row in rows), EVERY_INSTITUTION]

    async def _forever(self, step: Callable[[], object], seconds: float) -> None:
        while True:
            try:
                await in_thread_to_its_end(step)
            except Exception as err:
                log.warning("audit: not anchored or cut", step=step.__name__, exc_info=err)
            await asyncio.sleep(seconds)
