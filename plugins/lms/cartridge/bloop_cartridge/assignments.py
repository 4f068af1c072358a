"""Assignments: the IMS extension ``assignment_xmlv1p0`` and Canvas's older settings file."""

from __future__ import annotations

from lxml.etree import _Element as Element

from bloop_cartridge import canvas
from bloop_cartridge.attachments import attached_html
from bloop_cartridge.htmltext import read_document
from bloop_cartridge.source import Source
from bloop_cartridge.xmlsafe import child, children, markup_of, text_of
from bloop_sdk.errors import MissingRecordError
from bloop_sdk.records import Assignment, JSONObject, RubricCriterion, RubricRating

_SETTINGS = "assignment_settings.xml"
_KEPT = {
    "due_at",
    "lock_at",
    "points_possible",
    "rubric_identifierref",
    "submission_types",
    "title",
    "unlock_at",
    "workflow_state",
}
_FORMATS = {"html": "text", "text": "text", "file": "file", "url": "url"}
_CANVAS_TYPES = {
    "online_text_entry": "text",
    "online_upload": "file",
    "online_url": "url",
    "external_tool": "external",
    "none": "none",
}
_EMPTY = {"", "n/a"}


def assignment(source: Source) -> Assignment:
    """An assignment in either form; raises SkippableError."""
    if source.resource.type.lower().startswith("associatedcontent"):
        return _of_canvas(source)
    root = source.root("assignment")
    extension = child(root, "extensions", "assignment")
    values = canvas.settings(extension)
    gradable = child(root, "gradable")
    points = "" if gradable is None else gradable.get("points_possible", "")
    text = child(root, "text")
    body = "" if text is None else source.html(markup_of(text), text.get("texttype", "text/html"))
    body += attached_html(source, root, body)
    for identifier in source.owned:
        source.notes.append(
            f"resource {identifier!r}, for systems without assignments, is left out"
        )
    if child(root, "instructor_text") is not None and text_of(root, "instructor_text"):
        source.notes.append("the text for instructors is not kept")
    types = _canvas_types(source, values) or _formats(source, root)
    return _record(
        source, text_of(root, "title"), body, {"points_possible": points, **values}, types
    )


def _of_canvas(source: Source) -> Assignment:
    """An HTML file with ``assignment_settings.xml`` beside it."""
    settings = next((path for path in source.files() if path.endswith(_SETTINGS)), None)
    if settings is None:
        source.notes.append("the assignment's settings are not in the zip")
    values = canvas.settings(source.parse_settings(settings) if settings else None)
    pages = [path for path in source.files() if path.endswith((".html", ".htm"))]
    pages.sort(key=lambda path: path != source.resource.path)
    body = ""
    if pages:
        document = read_document(source.archive.read(pages[0]))
        source.notes += document.notes
        body = source.links.rewrite(document.body)
    elif settings is None:
        raise MissingRecordError(f"resource {source.resource.id!r}: no file of it is in the zip")
    else:
        source.notes.append("the assignment's text is not in the zip")
    return _record(source, values.get("title", ""), body, values, _canvas_types(source, values))


def _record(
    source: Source, title: str, html: str, values: dict[str, str], types: tuple[str, ...]
) -> Assignment:
    source.notes += canvas.unkept(values, _KEPT)
    if tool := values.get("external_tool_url"):
        source.notes.append(f"the tool that it is handed in with: {tool}")
    rubric = _rubric(source, values.get("rubric_identifierref", ""))
    return Assignment(
        **source.common(title, hidden=canvas.is_withheld(values)),
        html=html,
        points=canvas.number(values.get("points_possible", "")),
        due_at=canvas.when(values.get("due_at", "")),
        opens_at=canvas.when(values.get("unlock_at", "")),
        closes_at=canvas.when(values.get("lock_at", "")),
        shown_from=canvas.ahead(values.get("unlock_at", "")),
        submission_types=types,
        rubric=rubric,
    )


def _formats(source: Source, root: Element) -> tuple[str, ...]:
    formats = child(root, "submission_formats")
    named = [] if formats is None else [f.get("type", "") for f in children(formats, "format")]
    return _known(source, named, _FORMATS)


def _canvas_types(source: Source, values: dict[str, str]) -> tuple[str, ...]:
    named = [name.strip() for name in values.get("submission_types", "").split(",")]
    return _known(source, named, _CANVAS_TYPES)


def _known(source: Source, named: list[str], known: dict[str, str]) -> tuple[str, ...]:
    source.notes += [
        f"a way to hand in is not kept: {name}"
        for name in named
        if name not in known and name not in _EMPTY
    ]
    return tuple(dict.fromkeys(known[name] for name in named if name in known))


def _rubric(source: Source, identifier: str) -> tuple[RubricCriterion, ...]:
    if not identifier:
        return ()
    found = source.index.canvas("rubric", identifier)
    if found is None:
        source.notes.append(f"the rubric {identifier!r} is not in the cartridge")
        return ()
    return tuple(_criterion(row) for row in found["criteria"])


def _criterion(row: JSONObject) -> RubricCriterion:
    return RubricCriterion(
        title=row["title"],
        points=row["points"],
        description=row["description"],
        ratings=tuple(RubricRating(**rating) for rating in row["ratings"]),
    )
