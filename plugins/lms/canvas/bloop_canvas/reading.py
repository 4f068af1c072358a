"""Reads Canvas's lists one after another, with a cursor behind each page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from bloop_canvas.api import Api, Params
from bloop_canvas.batches import Made, Make, all_of, closed_by
from bloop_canvas.config import CanvasConfig
from bloop_canvas.facts import Facts
from bloop_canvas.place import Place
from bloop_sdk import Batch, Cursor
from bloop_sdk.records import JSONObject

CURSOR_VERSION = 1

Read = Callable[[Sequence[JSONObject]], AsyncGenerator[Made, None]]
"""What becomes of the objects of a page, in parts."""


@dataclass(slots=True)
class Reading:
    """One provider's reading: the way to Canvas, and what is remembered for later streams."""

    api: Api
    config: CanvasConfig
    places: dict[str, Facts] = field(default_factory=dict)
    people: set[str] = field(default_factory=set)
    """Who has been yielded: somebody in many courses is written once."""

    def place(self, course: str) -> Place:
        """A course."""
        return Place(self.config.base, course)

    def facts(self, place: Place) -> Facts:
        """What is remembered of a course."""
        return self.places.setdefault(place.course, Facts())


@dataclass(frozen=True, slots=True)
class Source:
    """One list of Canvas, and what becomes of its objects."""

    path: str
    params: Params
    read: Read


def each(name: Callable[[JSONObject], str], make: Make) -> Read:
    """Objects that become records without anything else being asked for."""

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        yield all_of(items, name, make)

    return read


async def over(
    reading: Reading, sources: Iterable[Source], state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """Lists in their order, page by page, from where a cursor stands."""
    value = state.value if state is not None else {}
    begin, link = int(value.get("list", 0)), value.get("next")
    done = 0
    for number, source in enumerate(sources):
        if number < begin:
            continue
        start = link if number == begin else None
        pages = reading.api.pages(source.path, source.params, start=start)
        async with aclosing(pages):
            async for page in pages:
                at = {"list": number + (page.next is None), "next": page.next}
                made = _batches(source.read, page.items)
                async for batch in closed_by(made, Cursor(at, CURSOR_VERSION)):
                    done += len(batch.records)
                    yield Batch(
                        records=batch.records,
                        skipped=batch.skipped,
                        cursor=batch.cursor,
                        done=done,
                    )


async def _batches(read: Read, items: Sequence[JSONObject]) -> AsyncGenerator[Batch, None]:
    async with aclosing(read(items)) as parts:
        async for made in parts:
            for batch in made.batches():
                yield batch


async def remembering(
    batches: AsyncGenerator[Batch, None], remember: Callable[[], None]
) -> AsyncGenerator[Batch, None]:
    """Batches, and at their end a note of what later streams ask for."""
    async with aclosing(batches):
        async for batch in batches:
            yield batch
    remember()
