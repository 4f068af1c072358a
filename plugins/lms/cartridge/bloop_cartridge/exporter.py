"""The ``exporter``: a course of the hub as a Common Cartridge 1.3.

What the format does not hold (dates, rubrics, published states, question types beyond the
profile) is written in the form that Canvas has for it, so that an import gives the same course.
"""

from __future__ import annotations

from collections import Counter
from typing import BinaryIO

from lxml.etree import _Element as Element

from bloop_cartridge.export_items import Written, write
from bloop_cartridge.export_manifest import (
    SETTINGS_TYPE,
    ManifestResource,
    file_metadata,
    manifest_bytes,
    type_of,
)
from bloop_cartridge.export_package import Layout, Package, Place, chunks_of
from bloop_cartridge.export_settings import add_rubric, settings_files
from bloop_cartridge.ids import encode
from bloop_sdk import ExportReport, ExportSource, MissingRecordError, PluginContext
from bloop_sdk.records import Assignment, Content, File, Kind, Node, Quiz

_SETTINGS = "bloop.settings"


class CartridgeExporter:
    """Writes cartridges; two exports of the same course are the same bytes."""

    media_type = "application/vnd.ims.imsccv1p3"
    suffix = ".imscc"

    def __init__(self, ctx: PluginContext) -> None:
        self._ctx = ctx

    def export(self, source: ExportSource, target: BinaryIO) -> ExportReport:
        """Write a course; files are streamed, the rest is held one record at a time."""
        return _Export(source, target).run()


class _Export:
    """One export on its way."""

    def __init__(self, source: ExportSource, target: BinaryIO) -> None:
        self.source = source
        self.layout = Layout(source)
        self.package = Package(target)
        self.lost = list(self.layout.lost)
        self.written: Counter[str] = Counter()
        self.resources: list[ManifestResource] = []
        self.rubrics: Element | None = None

    def run(self) -> ExportReport:
        """Contents, settings, and the manifest that lists them."""
        course = self.source.container
        if course.kind is Kind.NOTEBOOK:
            self.lost.append("a notebook becomes a course")
        seen: set[str] = set()
        for content in self.source.contents():
            place = self.layout.place(content.ref)
            if place is not None and place.identifier not in seen:
                seen.add(place.identifier)
                self._add_content(content, place)
        tree, nodes = self._tree()
        files = settings_files(course, nodes, self.rubrics, self.layout)
        for path, data in files:
            self.package.add(path, data)
        paths = tuple(path for path, _ in files)
        self.resources.append(ManifestResource(_SETTINGS, SETTINGS_TYPE, paths))
        manifest = manifest_bytes(course, self.layout.course, tree, self.resources)
        self.package.add("imsmanifest.xml", manifest)
        self.package.close()
        self.written.update({"course": 1, "module": len(nodes)})
        return ExportReport(written=dict(sorted(self.written.items())), lost=tuple(self.lost))

    def _add_content(self, content: Content, place: Place) -> None:
        if isinstance(content, File):
            files: tuple[str, ...] | None = self._add_file(content, place)
            made = Written(files=())
        else:
            made = write(content, place, self.layout)
            files = tuple(path for path, _ in made.files)
        if files is None:
            return
        for path, data in (*made.files, *made.parts):
            self.package.add(path, data)
        if isinstance(content, Assignment):
            self.rubrics = add_rubric(self.rubrics, content, place.identifier)
        parts = encode("meta", place.identifier)
        self.resources.append(
            ManifestResource(
                identifier=place.identifier,
                type=type_of(content, bank=isinstance(content, Quiz) and content.bank),
                files=files,
                hidden=not content.published,
                dependencies=(*made.dependencies, *((parts,) if made.parts else ())),
                **file_metadata(content),
            )
        )
        if made.parts:
            paths = tuple(path for path, _ in made.parts)
            self.resources.append(ManifestResource(parts, SETTINGS_TYPE, paths))
        self.written[str(content.kind)] += 1
        self.lost += made.lost

    def _add_file(self, content: File, place: Place) -> tuple[str, ...] | None:
        """Write a file's bytes; None where the hub holds none."""
        try:
            stream = self.source.open(content)
        except MissingRecordError as err:
            self.layout.drop(content.ref)
            self.lost.append(f"file {content.name!r} is left out: {err.message}")
            return None
        self.package.add_stream(place.path, chunks_of(stream), content.size)
        return (place.path,)

    def _tree(
        self,
    ) -> tuple[dict[str | None, list[tuple[Node, str, str | None]]], list[tuple[Node, str]]]:
        """The nodes by their parents, each with its identifier and that of its content."""
        tree: dict[str | None, list[tuple[Node, str, str | None]]] = {}
        kept: list[tuple[Node, str]] = []
        nodes = list(self.source.nodes())
        parents = {node.parent for node in nodes}
        known: set[str] = set()
        for node in nodes:
            shown = self.layout.place(node.content) if node.content else None
            if node.content and shown is None and node.remote_id not in parents:
                self.lost.append(f"{node.title!r} is left out: {node.content} is not in the course")
                continue
            identifier = self.layout.nodes[node.remote_id]
            parent = node.parent if node.parent in known else None
            known.add(node.remote_id)
            content = None if shown is None else shown.identifier
            tree.setdefault(parent, []).append((node, identifier, content))
            kept.append((node, identifier))
        return tree, kept
