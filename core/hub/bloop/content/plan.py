"""What is still to be read, partition by partition, and what is asked for before its turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple

from bloop.content.options import RunOptions
from bloop.content.positions import BEGINNING, Position
from bloop_sdk import Cursor, Foreseeing, Partition, Stream
from bloop_sdk.providers.content import ContentProvider

AT_ONCE = 3
"""So many partitions a provider is told of: that which is read now, and those that follow."""


class Left(NamedTuple):
    """A partition that is not read to its end; ``place`` is a container's remote id, or empty."""

    stream: Stream
    place: str
    cursor: Cursor | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The streams of a run, and where they stood when this attempt at it began.

    ``met`` are the parts that the last run has met, by stream and container: digests by keys.
    """

    streams: Sequence[Stream]
    options: RunOptions
    positions: Mapping[tuple[str, str], Position]
    met: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def left(self, streams: Iterable[Stream], places: Sequence[str]) -> Iterator[Left]:
        """What there is to read of some streams, those that are partitioned in some containers."""
        for stream in streams:
            goes_on = stream.incremental and not self.options.full
            for place in places if stream.partitioned else [""]:
                at = self.positions.get((stream.name, place), BEGINNING)
                if not at.complete:
                    yield Left(stream, place, at.cursor if at.mine or goes_on else None)

    def chosen(self, places: Iterable[str]) -> list[str]:
        """Those of some containers that are read."""
        chosen = self.options.containers
        return [place for place in places if chosen is None or place in chosen]

    def tell(
        self,
        provider: ContentProvider,
        places: Sequence[str],
        now: Iterable[Left] = (),
        after: Stream | None = None,
    ) -> None:
        """Tell a provider what it reads now and next: what stands at its beginning."""
        if not isinstance(provider, Foreseeing):
            return
        number = self.streams.index(after) + 1 if after is not None else 0
        following = chain(now, self.left(self.streams[number:], places))
        fresh = (one for one in following if one.place and one.cursor is None)
        places_of = ((one.stream.name, one.place) for one in islice(fresh, AT_ONCE))
        provider.ahead([Partition(*place, self.met.get(place, {})) for place in places_of])
