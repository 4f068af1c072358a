"""What a run may do, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bloop.content.sanitising import SanitiserProcess
from bloop_sdk import Deletes, Stream, records
from bloop_sdk.records import CONTAINER_KINDS, Record

FILE_LIMIT = 2 * 1024**3
"""The largest file whose bytes are taken, in bytes, where the settings name no other."""

Progress = Callable[[int, int | None, str], None]
"""``(done, total, message)``, after each commit; may raise to stop the run."""


class Meter(Protocol):
    """Counts what went out for a connection."""

    @property
    def requests(self) -> int:
        """Requests so far."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run may do. ``source`` and ``into`` are of an imported file: see ``imports``.

    ``streams`` and ``containers`` (remote ids) are what is read of the system, None for all;
    ``full`` reads from the beginning also where only what has changed could be asked for.
    ``version`` is the plugin's: another one makes its records anew. ``sanitiser`` cleans much HTML
    of a first run; without it the hub's own process does.
    """

    source: str | None = None
    into: str | None = None
    confirm_deletes: bool = False
    file_limit: int = FILE_LIMIT
    full: bool = False
    streams: frozenset[str] | None = None
    containers: frozenset[str] | None = None
    version: str = ""
    sanitiser: SanitiserProcess | None = None

    def chosen(self, streams: Sequence[Stream]) -> list[Stream]:
        """The streams that are read; those of containers always are, as all else stands in them.

        A full reading lists everything, also of what else tells of deletions as they happen.
        """
        chosen = [
            stream
            for stream in streams
            if self.streams is None or stream.name in self.streams or stream.kinds & CONTAINER_KINDS
        ]
        if not self.full:
            return chosen
        listed = Deletes.ENUMERATE
        return [
            replace(one, deletes=listed) if one.deletes is Deletes.TOMBSTONE else one
            for one in chosen
        ]

    def left_out(self, record: Record) -> bool:
        """Whether a record is, or stands in, a container that was not chosen."""
        if self.containers is None:
            return False
        is_one = isinstance(record, records.Container)
        place = record.remote_id if is_one else getattr(record, "container", None)
        return place is not None and place not in self.containers
