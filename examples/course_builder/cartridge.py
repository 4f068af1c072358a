"""Puts the whole cartridge together as one reproducible zip file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from course_builder.generated import generated_assets
from course_builder.load import load_course
from course_builder.manifest import manifest_xml
from course_builder.markdown import Renderer
from course_builder.model import Course
from course_builder.resources import Resource, ResourceMaker, asset_resource

ASSET_FOLDERS = ("files", "images")
TIMESTAMP = (2026, 1, 1, 0, 0, 0)


def build_cartridge(root: Path) -> bytes:
    """The bytes of the ``.imscc`` for the course in *root*."""
    course = load_course(root.resolve())
    resources = course_resources(course)
    entries = {resource.path: resource.content for resource in resources}
    return _zip({"imsmanifest.xml": manifest_xml(course, resources)}, entries)


def course_resources(course: Course) -> list[Resource]:
    """Every resource: the items in reading order, then pictures and files by name."""
    assets = _assets(course.root)
    maker = ResourceMaker(course, Renderer(course.root, frozenset(assets)))
    items = [item for module in course.modules for item in module.items]
    made = [maker.make(item) for item in items if item.type != "file"]
    return made + [asset_resource(name, assets[name]) for name in sorted(assets)]


def _assets(root: Path) -> dict[str, bytes]:
    """Cartridge name and content of every picture, sound and data file."""
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in ASSET_FOLDERS
        for path in (root / folder).iterdir()
        if path.is_file() and not path.name.startswith(".")
    }
    return found | generated_assets()


def _zip(first: dict[str, bytes], rest: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in [*first.items(), *sorted(rest.items())]:
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
