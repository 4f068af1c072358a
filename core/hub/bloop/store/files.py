"""The files that a plugin keeps, which it gets as ``ctx.files``.

The bytes are on the disk before a row names them, so that a kill between the two leaves bytes that
nobody names; which name means what is one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Integer, String, bindparam, delete, func, select

from bloop.store.blobs import CHUNK_BYTES, BlobRef, Blobs
from bloop.store.database import Database
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.held import hold
from bloop.store.inserting import INSERT
from bloop.store.models import PluginFile
from bloop.store.statements import institution, register
from bloop.store.types import utcnow
from bloop_sdk import Call
from bloop_sdk._names import file_fault
from bloop_sdk.files import StoredFile

T = TypeVar("T")

MAX_FILE_BYTES = 8 << 30
"""The largest file that a plugin may keep."""

_OWN = (PluginFile.institution_id == institution, PluginFile.plugin_id == bindparam("plugin"))
_PREFIX: Any = bindparam("prefix", type_=String)
_LENGTH: Any = bindparam("length", type_=Integer)

FILE = register(
    "store.plugin_file",
    select(PluginFile.name, PluginFile.media_type, PluginFile.size, PluginFile.sha256).where(
        *_OWN, PluginFile.name == bindparam("name")
    ),
)
NAMES = register(
    "store.plugin_file_names",
    select(PluginFile.name).where(*_OWN, func.substr(PluginFile.name, 1, _LENGTH) == _PREFIX),
    heavy=True,
)


class InThread(Protocol):
    """Runs blocking code in a thread."""

    async def __call__(self, function: Callable[..., T], /, *args: Any) -> T:
        """What it gives."""
        ...


@dataclass(frozen=True, slots=True)
class PluginFiles:
    """One plugin's files in one institution; implements ``bloop_sdk.files.Files``."""

    database: Database
    blobs: Blobs
    call: Call
    plugin_id: str
    in_thread: InThread

    async def put(self, name: str, source: Path, media_type: str) -> StoredFile:
        """Keep a copy of ``source``; raises InvalidError for a name or type that is none."""
        if fault := file_fault(name, media_type):
            raise InvalidError(fault)
        ref = await self.in_thread(self._stored, source)
        await self.database.run(self._keep, name, ref, media_type)
        return StoredFile(name=name, media_type=media_type, size=ref.size, sha256=ref.sha256)

    async def get(self, name: str) -> StoredFile | None:
        """What is kept under a name; None as well where its bytes are gone from the disk."""
        row = await self.database.read_one(FILE, self.call, plugin=self.plugin_id, name=name)
        if row is None:
            return None
        found = StoredFile(**FILE.as_dict(row))
        return found if self.blobs.holds(found.sha256) else None

    async def save(self, name: str, target: Path) -> None:
        """Write a kept file to ``target``, which is there whole or not at all."""
        found = await self.get(name)
        if found is None:
            raise NotFoundError(f"{self.plugin_id} keeps no file {name[:200]!r}")
        await self.in_thread(self.blobs.save, found.sha256, target)

    async def names(self, prefix: str = "") -> Sequence[str]:
        """The names that start with ``prefix``, sorted."""
        asked = {"plugin": self.plugin_id, "prefix": prefix, "length": len(prefix)}
        return sorted(name for (name,) in await self.database.read(NAMES, self.call, **asked))

    async def delete(self, name: str) -> None:
        """Forget; unknown names are ignored."""
        await self.database.run(self._forget, name)

    def _stored(self, source: Path) -> BlobRef:
        if not source.is_file():
            raise NotFoundError(f"{source} is no file")
        with source.open("rb") as file:
            return self.blobs.put(iter(lambda: file.read(CHUNK_BYTES), b""), MAX_FILE_BYTES)

    def _keep(self, name: str, ref: BlobRef, media_type: str) -> None:
        add, now = INSERT[self.database.dialect], utcnow()
        told = {"sha256": ref.sha256, "size": ref.size, "media_type": media_type}
        owner = {"institution_id": self.call.institution}
        named = {**owner, "plugin_id": self.plugin_id, "name": name}
        with self.database.unit(self.call) as unit:
            hold(unit, (ref, media_type))
            unit.session.execute(
                add(PluginFile)
                .values(**named, **told)
                .on_conflict_do_update(index_elements=[*named], set_=told | {"updated_at": now})
            )

    def _forget(self, name: str) -> None:
        with self.database.unit(self.call) as unit:
            unit.session.execute(
                delete(PluginFile).where(
                    PluginFile.institution_id == self.call.institution,
                    PluginFile.plugin_id == self.plugin_id,
                    PluginFile.name == name,
                )
            )
