"""The streams that ask for more than their list: bodies, questions, folders."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import quote

from bloop_canvas import audience, content, quizzes
from bloop_canvas.batches import Made, Name, named
from bloop_canvas.downloads import reader
from bloop_canvas.fields import flag, identifier, some
from bloop_canvas.paging import groups, together
from bloop_canvas.place import Place
from bloop_canvas.reading import Reading, Source, over, remembering
from bloop_sdk import (
    Batch,
    Cursor,
    File,
    Kind,
    MissingRecordError,
    PermissionMissingError,
    Record,
    Skipped,
    UnsupportedError,
)
from bloop_sdk.records import JSONObject

BODIES: dict[str, Any] = {"include[]": ["body"]}


def pages(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """The pages of a course with their bodies; their slugs are remembered for the modules."""
    facts = reading.facts(place)
    slugs: dict[str, str] = {}

    async def besides(items: Sequence[JSONObject]) -> str | None:
        _slugs_of(items, slugs)
        return None if _bare(items) else ""

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        made = Made()
        name = named(place, Kind.PAGE, "page_id", "id")
        bodies = await _bodies(reading, place, _bare(items))
        for item in items:
            found = bodies.get(id(item), item)
            if isinstance(found, Skipped):
                made.skipped.append(found)
            else:
                # Under the name that the list gives it: one that is fetched has another shape.
                made.take(_of(name, item), found, lambda one: [content.page(place, one)])
        yield made

    def remember() -> None:
        facts.slugs = slugs

    source = Source(f"courses/{place.course}/pages", BODIES, read, besides)
    batches = over(reading, [source], state, place.known)
    return remembering(batches, remember) if state is None else batches


def _of(name: Name, item: JSONObject) -> Name:
    return lambda _found: name(item)


def _bare(items: Sequence[JSONObject]) -> list[JSONObject]:
    """Pages that came without their bodies."""
    return [
        one
        for one in items
        if "body" not in one
        and "block_editor_attributes" not in one
        and not flag(one, "locked_for_user")
    ]


def _slugs_of(items: Sequence[JSONObject], slugs: dict[str, str]) -> None:
    for item in items:
        slug, number = item.get("url"), item.get("page_id", item.get("id"))
        # What is wrong with one that is no text, the maker of its record says.
        if slug and number is not None and isinstance(slug, str):
            slugs[slug.strip()] = str(number)


async def slugs_of(reading: Reading, place: Place) -> dict[str, str]:
    """Ids of pages by slug: as read before, or listed once more; none where that is refused."""
    facts = reading.facts(place)
    if facts.slugs is None:
        found: dict[str, str] = {}
        try:
            async for page in reading.api.pages(f"courses/{place.course}/pages"):
                _slugs_of(page.items, found)
        except (PermissionMissingError, UnsupportedError):
            found = {}
        facts.slugs = found
    return facts.slugs


async def _bodies(
    reading: Reading, place: Place, items: Sequence[JSONObject]
) -> dict[int, JSONObject | Skipped]:
    """Pages one by one, for a Canvas whose list holds no bodies; by the objects' identity."""
    found: dict[int, JSONObject | Skipped] = {}
    for group in groups(items):
        answers = await together([_whole_page(reading, place, item) for item in group])
        found |= {id(item): answer for item, answer in zip(group, answers, strict=True)}
    return found


async def _whole_page(reading: Reading, place: Place, item: JSONObject) -> JSONObject | Skipped:
    slug = some(item, "url")
    if slug is None:
        return item  # Whatever it is, the maker of records says what is wrong with it.
    try:
        return await reading.api.get(f"courses/{place.course}/pages/{quote(slug, safe='')}")
    except PermissionMissingError as err:
        code, reason = "record_forbidden", err.message
    except MissingRecordError as err:
        code, reason = err.code, err.message
    return Skipped(ref=named(place, Kind.PAGE, "page_id", "id")(item), reason=reason, code=code)


def all_quizzes(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """Classic quizzes with their questions."""

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        for group in groups(items):
            found = await together([questions_of(reading, place, item) for item in group])
            made = Made()
            for item, questions in zip(group, found, strict=True):
                make = partial(_quiz, place, questions)
                made.take(named(place, Kind.QUIZ), item, make)
            yield made

    return over(reading, [Source(f"courses/{place.course}/quizzes", {}, read)], state)


def _quiz(place: Place, questions: list[JSONObject] | None, item: JSONObject) -> list[Record]:
    return [quizzes.quiz(place, item, questions)]


async def questions_of(reading: Reading, place: Place, item: JSONObject) -> list[JSONObject] | None:
    """The questions of a quiz; None where they are refused, which a course is asked once."""
    facts = reading.facts(place)
    if item.get("id") is None or item.get("question_count") == 0:
        return []
    if "questions" in facts.refused:
        return None
    path = f"courses/{place.course}/quizzes/{identifier(item)}/questions"
    try:
        return [one async for page in reading.api.pages(path) for one in page.items]
    except PermissionMissingError:
        facts.refused.add("questions")
    except UnsupportedError:
        pass
    return None


async def files(
    reading: Reading, place: Place, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """The files of a course, each with its path in the course's folders."""
    folders, shut = await _folders(reading, place)

    def make(folder: str | None, item: JSONObject) -> list[Record]:
        return [file_of(reading, place, audience.in_folder(item, shut), folder)]

    async def read(items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        made = Made()
        for item in items:
            folder = folders.get(str(item.get("folder_id")))
            made.take(named(place, Kind.FILE), item, partial(make, folder))
        yield made

    batches = over(reading, [Source(f"courses/{place.course}/files", {}, read)], state)
    async with aclosing(batches):
        async for batch in batches:
            yield batch


async def _folders(reading: Reading, place: Place) -> tuple[dict[str, str], frozenset[str]]:
    try:
        pages_ = reading.api.pages(f"courses/{place.course}/folders")
        found = [one async for page in pages_ for one in page.items]
    except (PermissionMissingError, UnsupportedError):
        found = []
    names = {str(one.get("id")): str(one.get("full_name") or "") for one in found}
    return names, audience.shut_folders(found)


def file_of(reading: Reading, place: Place, item: JSONObject, folder: str | None) -> File:
    """A file that can be read, unless Canvas says that this credential may not."""
    locked = flag(item, "locked_for_user")
    return content.file(place, item, folder, None if locked else reader(reading.api, item))
