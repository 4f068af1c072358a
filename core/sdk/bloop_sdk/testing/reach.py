"""What a test's context hands out of content, kept files and other plugins."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from bloop_sdk._names import file_fault
from bloop_sdk.content import Item, ItemFile
from bloop_sdk.errors import FatalError
from bloop_sdk.files import StoredFile
from bloop_sdk.offers import Filtered, LeftOut, Offer

T = TypeVar("T")


class FakeContent:
    """``ctx.content`` of the given items; ``contents`` are the bytes of files by their ids."""

    def __init__(
        self, items: Iterable[Item] = (), contents: Mapping[str, bytes] | None = None
    ) -> None:
        self.by_id = {item.id: item for item in items}
        self.contents = dict(contents or {})

    async def item(self, id_: str) -> Item:
        """One of the items."""
        if id_ not in self.by_id:
            raise FatalError(f"nothing here has the id {id_}", code="not_found")
        return self.by_id[id_]

    async def items(self, container: str) -> Sequence[Item]:
        """The items of a course in the order in which they were given."""
        return [
            replace(item, html="", files={})
            for item in self.by_id.values()
            if item.container == container
        ]

    async def save(self, file: ItemFile, target: Path) -> None:
        """Write the bytes that were given for the file."""
        if file.id not in self.contents:
            raise FatalError(f"this test has no bytes of {file.name}", code="not_found")
        await asyncio.to_thread(target.write_bytes, self.contents[file.id])


class FakeFiles:
    """``ctx.files`` in a folder of their own, which goes with this object."""

    def __init__(self) -> None:
        self._kept: dict[str, StoredFile] = {}

    @functools.cached_property
    def _folder(self) -> Path:
        made = tempfile.mkdtemp(prefix="bloop-files-")
        weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
        return Path(made)

    async def put(self, name: str, source: Path, media_type: str) -> StoredFile:
        """Keep a copy; raises FatalError for what is no name or no media type."""
        if fault := file_fault(name, media_type):
            raise FatalError(fault, code="invalid")
        digest, size = await asyncio.to_thread(self._copied, source)
        kept = StoredFile(name=name, media_type=media_type, size=size, sha256=digest)
        self._kept[name] = kept
        return kept

    def _copied(self, source: Path) -> tuple[str, int]:
        content = source.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        self._place(digest).write_bytes(content)
        return digest, len(content)

    def _place(self, digest: str) -> Path:
        return self._folder / digest

    async def get(self, name: str) -> StoredFile | None:
        """What is kept under a name."""
        return self._kept.get(name)

    async def save(self, name: str, target: Path) -> None:
        """Write a kept file to ``target``."""
        if name not in self._kept:
            raise FatalError(f"no file {name!r} is kept", code="not_found")
        place = self._place(self._kept[name].sha256)
        await asyncio.to_thread(shutil.copyfile, place, target)

    async def names(self, prefix: str = "") -> Sequence[str]:
        """The names that start with ``prefix``, sorted."""
        return sorted(name for name in self._kept if name.startswith(prefix))

    async def delete(self, name: str) -> None:
        """Forget."""
        self._kept.pop(name, None)


class FakeProviders:
    """``ctx.providers`` of the given objects: by capability, then by the plugin's id, in order.

    ``filters`` are functions by the name of their hook, then by the plugin's id.
    """

    def __init__(
        self,
        given: Mapping[str, Mapping[str, Any]] | None = None,
        filters: Mapping[str, Mapping[str, Callable[..., Any]]] | None = None,
    ) -> None:
        self.given = dict(given or {})
        self.filters = dict(filters or {})

    async def offers(self, capability: str) -> Sequence[Offer]:
        """Who has it."""
        return [Offer(plugin_id=id_, name=id_) for id_ in self.given.get(capability, {})]

    async def get(self, capability: str, plugin_id: str | None = None) -> Any:
        """That plugin's object, or the first."""
        for id_, provider in self.given.get(capability, {}).items():
            if plugin_id in {None, id_}:
                return provider
        raise FatalError(
            f"this test has no {capability} by {plugin_id or 'any plugin'}",
            code="plugin_unavailable",
        )

    async def filtered(
        self, hook: str, value: T, check: Callable[[Any], T], **others: Any
    ) -> Filtered[T]:
        """What the functions make of it; one that raises is left out."""
        left = []
        for id_, change in self.filters.get(hook, {}).items():
            try:
                answer = change(copy.deepcopy(value), **others)
                value = value if answer is None else check(answer)
            except Exception as err:  # noqa: BLE001 - it costs that plugin's effect alone
                left.append(LeftOut(plugin_id=id_, reason=str(err)))
        return Filtered(value=value, left_out=tuple(left))
