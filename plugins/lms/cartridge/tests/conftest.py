"""Cartridges for tests: the samples of others, and ones built on the spot."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bloop_cartridge.config import CartridgeConfig
from bloop_cartridge.exporter import CartridgeExporter
from bloop_cartridge.provider import CartridgeProvider
from bloop_sdk.errors import MissingRecordError
from bloop_sdk.records import Container, Content, File, Node
from bloop_sdk.testing import FakeContext, Replica, read_all

ROOT = Path(__file__).resolve().parents[4]
NAMESPACE = "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``sample_name`` once for each sample there is."""
    if "sample_name" in metafunc.fixturenames:
        named = os.environ.get("BLOOP_TEST_DATA") or os.environ.get("BLOOP_SHARED_DATA")
        folder = ROOT / (named or "../shared/data") / "cartridges"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ["absent"]
        metafunc.parametrize("sample_name", names)


@pytest.fixture
def sample(shared_data: Path, sample_name: str) -> Path:
    return shared_data / "cartridges" / sample_name


@pytest.fixture
def samples(shared_data: Path) -> Path:
    return shared_data / "cartridges"


def make_manifest(organization: str = "", resources: str = "", **changes: str) -> str:
    """A manifest with items and resources given as XML."""
    title = changes.get("title", "A course")
    namespace = changes.get("namespace", NAMESPACE)
    version = changes.get("version", "1.3.0")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{changes.get("doctype", "")}'
        f'<manifest identifier="{changes.get("identifier", "course")}" xmlns="{namespace}">'
        f"<metadata><schema>IMS Common Cartridge</schema><schemaversion>{version}</schemaversion>"
        f"<lom><general><title><string>{title}</string></title></general></lom></metadata>"
        '<organizations><organization identifier="org"><item identifier="root">'
        f"{organization}</item></organization></organizations>"
        f"<resources>{resources}</resources></manifest>"
    )


def build_zip(path: Path, files: Mapping[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def manifest() -> Callable[..., str]:
    return make_manifest


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """Build a cartridge of items, resources and files; ``manifest=`` replaces the manifest."""

    def build(
        organization: str = "",
        resources: str = "",
        files: Mapping[str, bytes | str] | None = None,
        **changes: str,
    ) -> Path:
        text = changes.pop("manifest", None) or make_manifest(organization, resources, **changes)
        return build_zip(tmp_path / "made.imscc", {"imsmanifest.xml": text, **(files or {})})

    return build


def make_provider(path: Path, **bounds: int) -> CartridgeProvider:
    return CartridgeProvider(FakeContext(source=path, config=CartridgeConfig(**bounds)))


@pytest.fixture
def provider() -> Callable[..., CartridgeProvider]:
    return make_provider


@pytest.fixture
def read() -> Callable[..., object]:
    """Read a cartridge to its end."""

    async def read(path: Path, **bounds: int) -> Replica:
        return await read_all(make_provider(path, **bounds))

    return read


class Held:
    """A container as the hub would hold it, for the exporter."""

    def __init__(
        self,
        container: Container,
        nodes: list[Node],
        contents: list[Content],
        blobs: Mapping[str, bytes],
    ) -> None:
        self.container = container
        self._nodes = nodes
        self._contents = contents
        self._blobs = blobs

    def nodes(self) -> list[Node]:
        return self._nodes

    def contents(self) -> list[Content]:
        return self._contents

    def open(self, file: File) -> io.BytesIO:
        if file.remote_id not in self._blobs:
            raise MissingRecordError(f"no bytes of {file.remote_id}")
        return io.BytesIO(self._blobs[file.remote_id])


@pytest.fixture
def held() -> type[Held]:
    return Held


@pytest.fixture
def hold() -> Callable[..., object]:
    """What a read gave, as the hub would hold it."""

    async def hold(replica: Replica) -> Held:
        records = list(replica.records.values())
        blobs = {}
        for record in records:
            if isinstance(record, File) and record.chunks is not None:
                blobs[record.remote_id] = b"".join([piece async for piece in record.chunks()])
        container = next(record for record in records if isinstance(record, Container))
        nodes = [record for record in records if isinstance(record, Node)]
        contents = [record for record in records if isinstance(record, Content)]
        return Held(container, nodes, contents, blobs)

    return hold


@pytest.fixture
def export(tmp_path: Path) -> Callable[[Held], Path]:
    """Export a container to a file."""

    def export(source: Held, name: str = "exported.imscc") -> Path:
        target = tmp_path / name
        with target.open("wb") as file:
            export.report = CartridgeExporter(FakeContext()).export(source, file)
        return target

    return export
