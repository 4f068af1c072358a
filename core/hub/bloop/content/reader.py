"""Items as somebody may see them, for code that asks for them beside the routes: plugins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop.accounts.actions import may, require
from bloop.content import queries
from bloop.content.file_reads import file_for
from bloop.content.links import file_addresses, resolve_html
from bloop.content.sniffing import HEAD_BYTES, settled
from bloop.content.trees import read_tree
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.files import InThread
from bloop.store.statements import Statement, parsed, to_dicts
from bloop_sdk import Call, HostileInputError
from bloop_sdk.content import Item, ItemFile

DEFAULT_LANGUAGE = "en"
"""Of an item that says nothing of it, as its course does: that of the hub's own words."""
MAX_FILES = 500
"""So many files of one item are looked up."""
_PAGE = 200


@dataclass(frozen=True, slots=True)
class ItemReader:
    """What a call may see; implements ``bloop_sdk.content.ContentReader``.

    ``most`` is the largest file that it saves, in bytes.
    """

    database: Database
    blobs: Blobs
    call: Call
    in_thread: InThread
    most: int

    async def item(self, id_: str) -> Item:
        """One item; raises NotFoundError."""
        found = await self._one(queries.ITEM_SHOWN, queries.ITEM, id_)
        html = resolve_html(found["html"], found["container"])
        language = found["language"] or await self._language_around(found)
        return _item(found, language, html, await self._files(html))

    async def items(self, container: str) -> Sequence[Item]:
        """The items of a course: those of its tree in order, then those at no place of it."""
        language = await self._language(container)
        tree = await read_tree(self.database, self.call, container, drafts=self._sees_drafts())
        places = {id_: place for place, id_ in enumerate(_in_order(tree))}
        found = [_item(row, row["language"] or language) for row in await self._heads(container)]
        return sorted(found, key=lambda one: places.get(one.id, len(places)))

    async def save(self, file: ItemFile, target: Path) -> None:
        """Write a file to ``target``; raises ConflictError where it is another one by now."""
        found = await self._file_for(file.id)
        if found["blob"] != file.sha256:
            raise ConflictError(f"{file.name} was changed meanwhile", cure="read the item again")
        if (size := self.blobs.path(file.sha256).stat().st_size) > self.most:
            raise HostileInputError(f"{file.name} has {size} bytes; at most {self.most} are read")
        await self.in_thread(self.blobs.save, file.sha256, target)

    def _sees_drafts(self) -> bool:
        require(self.call, "content:read")
        return may(self.call, "content:write")

    async def _one(self, shown: Statement, drafts: Statement, id_: str) -> dict[str, Any]:
        statement = drafts if self._sees_drafts() else shown
        row = await self.database.read_one(statement, self.call, id=id_)
        if row is None:
            raise NotFoundError(f"nothing here has the id {id_[:40]}")
        return statement.as_dict(row)

    async def _file_for(self, id_: str) -> dict[str, Any]:
        return await file_for(self.database, self.call, id_, drafts=self._sees_drafts())

    async def _language_around(self, item: dict[str, Any]) -> str:
        """That of an item's course, which who was granted the item alone may not see."""
        asked = {"id": item["container"]}
        row = await self.database.read_one(queries.CONTAINER_LANGUAGE, self.call, **asked)
        return (row and row[0]) or DEFAULT_LANGUAGE

    async def _language(self, container: str) -> str:
        found = await self._one(queries.CONTAINER_SHOWN, queries.CONTAINER, container)
        return found["language"] or DEFAULT_LANGUAGE

    async def _heads(self, container: str) -> list[dict[str, Any]]:
        statement = queries.ITEMS if self._sees_drafts() else queries.ITEMS_SHOWN
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["id"] if found else ""
            asked = {"container": container, "after": after, "limit": _PAGE}
            rows = await self.database.read(statement, self.call, **asked)
            found += to_dicts(statement, rows)
            if len(rows) < _PAGE:
                return found

    async def _files(self, html: str) -> dict[str, ItemFile]:
        known: dict[tuple[str, str], ItemFile | None] = {}
        files: dict[str, ItemFile] = {}
        for address, container, remote_id in file_addresses(html):
            named = container, remote_id
            if named not in known and len(known) < MAX_FILES:
                known[named] = await self._file(*named)
            if (file := known.get(named)) is not None:
                files[address] = file
        return files

    async def _file(self, container: str, remote_id: str) -> ItemFile | None:
        """A file by its address; None where there is none, or not its bytes, or not for them."""
        asked = {"container": container, "kind": "file", "remote_id": remote_id}
        for read in (queries.BY_REFERENCE, queries.BY_REFERENCE_WITHIN):
            if row := await self.database.read_one(read, self.call, **asked):
                try:
                    found = await self._file_for(row[0])
                except NotFoundError:
                    return None
                return await asyncio.to_thread(self._described, found)
        return None

    def _described(self, found: dict[str, Any]) -> ItemFile | None:
        if found["blob"] is None or not self.blobs.holds(found["blob"]):
            return None
        data = parsed(found["data"])
        path = self.blobs.path(found["blob"])
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return ItemFile(
            id=found["id"],
            name=data.get("name") or found["title"],
            media_type=settled(head, data.get("media_type")),
            size=path.stat().st_size,
            sha256=found["blob"],
        )


def _item(
    row: dict[str, Any], language: str, html: str = "", files: dict[str, ItemFile] | None = None
) -> Item:
    return Item(
        id=row["id"],
        container=row["container"],
        kind=row["kind"],
        title=row["title"],
        html=html,
        language=language,
        version=row["row_version"],
        files=files or {},
    )


def _in_order(nodes: Sequence[dict[str, Any]]) -> list[str]:
    """The items of a tree from first to last, each at its first place."""
    below: dict[str | None, list[dict[str, Any]]] = {}
    for node in nodes:
        below.setdefault(node["parent"], []).append(node)
    found: dict[str, None] = {}
    waiting = below.get(None, [])[::-1]
    while waiting:
        node = waiting.pop()
        if node["item"]:
            found.setdefault(node["item"])
        waiting += below.get(node["id"], [])[::-1]
    return list(found)
