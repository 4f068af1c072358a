"""What plugins read of the hub's content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFile:
    """A file of an item; ``sha256`` in hex, ``size`` in bytes."""

    id: str
    name: str
    media_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item of a course as the caller may see it: a lesson, an assignment, a file.

    ``html`` is sanitised; ``version`` grows with each change; ``files`` are what it shows or
    links to, by the address that its HTML names them with.
    """

    id: str
    container: str
    kind: str
    title: str
    html: str
    language: str
    version: int
    files: Mapping[str, ItemFile] = field(default_factory=dict)


class ContentReader(Protocol):
    """The hub's content, as far as the caller may see it and the plugin has ``content:read``."""

    async def item(self, id_: str) -> Item:
        """One item; raises a BloopError with the code ``not_found`` otherwise."""
        ...

    async def items(self, container: str) -> Sequence[Item]:
        """The items of a course in their order, without HTML and files."""
        ...

    async def save(self, file: ItemFile, target: Path) -> None:
        """Write a file of an item to ``target``."""
        ...
