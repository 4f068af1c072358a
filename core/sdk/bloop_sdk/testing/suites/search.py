"""What holds for every ``search`` provider: finding, replacing, marks, institutions, dying."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from bloop_sdk.providers.search import (
    Changes,
    Document,
    Match,
    SearchProvider,
    SearchQuery,
)
from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.indexes import Indexes
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.streams import INSTITUTIONS
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase

HERE, THERE = INSTITUTIONS
CLOSE_SECONDS = 10.0

LIGHT = Document(
    id="1",
    kind="page",
    container="biology",
    title="Photosynthesis",
    text="Plants make sugar of light and water.",
    language="en",
)
BREATH = Document(
    id="2",
    kind="quiz",
    container="biology",
    title="Respiration",
    text="It undoes what photosynthesis does.",
    language="en-GB",
)
FORCES = Document(
    id="3",
    kind="page",
    container="physik",
    title="Kräfte",
    text="Sie bewegen, was Wasser nicht bewegt.",
    language="de-AT",
    published=False,
)
ALL = (LIGHT, BREATH, FORCES)


class SearchCase(ProviderCase[Indexes, SearchProvider]):
    """A provider's class, and a folder for its indexes."""

    @contextlib.asynccontextmanager
    async def rig(self) -> AsyncIterator[Rig]:
        """What makes providers, which are closed with the rule."""
        rig = Rig(self)
        try:
            yield rig
        finally:
            for one in rig.made:
                with contextlib.suppress(Exception):
                    await one.close()


class Rig:
    """Providers over the same folder, each as in a process of its own."""

    def __init__(self, case: SearchCase) -> None:
        self._case = case
        self.made: list[SearchProvider] = []

    def provider(self) -> SearchProvider:
        """One more."""
        plugin = self._case.plugin
        ctx = FakeContext(
            plugin_id=plugin.manifest.id,
            config=plugin.config(dict(self._case.subject.settings)),
            data_dir=self._case.folder,
            package=plugin.package,
        )
        self.made.append(self._case.make(ctx))
        return self.made[-1]

    async def filled(self) -> SearchProvider:
        """One that holds all documents of an institution."""
        made = self.provider()
        await made.index(Changes(institution=HERE, documents=ALL, mark="1"))
        return made


SEARCH = Suite("`search`", SearchCase)


async def _ids(provider: SearchProvider, *words: str, **asked: Any) -> list[str]:
    asked = {"institution": HERE, **asked}
    return [hit.id for hit in await provider.search(SearchQuery(words=words, **asked))]


def _same(found: Sequence[str], wanted: Sequence[str], what: str) -> None:
    hold(list(found) == list(wanted), f"{what}: found {list(found)}, not {list(wanted)}")


@SEARCH.rule()
async def nothing_yet(case: SearchCase) -> None:
    """An index that is not there has no mark, finds nothing, and can be closed twice."""
    async with case.rig() as rig:
        made = rig.provider()
        hold(await made.mark(HERE) is None, "an empty index has a mark")
        _same(await _ids(made, "light"), [], "an empty index")
        for _ in range(2):
            async with asyncio.timeout(CLOSE_SECONDS):
                await made.close()


@SEARCH.rule()
async def words(case: SearchCase) -> None:
    """Documents with all the words are found, those with one in the title first."""
    async with case.rig() as rig:
        made = await rig.filled()
        _same(await _ids(made, "photosynthesis"), ["1", "2"], "photosynthesis")
        _same(await _ids(made, "SUGAR", "light"), ["1"], "SUGAR light")
        _same(await _ids(made, "sugar", "undoes"), [], "words of two documents")
        _same(await _ids(made, "Kräfte"), ["3"], "Kräfte")
        _same(await _ids(made, "krafte"), ["3"], "krafte, without its diacritics")
        hits = await made.search(SearchQuery(institution=HERE, words=("photosynthesis",)))
        hold(hits[0].score >= hits[1].score, "the scores are not in the order of the hits")


@SEARCH.rule()
async def prefixes(case: SearchCase) -> None:
    """With PREFIX the last word may begin others; without it may not."""
    async with case.rig() as rig:
        made = await rig.filled()
        _same(await _ids(made, "photos"), [], "photos")
        found = await _ids(made, "photos", match=Match.PREFIX)
        _same(sorted(found), ["1", "2"], "photos*")
        _same(await _ids(made, "light", "wat", match=Match.PREFIX), ["1"], "light wat*")
        _same(await _ids(made, "lig", "water", match=Match.PREFIX), [], "lig water*")


@SEARCH.rule()
async def typing_errors(case: SearchCase) -> None:
    """With FUZZY letters may be wrong or swapped, in longer words two, in the shortest none."""
    async with case.rig() as rig:
        made = await rig.filled()
        _same(sorted(await _ids(made, "photosnythesis", match=Match.FUZZY)), ["1", "2"], "swapped")
        _same(await _ids(made, "suger", "light", match=Match.FUZZY), ["1"], "suger light")
        _same(await _ids(made, "ot", match=Match.FUZZY), [], "ot")


@SEARCH.rule()
async def filters(case: SearchCase) -> None:
    """Kind, container, language and publishing narrow what is found."""
    async with case.rig() as rig:
        made = await rig.filled()
        _same(await _ids(made, "photosynthesis", kind="quiz"), ["2"], "kind")
        _same(await _ids(made, "wasser", container="physik"), ["3"], "container")
        _same(await _ids(made, "wasser", container="biology"), [], "another container")
        _same(await _ids(made, "photosynthesis", language="en-gb"), ["2"], "language en-gb")
        _same(await _ids(made, "photosynthesis", language="en"), ["1", "2"], "language en")
        _same(await _ids(made, "wasser", language="de"), ["3"], "language de")
        _same(await _ids(made, "wasser", published=True), [], "published")


@SEARCH.rule()
async def pages(case: SearchCase) -> None:
    """Page by page each hit comes once."""
    async with case.rig() as rig:
        made = rig.provider()
        documents = [
            Document(id=str(number), kind="page", container="c", title="Leaf", text="green")
            for number in range(25)
        ]
        await made.index(Changes(institution=HERE, documents=documents, mark="1"))
        found: list[str] = []
        for offset in range(0, 30, 10):
            found += await _ids(made, "leaf", limit=10, offset=offset)
        _same(sorted(found, key=int), [str(number) for number in range(25)], "three pages")


@SEARCH.rule()
async def replacing_and_removing(case: SearchCase) -> None:
    """A document replaces the one of its id; what is removed is not found; all in one commit."""
    async with case.rig() as rig:
        made = await rig.filled()
        new = Document(id="1", kind="page", container="biology", title="Chlorophyll", text="green")
        for _ in range(2):  # As after a kill: the same changes come again.
            await made.index(
                Changes(institution=HERE, documents=[new], removed=["2", "unknown"], mark="2")
            )
        _same(await _ids(made, "photosynthesis"), [], "what was replaced")
        _same(await _ids(made, "chlorophyll"), ["1"], "what replaced it")
        _same(await _ids(made, "respiration"), [], "what was removed")
        hold(await made.mark(HERE) == "2", "the mark is not that of the last commit")


@SEARCH.rule()
async def forgetting(case: SearchCase) -> None:
    """With `reset` only what comes along is left."""
    async with case.rig() as rig:
        made = await rig.filled()
        await made.index(Changes(institution=HERE, documents=[BREATH], mark="2", reset=True))
        _same(await _ids(made, "photosynthesis"), ["2"], "after a reset")
        hold(await made.mark(HERE) == "2", "the mark is not that of the last commit")


@SEARCH.rule()
async def institutions(case: SearchCase) -> None:
    """An institution finds nothing of another's, and changes nothing of it."""
    async with case.rig() as rig:
        made = await rig.filled()
        _same(await _ids(made, "photosynthesis", institution=THERE), [], "another institution")
        hold(await made.mark(THERE) is None, "another institution has a mark")
        other = Document(id="1", kind="page", container="x", title="Theirs", text="")
        changes = Changes(institution=THERE, documents=[other], removed=["2"], mark="9", reset=True)
        await made.index(changes)
        _same(await _ids(made, "photosynthesis"), ["1", "2"], "after another one's changes")
        hold(await made.mark(HERE) == "1", "another institution's commit changed the mark")


@SEARCH.rule()
async def other_processes(case: SearchCase) -> None:
    """What one process has committed the others find, and so does the next one that starts."""
    async with case.rig() as rig:
        reader = rig.provider()
        _same(await _ids(reader, "photosynthesis"), [], "before anything is indexed")
        writer = await rig.filled()
        for who, one in (("a reader", reader), ("a new process", rig.provider())):
            _same(await _ids(one, "photosynthesis"), ["1", "2"], who)
            hold(await one.mark(HERE) == "1", f"{who} has another mark")
        await writer.index(Changes(institution=HERE, removed=["1"], mark="2"))
        _same(await _ids(reader, "photosynthesis"), ["2"], "a reader, after the second commit")
        await writer.close()
        await reader.index(Changes(institution=HERE, removed=["2"], mark="3"))
        hold(await reader.mark(HERE) == "3", "a second process could not index")


@SEARCH.rule()
async def odd_words(case: SearchCase) -> None:
    """Words that mean something to a query language are words."""
    async with case.rig() as rig:
        made = await rig.filled()
        for word in ("AND", "NOT", "NEAR", "title", "1", "ß", "日本語", "x" * 60):
            for match in Match:
                await _ids(made, word, match=match)
        _same(await _ids(made, "NOT", "photosynthesis"), [], "NOT photosynthesis")
