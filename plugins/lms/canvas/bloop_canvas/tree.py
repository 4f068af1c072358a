"""The stream of modules: a list whose objects hold their items, or leave them out."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from bloop_canvas import audience, modules
from bloop_canvas.batches import Made, named
from bloop_canvas.contents import slugs_of
from bloop_canvas.facts import Facts, Required
from bloop_canvas.fields import identifier, rows, whole
from bloop_canvas.paging import Page, groups, together
from bloop_canvas.place import Place
from bloop_canvas.reading import Reading, Source, over, remembering
from bloop_sdk import Batch, Cursor, Kind, Node
from bloop_sdk.records import JSONObject

WITH_ITEMS: dict[str, Any] = {"include[]": ["items"]}


@dataclass(slots=True)
class _Tree:
    """One reading of a course's modules; ``required`` is for the stream of completion."""

    reading: Reading
    place: Place
    required: list[Required] = field(default_factory=list)
    any_will_do: bool = False

    async def read(self, items: Sequence[JSONObject]) -> AsyncGenerator[Made, None]:
        """Modules with their items; of those that come without, several are asked for at once."""
        for group in groups(items):
            left_out = [one for one in group if not holds_its_items(one) and one.get("id")]
            first = dict(
                zip(
                    [id(one) for one in left_out],
                    await together([self._first(one) for one in left_out]),
                    strict=True,
                )
            )
            for item in group:
                async with aclosing(self._module(item, first.get(id(item)))) as parts:
                    async for made in parts:
                        yield made

    async def besides(self, items: Sequence[JSONObject]) -> str | None:
        """The slugs of pages and what opens later; items that were left out are asked for."""
        if not all(holds_its_items(one) for one in items):
            return None
        paged = any(one.get("type") == "Page" for module in items for one in rows(module, "items"))
        slugs = await slugs_of(self.reading, self.place) if paged else {}
        told = sorted(slugs.items()), await audience.later_of(items)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    async def passed(self, items: Sequence[JSONObject]) -> None:
        """Note what is required of items that the hub has."""
        for item in items:
            required = [one for one in rows(item, "items") if one.get("completion_requirement")]
            self.any_will_do |= item.get("requirement_type") == "one"
            await self._entries(Made(), item, required)

    async def _first(self, item: JSONObject) -> Page:
        path = f"courses/{self.place.course}/modules/{identifier(item)}/items"
        return await self.reading.api.page(path)

    async def _module(self, item: JSONObject, first: Page | None) -> AsyncGenerator[Made, None]:
        made = Made()
        made.take(lambda one: f"{Kind.MODULE}:{_name(self.place, one)}", item, self._node)
        if made.skipped:
            yield made
            return
        self.any_will_do |= item.get("requirement_type") == "one"
        if first is None:
            await self._entries(made, item, rows(item, "items"))
            yield made
            return
        yield made
        async with aclosing(self.reading.api.follow(first)) as following:
            async for page in following:
                more = Made()
                await self._entries(more, item, page.items)
                yield more

    def _node(self, item: JSONObject) -> list[Any]:
        return modules.module(self.place, item)

    async def _entries(self, made: Made, module: JSONObject, items: Sequence[JSONObject]) -> None:
        paged = any(one.get("type") == "Page" for one in items)
        slugs = await slugs_of(self.reading, self.place) if paged else {}
        parent = modules.module_id(self.place, module)
        name = named(self.place, Kind.MODULE)
        for item in items:
            before = len(made.records)
            made.take(
                lambda one: name({"id": f"i{one.get('id', '?')}"}),
                item,
                lambda one: modules.entry(self.place, parent, one, slugs.get),
            )
            if len(made.records) > before:
                self._remember(item, made.records[-1])

    def _remember(self, item: JSONObject, node: Any) -> None:
        wanted = item.get("completion_requirement")
        if isinstance(wanted, dict) and isinstance(node, Node) and node.content is not None:
            met = wanted.get("completed")
            known = met if isinstance(met, bool) else None
            self.required.append(Required(identifier(item), node.content, known))


def _name(place: Place, item: JSONObject) -> str:
    return place.id(f"m{item.get('id', '?')}")


def holds_its_items(item: JSONObject) -> bool:
    """Whether a module came with all its items: Canvas leaves them out where they are many."""
    if not isinstance(item.get("items"), list):
        return False
    count = whole(item, "items_count")
    return count is None or count <= len(item["items"])


def tree(reading: Reading, place: Place, state: Cursor | None) -> AsyncGenerator[Batch, None]:
    """Modules and items, parents first."""
    one = _Tree(reading, place)

    def remember() -> None:
        facts = reading.facts(place)
        facts.required, facts.any_will_do = one.required, one.any_will_do

    path = f"courses/{place.course}/modules"
    source = Source(path, WITH_ITEMS, one.read, one.besides, one.passed)
    batches = over(reading, [source], state, place.known)
    return remembering(batches, remember) if state is None else batches


async def required_of(reading: Reading, place: Place) -> Facts:
    """The items of a course that have to be met: as read before, or read once more."""
    facts = reading.facts(place)
    if facts.required is None:
        async for _ in tree(reading, place, None):
            pass
    return facts


async def met_by(reading: Reading, place: Place, person: str) -> set[str]:
    """Ids of the items whose requirements somebody has met."""
    params: dict[str, Any] = {**WITH_ITEMS, "student_id": person}
    met: set[str] = set()
    async for page in reading.api.pages(f"courses/{place.course}/modules", params):
        for module in page.items:
            met |= _met(rows(module, "items"))
            if not holds_its_items(module):
                path = f"courses/{place.course}/modules/{identifier(module)}/items"
                async for more in reading.api.pages(path, {"student_id": person}):
                    met |= _met(more.items)
    return met


def _met(items: Sequence[JSONObject]) -> set[str]:
    return {
        identifier(one)
        for one in items
        if isinstance(one.get("completion_requirement"), dict)
        and one["completion_requirement"].get("completed") is True
    }
