"""Files that plugins keep: large results, found again by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that a plugin keeps; ``sha256`` in hex, ``size`` in bytes."""

    name: str
    media_type: str
    size: int
    sha256: str


class Files(Protocol):
    """Large results of a plugin in this institution, by name: written once, found by any process.

    They are kept beside the hub's other files, and go with the plugin or the institution.
    """

    async def put(self, name: str, source: Path, media_type: str) -> StoredFile:
        """Keep a copy of ``source``; replaces what has that name. Durable when it returns.

        A name has 1 to 200 printable characters. Raises a BloopError for what is no name or no
        media type, and HostileInputError for more than 8 GiB.
        """
        ...

    async def get(self, name: str) -> StoredFile | None:
        """What is kept under a name."""
        ...

    async def save(self, name: str, target: Path) -> None:
        """Write a kept file to ``target``; raises a BloopError with the code ``not_found``."""
        ...

    async def names(self, prefix: str = "") -> Sequence[str]:
        """The names that start with ``prefix``, sorted."""
        ...

    async def delete(self, name: str) -> None:
        """Forget; unknown names are ignored."""
        ...
