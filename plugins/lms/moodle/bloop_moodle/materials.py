"""What the course page itself gives: sections, labels, links, files, folders, unknown things."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bloop_moodle.files import Fetch, Files, plain_url
from bloop_moodle.ledger import Made
from bloop_moodle.outline import Module, Part, part_node
from bloop_moodle.values import body, digest, moment, name, without
from bloop_sdk.records import (
    File,
    JSONObject,
    Kind,
    Link,
    Node,
    Opaque,
    Page,
    Record,
    Ref,
    Skipped,
)

TYPES = frozenset({"label", "url", "resource", "folder"})


def part_records(course: str, part: Part) -> Made:
    """A section: its place, and its summary as the first page in it.

    The place of a subsection is that of its module.
    """
    made = Made([part_node(course, part)] if part.host is None else [])
    if part.summary.strip():
        remote_id = f"{part.node_id}@{course}"
        raw = {**part.entry, "published": part.published}  # Which a subsection's host decides too.
        made.records.append(
            Page(
                remote_id=remote_id,
                container=course,
                title=part.title,
                html=part.summary,
                published=part.published,
                raw=raw,
            )
        )
        made.records.append(
            Node(
                remote_id=f"{part.node_id}-summary",
                container=course,
                parent=part.host or part.node_id,
                position=0,
                title=part.title,
                content=Ref(Kind.PAGE, remote_id),
                published=part.published,
                raw=raw,
            )
        )
    return made


def material(course: str, module: Module, fetch: Fetch) -> Made:
    """What the course page holds of a module, besides its place in the tree."""
    files = Files(module.cmid, course, module.published, fetch)
    entries = [one for one in module.entry.get("contents") or () if isinstance(one, dict)]
    if module.type == "label":
        return Made([_page(course, module, files)])
    if module.type == "url":
        return _link(course, module, entries)
    if module.type == "resource":
        return _resource(module, entries, files)
    if module.type == "folder":
        return Made(list(_folder(course, module, entries, files)))
    return Made([_opaque(course, module, files)])


def raw_of(module: Module) -> JSONObject:
    """A module as it came, and whether learners see it, which its section decides too."""
    return {**module.entry, "published": module.published}


def _page(course: str, module: Module, files: Files) -> Page:
    text = files.linked(body(module.entry.get("description")))
    return Page(
        remote_id=module.cmid,
        container=course,
        title=module.name,
        html=text,
        published=module.published,
        raw=raw_of(module),
        lost=files.unknown(text),
    )


def _link(course: str, module: Module, entries: list[JSONObject]) -> Made:
    entry = next((one for one in entries if one.get("type") == "url"), {})
    href = plain_url(entry.get("fileurl"))
    if not href:
        reason = "the link has no address"
        return Made(skipped=[Skipped(ref=str(module.content), reason=reason, raw=module.entry)])
    link = Link(
        remote_id=module.cmid,
        container=course,
        title=module.name,
        href=href,
        # 3 opens a window in Moodle (RESOURCELIB_DISPLAY_NEW), 6 a popup.
        new_window=_display(module) in {3, 6},
        published=module.published,
        raw=raw_of(module),
        updated_at=moment(entry.get("timemodified")),
    )
    return Made([link])


def _display(module: Module) -> object:
    try:
        custom = json.loads(module.entry.get("customdata") or "null")
    except (TypeError, ValueError):
        return None
    return custom.get("display") if isinstance(custom, dict) else None


def _resource(module: Module, entries: list[JSONObject], files: Files) -> Made:
    """One file, or a page of several: the first by Moodle's order is the one that opens."""
    listed = sorted(
        (one for one in entries if one.get("type") == "file"),
        key=lambda one: -int(one.get("sortorder") or 0),
    )
    for index, entry in enumerate(listed):
        files.add(entry, as_owner=index == 0)
    if not files.records:
        reason = "the resource has no file"
        return Made(skipped=[Skipped(ref=str(module.content), reason=reason, raw=module.entry)])
    return Made(list(files.records.values()))


def _folder(
    course: str, module: Module, entries: list[JSONObject], files: Files
) -> Iterator[Record]:
    """The files of a folder, below places for its own folders."""
    places: dict[str, str] = {"": module.node_id}
    for position, entry in enumerate(entries, start=1):
        file = files.add(entry)
        if file is None:
            continue
        folder = str(entry.get("filepath") or "/").strip("/")
        for place in _ancestors(folder):
            if place not in places:
                places[place] = f"{module.node_id}-p{digest(place)}"
                yield _place(course, module, places, place, position)
        yield file
        yield _leaf(course, module, file, places[folder], position)


def _ancestors(folder: str) -> list[str]:
    steps = [step for step in folder.split("/") if step]
    return ["/".join(steps[: count + 1]) for count in range(len(steps))]


def _place(course: str, module: Module, places: dict[str, str], folder: str, position: int) -> Node:
    above, _, own = folder.rpartition("/")
    return Node(
        remote_id=places[folder],
        container=course,
        parent=places[above],
        position=position,
        title=name(own, "Folder"),
        published=module.published,
        raw={"folder": folder},
    )


def _leaf(course: str, module: Module, file: File, parent: str, position: int) -> Node:
    return Node(
        remote_id=f"node-{file.remote_id}",
        container=course,
        parent=parent,
        position=position,
        title=file.title,
        content=file.ref,
        published=module.published,
        raw=file.raw,
    )


def _opaque(course: str, module: Module, files: Files) -> Opaque:
    text = files.linked(body(module.entry.get("description")))
    return Opaque(
        remote_id=module.cmid,
        container=course,
        title=module.name,
        remote_kind=module.type,
        html=text,
        published=module.published,
        raw=without(raw_of(module), "contents"),
        lost=(f"what is in it: no connector reads Moodle's {module.type}",),
    )
