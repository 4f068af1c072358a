"""Reads a workspace: the list first, then what has changed, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any

from bloop_notion import notes, properties
from bloop_notion.aliases import Aliases
from bloop_notion.api import Api
from bloop_notion.content import Contents
from bloop_notion.fields import in_trash, obj, own_id, text
from bloop_notion.files import Downloads
from bloop_notion.listing import Entry, everything
from bloop_notion.made import Made
from bloop_notion.model import Media, addresses_in, key_of
from bloop_notion.tree import Tree
from bloop_sdk import (
    Batch,
    ConnectionContext,
    Cursor,
    Kind,
    MalformedRecordError,
    MissingRecordError,
    Part,
    PermissionMissingError,
    Record,
    SkippableError,
    Skipped,
)
from bloop_sdk.records import JSONObject

CURSOR_VERSION = 1


class Reading:
    """One provider's reading of its workspace."""

    def __init__(self, ctx: ConnectionContext, api: Api) -> None:
        self.api = api
        self.aliases = Aliases(ctx)
        self.made = Made(ctx)
        self.contents = Contents(api, self.aliases)
        self.downloads = Downloads(ctx, self.fresh)
        self._me: JSONObject | None = None
        self._people: dict[str, str] | None = None

    async def me(self) -> JSONObject:
        """The bot that the token is."""
        if self._me is None:
            self._me = await self.api.get("users/me")
        return self._me

    async def people(self) -> Mapping[str, str]:
        """Names by ids; empty for an integration that may not read who there is."""
        if self._people is None:
            self._people = {}
            try:
                async for found in self.api.pages("GET", "users"):
                    self._people |= {text(one, "id"): text(one, "name") for one in found}
            except PermissionMissingError:
                pass
        return self._people

    async def all(self, workspace: str, known: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """Everything; of what is known only that it is still there."""
        listing = await everything(self.api, known)
        now = self.api.now
        tree = Tree(self.api, listing)
        await tree.place(
            one
            for one in listing.entries.values()
            if one.item is not None or not one.stands(known.get(one.id, ""))
        )
        ordered = tree.ordered()
        # A page within a block keeps its place until it is edited: asking costs a request each.
        for done, entry in enumerate(ordered, 1):
            part = Part(entry.id, entry.digest(listing.today)) if entry.settled(now) else None
            same = part is not None and self._known(entry, part, known)
            if same:
                part = Part(entry.id, known[entry.id])
                batch = Batch(same=True)
            else:
                batch, whole = await self._entry(entry, workspace)
                part = part if whole else None
            cursor = Cursor({"after": entry.id}, CURSOR_VERSION)
            yield replace(batch, part=part, cursor=cursor, done=done, total=len(ordered))
        for own, source in listing.unshared:
            kinds = (Kind.MODULE,) if source else (Kind.NOTE, Kind.MODULE)
            yield Batch(skipped=_unshared(own, kinds))

    def _known(self, entry: Entry, part: Part, known: Mapping[str, str]) -> bool:
        held = known.get(entry.id)
        if held == part.digest:
            return True
        within = text(entry.parent, "type") == "block_id" and entry.item is None
        return within and held is not None and entry.stands(held)

    async def _entry(self, entry: Entry, workspace: str) -> tuple[Batch, bool]:
        """The records of a page, or why there are none; and whether a list tells all of them."""
        ref = f"{Kind.MODULE if entry.source else Kind.NOTE}:{entry.id}"
        place = notes.Place(workspace, entry.above, entry.torn)
        try:
            item = entry.item or await self.api.get(f"pages/{entry.id}")
            if entry.source:
                return Batch(records=(notes.node(item, place),)), True
            return Batch(records=tuple(await self.records(item, place))), True
        except MissingRecordError:
            return await self._gone(entry.id), False
        except PermissionMissingError as err:
            skipped = Skipped(ref=ref, reason=str(err), code="record_forbidden")
        except SkippableError as err:
            skipped = Skipped(ref=ref, reason=str(err), code=err.code)
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            # One page of an unforeseen shape costs itself, not the workspace.
            reason = f"it has a shape that nobody here knows: {err!r}"
            skipped = Skipped(ref=ref, reason=reason)
        return Batch(skipped=(skipped,)), False

    async def _gone(self, own: str) -> Batch:
        """A page that went while it was read: to the trash, or out of sight."""
        try:
            item = await self.api.get(f"pages/{own}")
        except (MissingRecordError, PermissionMissingError):
            return Batch(skipped=_unshared(own))
        if in_trash(item):
            return Batch()
        raise MalformedRecordError(f"page {own} is there, and its content is not")

    async def records(self, page: JSONObject, place: notes.Place) -> list[Record]:
        """The note, its place and its files."""
        if not isinstance(page.get("properties"), dict):
            raise MalformedRecordError("it has no properties")
        page = await self.whole(page)
        own = own_id(page)
        said = await self.contents.of(own)
        note = notes.note(page, said, place, await self.people())
        files = [notes.file(one, own, place, self.downloads) for one in said.making.files.values()]
        return [notes.node(page, place), note, *files]

    async def whole(self, page: JSONObject) -> JSONObject:
        """A page with all values of its properties: it holds only the first 25 of some."""
        more = properties.beyond(page)
        if not more:
            return page
        found: dict[str, Any] = dict(obj(page, "properties"))
        own = own_id(page)
        for name, number, kind in more:
            values: list[JSONObject] = []
            async for answer in self.api.pages("GET", f"pages/{own}/properties/{number}"):
                values += [one[kind] for one in answer if isinstance(one.get(kind), dict)]
            found[name] = {**found[name], kind: values, "has_more": False}
        return {**page, "properties": found}

    async def fresh(self, page: str, media: Media) -> str | None:
        """A new address of a file."""
        if media.block is not None:
            block = await self.api.get(f"blocks/{media.block}")
            found = addresses_in(block)
        else:
            said = await self.contents.of(page)
            found = [one.url for one in said.making.files.values()]
        if media.key not in map(key_of, found):
            found += addresses_in(obj(await self.api.get(f"pages/{page}"), "properties"))
        return next((url for url in found if key_of(url) == media.key), None)


def _unshared(own: str, kinds: tuple[Kind, ...] = (Kind.NOTE, Kind.MODULE)) -> tuple[Skipped, ...]:
    reason = "it is not shared with the integration any more, or deleted for good"
    return tuple(
        Skipped(ref=f"{kind}:{own}", reason=reason, code="record_unshared") for kind in kinds
    )
