"""Notebooks for tests, written to disk."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bloop_markdown.config import MarkdownConfig
from bloop_markdown.provider import MarkdownProvider
from bloop_sdk.records import Kind, Note
from bloop_sdk.testing import FakeContext, Replica, read_all

Files = Mapping[str, str | bytes]


def write_folder(root: Path, files: Files) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def write_zip(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def folder(tmp_path) -> Callable[[Files], Path]:
    """Write files into the folder ``Notes``."""
    return lambda files: write_folder(tmp_path / "Notes", files)


@pytest.fixture
def zipped(tmp_path) -> Callable[..., Path]:
    return lambda files, name="Notes.zip": write_zip(tmp_path / name, files)


@pytest.fixture
def provider() -> Callable[..., MarkdownProvider]:
    def make(path: Path, **bounds: int) -> MarkdownProvider:
        return MarkdownProvider(FakeContext(source=path, config=MarkdownConfig(**bounds)))

    return make


@pytest.fixture
def read(provider) -> Callable[..., object]:
    """Read a notebook to its end."""

    async def read(path: Path, **bounds: int) -> Replica:
        return await read_all(provider(path, **bounds))

    return read


@pytest.fixture
def note(folder, read) -> Callable[..., object]:
    """The note that a text becomes, in a folder with whatever else there is."""

    async def note(text: str | bytes, others: Files | None = None, name: str = "a.md") -> Note:
        snapshot = await read(folder({name: text, **(others or {})}))
        (found,) = (one for one in snapshot.of(Kind.NOTE) if one.raw["path"] == name)
        return found

    return note
