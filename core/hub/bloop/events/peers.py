"""Which processes follow the log, and to whom a partition with much to do is left.

A hint, so that several processes share the work: what is certain are the lock and the lease of the
partition's row, which anybody may take.
"""

from __future__ import annotations

import time
import zlib
from datetime import timedelta

from sqlalchemy import bindparam, select

from bloop.events.positions import Partition
from bloop.jobs.owners import is_dead
from bloop.kernel.models import HubProcess
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime, utcnow
from bloop_sdk import Call

LOOK_SECONDS = 5.0
"""How long it is known who they are; nobody asks while there is little to do."""
SILENT_SECONDS = 20.0
"""A process says every five seconds that it lives; after four that it missed it gets no share."""

FOLLOWING = register(
    "events.following",
    select(HubProcess.lease_owner).where(
        HubProcess.beat_at > bindparam("since", type_=UtcDateTime),
        HubProcess.kind != "worker",
        HubProcess.lease_owner.is_not(None),
        institution == EVERY_INSTITUTION,
    ),
    heavy=True,
)
"""The living processes that have consumers."""


class Peers:
    """The processes that follow the log, as far as this one (``owner``) knows."""

    def __init__(self, database: Database, call: Call, owner: str) -> None:
        self._database = database
        self._call = call
        self._owner = owner
        self._known: list[str] = []
        self._looked = float("-inf")

    async def others(self, partition: Partition) -> bool:
        """Whether a partition falls to another process: each has as many of a consumer's."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            since = utcnow() - timedelta(seconds=SILENT_SECONDS)
            rows = await self._database.read(FOLLOWING, self._call, since=since)
            self._known = sorted({owner for (owner,) in rows})
            self._looked = time.monotonic()
        alive = [one for one in self._known if not is_dead(one)]
        if self._owner not in alive:
            return False
        turn = zlib.crc32(partition.consumer.encode()) + partition.number
        return alive[turn % len(alive)] != self._owner
