"""Reads Canvas's lists one after another, with a cursor behind each page."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from bloop_canvas.api import Api, Params
from bloop_canvas.batches import Made, Make, all_of, closed_by
from bloop_canvas.config import CanvasConfig
from bloop_canvas.facts import Facts
from bloop_canvas.paging import Page
from bloop_canvas.place import Place
from bloop_sdk import Batch, Cursor, Part
from bloop_sdk.records import JSONObject

CURSOR_VERSION = 1
LONGEST_KEY = 200
"""Characters of a part's key at most."""

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

    def place(self, course: str, known: Mapping[str, str] | None = None) -> Place:
        """A course."""
        return Place(self.config.base, course, known or {})

    def facts(self, place: Place) -> Facts:
        """What is remembered of a course."""
        return self.places.setdefault(place.course, Facts())


@dataclass(frozen=True, slots=True)
class Source:
    """One list of Canvas, and what becomes of its objects.

    ``besides`` tells what their records are made of besides the page that they stand in, None
    where more is asked for; where there is none, no page is known again. What is known again goes
    to ``passed`` only.
    """

    path: str
    params: Params
    read: Read
    besides: Callable[[Sequence[JSONObject]], Awaitable[str | None]] | None = None
    passed: Callable[[Sequence[JSONObject]], Awaitable[None]] | None = None


async def nothing(_items: Sequence[JSONObject]) -> str:
    """For records that are made of their page alone."""
    return ""


def each(name: Callable[[JSONObject], str], make: Make) -> Read:
    """Objects that become records without anything else being asked for."""

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        yield all_of(items, name, make)

    return read


async def over(
    reading: Reading,
    sources: Iterable[Source],
    state: Cursor | None,
    known: Mapping[str, str] | None = None,
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
                part, start = await _part(reading, source, number, start, page), page.next
                at = {"list": number + (page.next is None), "next": page.next}
                end = Batch(cursor=Cursor(at, CURSOR_VERSION), part=part)
                if part is not None and known and known.get(part.key) == part.digest:
                    done += len(page.items)
                    if source.passed is not None:
                        await source.passed(page.items)
                    yield replace(end, same=True, done=done)
                    continue
                async for batch in closed_by(_batches(source.read, page.items), end):
                    done += len(batch.records)
                    yield replace(batch, done=done)


async def _part(
    reading: Reading, source: Source, number: int, link: str | None, page: Page
) -> Part | None:
    """A page as a part, where its records are made of it alone."""
    besides = await source.besides(page.items) if source.besides is not None else None
    if besides is None:
        return None
    digest = hashlib.sha256(f"{page.hash} {reading.config.base} {besides}".encode()).hexdigest()
    return Part(_key(number, link), digest)


def _key(number: int, link: str | None) -> str:
    """A page's name in its stream: its link on this Canvas, unless that is too long for a name."""
    if link is None:
        return f"{number}-first"
    key = f"{number}-{urlsplit(link)._replace(scheme='', netloc='').geturl()}"
    if len(key) > LONGEST_KEY:
        key = f"{number}-{hashlib.sha256(key.encode()).hexdigest()}"
    return key


def links_of_keys(keys: Iterable[str]) -> list[str]:
    """Where pages stood whose keys these are, in the likely order: page 9 before page 10."""
    links = [link for key in keys if (link := key.partition("-")[2]).startswith("/")]
    return sorted(links, key=lambda link: (len(link), link))


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
