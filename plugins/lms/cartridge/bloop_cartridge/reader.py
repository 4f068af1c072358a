"""A cartridge opened, checked and planned, and each step of the plan as a record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

from bloop_cartridge import canvas, ids
from bloop_cartridge.archive import Archive
from bloop_cartridge.assignments import assignment
from bloop_cartridge.classify import make_plan
from bloop_cartridge.config import CartridgeConfig
from bloop_cartridge.htmltext import as_html, read_document
from bloop_cartridge.index import Index, Resource, Step
from bloop_cartridge.items import discussion, file, link, media_type, opaque, page, tool
from bloop_cartridge.links import Links
from bloop_cartridge.manifest import read_manifest
from bloop_cartridge.quizzes import quiz
from bloop_cartridge.source import Source, stamped
from bloop_cartridge.xmlsafe import parse_xml
from bloop_sdk.errors import BloopError, MissingRecordError, SkippableError
from bloop_sdk.records import Container, Content, File, Kind, Node, Record, Ref, Skipped

OpenChunks = Callable[[Archive, str], Callable[[], AsyncIterator[bytes]]]
_LEAF = "#content"
_BUILDERS: dict[Kind, Callable[[Source], Content]] = {
    Kind.PAGE: page,
    Kind.LINK: link,
    Kind.DISCUSSION: discussion,
    Kind.TOOL: tool,
    Kind.QUIZ: quiz,
    Kind.ASSIGNMENT: assignment,
    Kind.OPAQUE: opaque,
}


class Reader:
    """One cartridge. Making it checks the zip and the manifest and raises FatalError."""

    def __init__(self, path: Path, bounds: CartridgeConfig, open_chunks: OpenChunks) -> None:
        self.archive = Archive(path, bounds)
        self.index = Index()
        self._open_chunks = open_chunks
        try:
            self.course = read_manifest(self.archive, self.index)
            self.course.notes += self.archive.notes
            self.course.notes += canvas.read_settings(self.archive, self.index)
            make_plan(self.archive, self.index)
            self.identity = self.archive.identity()
        except BaseException:
            self.close()
            raise
        self.container_id = ids.decode(self.course.identifier)

    def close(self) -> None:
        """Let go of the file and the index."""
        self.archive.close()
        self.index.close()

    def make(self, step: Step) -> Record | Skipped:
        """The record of a step, or why there is none."""
        try:
            return self._make(step)
        except SkippableError as err:
            return Skipped(
                ref=err.ref or self._ref_of(step),
                reason=str(err),
                code=err.code,
                raw={"step": step.what, "key": step.key},
            )

    def _make(self, step: Step) -> Record | Skipped:
        if step.what == "container":
            return self.container()
        if step.what in {"node", "leaf"}:
            return self._node(step)
        if step.what == "content":
            return self._content(step.key)
        if step.what == "file":
            return self._extra_file(step.key)
        reason, code = json.loads(step.data or "[]")
        return Skipped(ref=step.key, reason=reason, code=code)

    def _ref_of(self, step: Step) -> str:
        if step.what in {"node", "leaf"}:
            return str(Ref(Kind.MODULE, ids.decode(step.key)))
        if step.what == "file":
            return str(Ref(Kind.FILE, step.key))
        resource = self.index.resource(step.key)
        kind = resource.kind if resource and resource.kind else Kind.OPAQUE
        return str(Ref(kind, ids.decode(step.key)))

    def container(self) -> Container:
        """The course: the manifest's metadata, and Canvas's settings where they are present."""
        course, notes = self.course, list(self.course.notes)
        told = self._course_settings(notes)
        summary = self._syllabus(notes)
        notes += self._unlisted()
        record = Container(
            remote_id=self.container_id,
            title=course.title or told.get("title", "") or PurePosixPath(self.archive.name).stem,
            code=told.get("course_code") or None,
            summary_html=as_html(course.summary) if summary is None else summary,
            language=course.language or told.get("locale") or None,
            starts_at=canvas.when(told.get("start_at", "")),
            ends_at=canvas.when(told.get("conclude_at", "")),
            lost=tuple(dict.fromkeys(notes)),
        )
        raw = {
            "identifier": course.identifier,
            "schema": course.schema,
            "version": course.version,
            "title": course.title,
            "settings": told,
        }
        return stamped(record, raw)

    def _course_settings(self, notes: list[str]) -> dict[str, str]:
        if self.archive.find(canvas.SETTINGS) != canvas.SETTINGS:
            return {}
        try:
            data = self.archive.read(canvas.SETTINGS)
            root, mended = parse_xml(data, canvas.SETTINGS, self.archive.bounds.max_depth)
        except BloopError as err:
            notes.append(f"{canvas.SETTINGS} could not be read: {err}")
            return {}
        notes += mended
        return canvas.settings(root)

    def _syllabus(self, notes: list[str]) -> str | None:
        """Canvas's syllabus, which describes the course; None where there is none."""
        path = self.archive.find(canvas.SYLLABUS)
        if path is None:
            return None
        try:
            document = read_document(self.archive.read(path))
        except SkippableError as err:
            notes.append(f"the syllabus could not be read: {err}")
            return None
        links = Links(self.archive, self.index, "course_settings")
        html = links.rewrite(document.body)
        notes += (*document.notes, *links.lost())
        return html

    def _unlisted(self) -> list[str]:
        """What is in the zip or in the manifest and becomes no record of its own."""
        listed = self.index.listed
        paths = [
            path
            for path in self.archive.paths()
            if not listed(path) and not path.startswith(canvas.FOLDER) and path != "imsmanifest.xml"
        ]
        notes: list[str] = []
        if paths:
            named = ", ".join(paths[:10])
            notes.append(f"files that the manifest does not list ({len(paths)}): {named}")
        for resource in self.index.settings():
            missing = [path for path, found in self.index.files(resource.seq) if not found]
            named = f"; missing: {', '.join(missing[:20])}" if missing else ""
            notes.append(
                f"resource {resource.id!r} ({resource.facts['href']}) holds settings{named}"
            )
        return notes

    def _node(self, step: Step) -> Node:
        item = self.index.item(step.key)
        if item is None:
            raise MissingRecordError(f"item {step.key!r} is not in the manifest")
        resource = self.index.resource(step.data) if step.data else None
        leaf = step.what == "leaf"
        parent, position = self.index.place_of(item.seq)
        told = self.index.told_of(item)
        remote_id = ids.decode(item.id)
        if leaf:
            parent, position, remote_id = item.id, 0, remote_id + _LEAF
        lost = [] if resource or item.title else ["the item had no title"]
        lost += told.get("lost", ())
        hidden = canvas.is_hidden(told.get("state", "")) or canvas.is_ahead(told.get("opens", ""))
        record = Node(
            remote_id=remote_id,
            container=self.container_id,
            parent=ids.decode(parent) if parent else None,
            position=position,
            title=item.title or told.get("title", "") or self._title_of(resource) or "Untitled",
            content=Ref(resource.kind, ids.decode(resource.id))
            if resource and resource.kind
            else None,
            published=item.visible and not hidden,
            lost=tuple(lost),
        )
        raw = {"identifier": item.id, "ref": item.ref, "visible": item.visible, "canvas": told}
        return stamped(record, raw)

    def _title_of(self, resource: Resource | None) -> str:
        if resource is None:
            return ""
        made = self.make(Step(0, "content", resource.id, None))
        return made.title if isinstance(made, Content) else ""

    def _content(self, identifier: str) -> Content:
        resource = self.index.resource(identifier)
        if resource is None or resource.kind is None:
            raise MissingRecordError(f"resource {identifier!r} is not in the manifest")
        source = Source(self.archive, self.index, self.container_id, resource)
        try:
            if resource.kind is Kind.FILE:
                record: Content = file(source, lambda path: self._open_chunks(self.archive, path))
            else:
                record = _BUILDERS[resource.kind](source)
        except SkippableError as err:
            err.ref = err.ref or source.ref
            raise
        return stamped(record, source.raw())

    def _extra_file(self, path: str) -> File:
        """A file of a resource beside its main one: its remote id is its path."""
        holder = self.index.holder(path)
        entry = self.archive.entry(path)
        name = PurePosixPath(path).name
        hidden = bool(holder and holder.facts.get("hidden"))
        hidden = hidden or canvas.is_closed(self.index, path)
        record = File(
            remote_id=path,
            container=self.container_id,
            title=name,
            published=not hidden,
            name=name,
            media_type=media_type(name),
            size=entry.size,
            path=path.removeprefix("web_resources/"),
            chunks=self._open_chunks(self.archive, path),
        )
        raw = {"files": [entry.facts()], "resource": holder.id if holder else None}
        return stamped(record, raw)

    def step_of(self, ref: Ref) -> Step | None:
        """The step that makes a record, by the ref that points at it."""
        if ref.kind is Kind.COURSE:
            return (
                self.index.step_of("container", "") if ref.remote_id == self.container_id else None
            )
        names = (ref.remote_id, ids.encode(str(ref.kind), ref.remote_id))
        for name in names:
            if ref.kind is Kind.MODULE:
                found = self._node_step(name)
            else:
                resource = self.index.resource(name)
                fits = resource is not None and resource.kind is ref.kind
                found = self.index.step_of("content", name) if fits else None
            if found:
                return found
        return self.index.step_of("file", ref.remote_id) if ref.kind is Kind.FILE else None

    def _node_step(self, name: str) -> Step | None:
        if name.endswith(_LEAF):
            return self.index.step_of("leaf", name.removesuffix(_LEAF))
        return self.index.step_of("node", name)
