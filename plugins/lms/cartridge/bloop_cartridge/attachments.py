"""Files that an assignment hands out (``assignment_xmlv1p0``, with a role for each)."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import unquote

from lxml.etree import _Element as Element

from bloop_cartridge.archive import Archive
from bloop_cartridge.index import Index
from bloop_cartridge.links import bloop_url
from bloop_cartridge.source import Source
from bloop_cartridge.xmlsafe import descendants
from bloop_sdk.errors import SkippableError
from bloop_sdk.records import Kind

# The extension's roles are All, Learner, Manager and Instructor.
_LEARNERS = frozenset({"", "all", "learner", "learners", "student"})


def close_attachments(archive: Archive, index: Index) -> None:
    """Mark the files that assignments hand out to instructors alone."""
    for resource in index.resources():
        if resource.kind is not Kind.ASSIGNMENT or not _has_roles(resource.type):
            continue
        source = Source(archive, index, "", resource)
        try:
            root = source.root("assignment")
        except SkippableError:
            continue  # Its record says so.
        for href, learners in _attached(root):
            path = None if learners else source.links.path(href)
            if path is not None:
                index.add_canvas("closed", path, {})


def attached_html(source: Source, root: Element, body: str) -> str:
    """The attachments that learners get as a list of links, those that the body links left out."""
    found: list[str] = []
    for href, learners in _attached(root):
        target = source.links.file(href)
        if target is None:
            source.notes.append(f"attachment not in the cartridge: {href}")
        elif not learners:
            source.notes.append(f"an attachment for instructors is not linked: {href}")
        elif (url := bloop_url(*target)) not in body:
            name = PurePosixPath(unquote(href)).name
            found.append(f'<li><a href="{html.escape(url)}">{html.escape(name)}</a></li>')
    return f"<ul>{''.join(found)}</ul>" if found else ""


def _has_roles(type_: str) -> bool:
    return type_.lower().startswith("assignment_xml")


def _attached(root: Element) -> Iterator[tuple[str, bool]]:
    """Each attachment's address, and whether it is for learners."""
    for element in descendants(root, "attachment"):
        if href := element.get("href", "").strip():
            yield href, element.get("role", "").strip().lower() in _LEARNERS
