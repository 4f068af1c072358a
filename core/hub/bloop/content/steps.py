"""What is read, step by step, and which steps one transaction takes."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from bloop.content.positions import Reached
from bloop.content.sanitising import Cleaned
from bloop_sdk import Batch, Stream, records
from bloop_sdk.records import Record

_REMOTE_ID = attrgetter("remote_id")


@dataclass(frozen=True, slots=True)
class End:
    """That a partition is read; ``whole`` unless a part of it was given up."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Cleaning:
    """The HTML of records that another process cleans, in their order."""

    records: Sequence[Record]
    texts: asyncio.Future[Cleaned]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was read, or (``end``) that there is no more of a partition.

    ``kept`` is set once all before it is committed; ``cleaning`` is what of its records' HTML
    another process cleans.
    """

    stream: Stream
    place: str = ""
    batch: Batch = field(default_factory=Batch)
    end: End | None = None
    kept: asyncio.Event | None = None
    cleaning: Cleaning | None = None


def records_of(step: Step) -> int:
    """How many records a step brings, in whatever form."""
    return len(step.batch.records) + len(step.batch.skipped) + len(step.batch.deleted)


def tells_places(batch: Batch) -> bool:
    """Whether other containers may be known after it."""
    return bool(batch.skipped or batch.deleted or containers_of(batch))


def containers_of(batch: Batch) -> set[str]:
    """Remote ids of the containers in it."""
    return {one.remote_id for one in batch.records if isinstance(one, records.Container)}


def together(steps: Sequence[Step]) -> int:
    """How many of the first steps one transaction takes, as if they came one by one.

    They may be of several streams: what a record points at is written before it, whichever came
    first. What a batch takes away comes after its records, a record that comes again after its
    first; and the bytes of files are no longer on the way than a batch of them.
    """
    met: set[tuple[type[Record], str]] = set()
    for number, step in enumerate(steps):
        kinds = [*map(type, step.batch.records)]
        own = {*zip(kinds, map(_REMOTE_ID, step.batch.records), strict=True)}
        stands_alone = step.kept is not None or records.File in kinds
        if number and (stands_alone or met & own):
            return number
        if stands_alone or step.batch.skipped or step.batch.deleted:
            return number + 1
        met |= own
    return len(steps)


def cleaned_elsewhere(steps: Sequence[Step]) -> set[int]:
    """Records whose HTML another process cleans, by their identity."""
    return {id(record) for one in _cleanings(steps) for record in one.records}


async def cleaned(steps: Sequence[Step]) -> dict[int, str]:
    """The clean HTML of those, without what has not come."""
    return {
        id(record): html
        for one in _cleanings(steps)
        for record, html in zip(one.records, await one.texts, strict=True)
        if html is not None
    }


def _cleanings(steps: Sequence[Step]) -> list[Cleaning]:
    return [step.cleaning for step in steps if step.cleaning is not None]


def joined(steps: Sequence[Step]) -> Batch:
    """One batch that does what those of some steps do."""
    last = next((one.batch for one in reversed(steps) if one.end is None), Batch())
    found = tuple(record for step in steps for record in step.batch.records)
    return dataclasses.replace(last, records=found) if len(steps) > 1 else last


def reached(steps: Sequence[Step]) -> dict[str, Reached]:
    """Where the partitions of some steps stand after them."""
    found: dict[str, Reached] = {}
    for step in steps:
        before = found.get(step.place, Reached())
        found[step.place] = Reached(
            step.batch.cursor or before.cursor,
            complete=step.end is not None,
            whole=step.end is None or step.end.whole,
        )
    return found
