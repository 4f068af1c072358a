"""Exports written to disk, and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bloop_sdk.records import Kind, Note
from bloop_sdk.testing import Replica, read_all
from plugins.notes.evernote.tests.exports import TAIL, export, note, provider_of


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """Write an export to a file below the folder ``Notebooks``."""

    def write(*notes: str, name: str = "Physics.enex", tail: str = TAIL) -> Path:
        path = tmp_path / "Notebooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(export(*notes, tail=tail).encode("utf-8", "surrogateescape"))
        return path

    return write


@pytest.fixture
def read() -> Callable[..., Any]:
    """Read an export to its end."""

    async def read(path: Path, **bounds: int) -> Replica:
        return await read_all(provider_of(path, **bounds))

    return read


@pytest.fixture
def one(write, read) -> Callable[..., Any]:
    """The note that some ENML becomes."""

    async def one(body: str, more: str = "", title: str = "One", *others: str) -> Note:
        snapshot = await read(write(note(title, body, more), *others))
        return snapshot.of(Kind.NOTE)[0]

    return one
