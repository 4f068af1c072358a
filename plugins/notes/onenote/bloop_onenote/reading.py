"""Reading notebooks: their tree and pages first, then contents one by one, over hours if need be.

A run may ask 400 times an hour. So of a page whose title and time are those of the last run nothing
is asked, and a cursor goes with each page that was read: who comes later goes on behind it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from datetime import timedelta

from bloop_onenote.api import OneNote, Page
from bloop_onenote.begun import Begun
from bloop_onenote.graph.client import GraphError
from bloop_onenote.links import Links
from bloop_onenote.records import (
    Listed,
    Made,
    Place,
    container,
    listed,
    make,
    page_node,
    place_node,
    places,
    when,
)
from bloop_sdk import (
    Batch,
    Cursor,
    Deletes,
    ForbiddenRecordError,
    Kind,
    MissingRecordError,
    Part,
    Partition,
    PermissionMissingError,
    Ref,
    SkippableError,
    Skipped,
    Stream,
)
from bloop_sdk.records import JSONObject, Record

NOTEBOOKS = Stream(name="notebooks", kinds=frozenset({Kind.NOTEBOOK}), deletes=Deletes.ENUMERATE)
PAGES = Stream(
    name="pages",
    kinds=frozenset({Kind.MODULE, Kind.NOTE, Kind.FILE}),
    deletes=Deletes.ENUMERATE,
    partitioned=True,
)
CURSOR_VERSION = 1
_BEGINNING: JSONObject = {"section": "", "page": "", "done": 0, "total": None, "unmet": None}
"""A cursor's value; ``unmet`` is what could not be read before it, with its reason and code."""
_NODES = 200
_FILES = 20
"""Files of one commit, so that a page of hundreds gets on although its reading ends early."""
_DEEPEST = 30
_UNSETTLED = timedelta(minutes=2)
"""What was changed so shortly before it was read may have been changed again in the same second."""
_LOCKED = "10004"


class Reading:
    """One run's view of the notebooks."""

    def __init__(self, onenote: OneNote, links: Links, begun: Begun) -> None:
        self.onenote = onenote
        self.links = links
        self.begun = begun
        self._notebooks: dict[str, JSONObject] | None = None
        self._pages: dict[str, list[Listed] | ForbiddenRecordError] = {}

    async def notebooks(self) -> dict[str, JSONObject]:
        """The notebooks by their ids, asked for once."""
        if self._notebooks is None:
            found = {container(one).remote_id: one for one in await self.onenote.notebooks()}
            self._notebooks = found
        return self._notebooks

    async def containers(self) -> AsyncGenerator[Batch, None]:
        """The stream of notebooks."""
        records = tuple(container(one) for one in (await self.notebooks()).values())
        yield Batch(records=records, done=len(records), total=len(records))

    async def places(self, notebook: str) -> list[Place]:
        """The sections and groups of a notebook, parents first."""
        found = (await self.notebooks()).get(notebook)
        if found is None:
            raise MissingRecordError(f"the notebook {notebook} is gone", ref=f"notebook:{notebook}")
        return [place async for place in self._opened(found, None, 0)]

    async def _opened(
        self, found: JSONObject, parent: str | None, depth: int
    ) -> AsyncGenerator[Place, None]:
        for place in places(found, parent):
            if isinstance(place, Place):
                yield place
            elif depth < _DEEPEST:
                inner = await self.onenote.group(place)
                async for one in self._opened(inner, place, depth + 1):
                    yield one

    async def pages(self, section: str) -> list[Listed]:
        """The pages of a section, asked for once; raises ForbiddenRecordError for a closed one."""
        if section not in self._pages:
            self._pages[section] = await self._listed(section)
        found = self._pages[section]
        if isinstance(found, ForbiddenRecordError):
            raise found
        return found

    async def _listed(self, section: str) -> list[Listed] | ForbiddenRecordError:
        try:
            found = listed(section, await self.onenote.pages(section))
        except MissingRecordError:
            return []  # It was deleted since the tree was read.
        except (GraphError, PermissionMissingError) as err:
            locked = isinstance(err, GraphError) and err.number == _LOCKED
            words = "it is protected by a password, and opened only in OneNote"
            return ForbiddenRecordError(words if locked else err.message, ref=f"module:{section}")
        self.links.learn(section, [page.raw for page in found])
        return found

    async def content(self, notebook: str, page: Listed) -> tuple[Made, Page]:
        """A page's content as records; asks for lists where a link leads to a page unknown yet."""
        content = await self.onenote.content(page.id)
        made = make(self.onenote, notebook, page, content, self.links.note_of)
        if made.document.found.unresolved and await self._look_further():
            made = make(self.onenote, notebook, page, content, self.links.note_of)
        return made, content

    async def stands(self, page: str) -> bool:
        """Whether there is a page, although its content is not."""
        try:
            await self.onenote.page(page)
        except MissingRecordError:
            return False
        except GraphError as err:
            return err.number != "20112"  # The id is none of a page.
        return True

    async def _look_further(self) -> bool:
        """List the sections that no run has listed yet, once; whether there were any."""
        looked = False
        for notebook in await self.notebooks():
            for place in await self.places(notebook):
                if place.is_section and not self.links.knows(place.id):
                    looked = True
                    with suppress(ForbiddenRecordError):
                        await self.pages(place.id)
        return looked


async def read_pages(
    reading: Reading, partition: Partition, state: Cursor | None
) -> AsyncGenerator[Batch, None]:
    """The stream of a notebook: places and pages of the tree, then each page's content."""
    notebook = partition.container or ""
    at = state.value if state else dict(_BEGINNING)
    sections = sorted(one.id for one in await reading.places(notebook) if one.is_section)
    if state is None:
        total = 0
        async for batch in _tree(reading, notebook):
            total += sum(1 for one in batch.records if getattr(one, "content", None))
            yield batch
        at = {**at, "total": total}
        yield Batch(cursor=Cursor(at, CURSOR_VERSION), done=0, total=total)
    for section in (one for one in sections if one >= at["section"]):
        first = at["page"] if section == at["section"] else ""
        try:
            pages = await reading.pages(section)
        except ForbiddenRecordError as err:
            yield Batch(skipped=(Skipped(ref=str(err.ref), reason=err.message, code=err.code),))
            at = {**at, "unmet": [err.ref, err.message, err.code]}
            continue
        for page in sorted(pages, key=lambda one: one.id):
            if page.id <= first:
                continue
            at = {**at, "section": section, "page": page.id, "done": at["done"] + 1}
            async for batch in _page(reading, partition, page, at):
                yield batch
                at = batch.cursor.value if batch.cursor else at
    if at["unmet"] is not None:
        # Pages of a closed section, or files of a page that gives none, are not gone: the notebook
        # was not read as a whole.
        ref, reason, code = at["unmet"]
        raise SkippableError(reason, ref=ref, code=code)


async def _tree(reading: Reading, notebook: str) -> AsyncGenerator[Batch, None]:
    """Every place of a notebook, and every page's."""
    nodes: list[Record] = []
    found = await reading.places(notebook)
    nodes += [place_node(notebook, place) for place in found]
    for place in (one for one in found if one.is_section):
        with suppress(ForbiddenRecordError):
            nodes += [page_node(notebook, page) for page in await reading.pages(place.id)]
        while len(nodes) >= _NODES:
            yield Batch(records=tuple(nodes[:_NODES]))
            del nodes[:_NODES]
    yield Batch(records=tuple(nodes))


async def _page(
    reading: Reading, partition: Partition, page: Listed, at: JSONObject
) -> AsyncGenerator[Batch, None]:
    """A page's content with its files, or that it is as it was."""
    end = Batch(cursor=Cursor(at, CURSOR_VERSION), done=at["done"], total=at["total"])
    part = Part(key=page.id[:200], digest=page.digest)
    if partition.known.get(part.key) == part.digest:
        yield _with(end, part=part, same=True)
        return
    try:
        made, content = await reading.content(partition.container or "", page)
    except (MissingRecordError, SkippableError, GraphError, PermissionMissingError) as err:
        if isinstance(err, MissingRecordError) and not await reading.stands(page.id):
            # It was deleted since the list was made: who does not meet it takes it for gone.
            yield end
            return
        skipped = _skipped(page, err)
        at = {**at, "unmet": [skipped.ref, skipped.reason, skipped.code]}
        yield _with(end, cursor=Cursor(at, CURSOR_VERSION), skipped=(skipped,))
        return
    batches = list(_batches(made))
    for batch in batches[:-1]:
        yield batch
    known = part if _is_settled(page, content) else None
    yield _with(end, records=batches[-1].records, part=known)


def _batches(made: Made) -> Iterator[Batch]:
    records = made.records
    for start in range(0, len(records), _FILES):
        yield Batch(records=records[start : start + _FILES])


def _with(end: Batch, **more: object) -> Batch:
    return Batch(**{"cursor": end.cursor, "done": end.done, "total": end.total, **more})  # type: ignore[arg-type]


def _skipped(page: Listed, err: Exception) -> Skipped:
    code = "record_malformed"
    if isinstance(err, MissingRecordError):
        code, err = "record_unavailable", Exception("OneNote gives no content of it yet")
    elif isinstance(err, PermissionMissingError):
        code = "record_forbidden"
    elif isinstance(err, SkippableError):
        code = err.code
    return Skipped(ref=str(Ref(Kind.NOTE, page.id)), reason=str(err)[:1000], code=code)


def _is_settled(page: Listed, content: Page) -> bool:
    """Whether a later change would have another time: times have seconds."""
    changed = when(page.raw.get("lastModifiedDateTime"))
    return changed is not None and content.at is not None and content.at - changed > _UNSETTLED


_REF = re.compile(r"(.+)/([^/]+)")


def page_of(ref: Ref) -> str:
    """The page that a note or a file is of."""
    found = _REF.fullmatch(ref.remote_id) if ref.kind is Kind.FILE else None
    return found[1] if found else ref.remote_id
