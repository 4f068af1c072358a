"""What Canvas adds to a cartridge: ``course_settings/*.xml``.

The format is described by https://canvas.instructure.com/xsd/cccv1p0.xsd. None of it is needed to
read a course, so a broken file costs what it would have told and a note.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from lxml import etree
from lxml.etree import _Element as Element

from bloop_cartridge.archive import Archive
from bloop_cartridge.encoding import settle
from bloop_cartridge.index import Index
from bloop_cartridge.xmlsafe import child, children, forget, local, parse_xml, stream_xml, text_of
from bloop_sdk.archives import BROKEN
from bloop_sdk.errors import BloopError
from bloop_sdk.records import JSONObject

FOLDER = "course_settings/"
SETTINGS = FOLDER + "course_settings.xml"
SYLLABUS = FOLDER + "syllabus.html"
MODULES = FOLDER + "module_meta.xml"
FILES = FOLDER + "files_meta.xml"
RUBRICS = FOLDER + "rubrics.xml"
_USED = frozenset({SETTINGS, SYLLABUS, MODULES, FILES, RUBRICS, FOLDER + "canvas_export.txt"})
_HIDDEN_STATES = frozenset({"unpublished", "deleted", "post_delayed"})
_SMALL = 256 * 1024
_RULES = {
    "prerequisites": "the modules that have to be done before",
    "completionRequirements": "what has to be done in it to complete it",
}

_DEFAULTS = {
    "grading_type": "points",
    "quiz_type": "assignment",
    "scoring_policy": "keep_highest",
    "show_correct_answers": "true",
}
# Settings that carry no wish of a teacher, only Canvas's bookkeeping.
_BOOKKEEPING = frozenset(
    {
        "all_day",
        "all_day_date",
        "assignment",
        "assignment_group_identifierref",
        "assignment_overrides",
        "could_be_locked",
        "description",
        "discussion_type",
        "grader_comments_visible_to_graders",
        "grader_names_visible_to_final_grader",
        "migration_id",
        "position",
        "post_policy",
        "quiz_identifierref",
        "topic_id",
        "type",
        "rubric_use_for_grading",
    }
)


def when(text: str) -> datetime | None:
    """A time of Canvas, which means UTC where it names no zone; None for none or nonsense."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def ahead(text: str) -> datetime | None:
    """A time of Canvas that has not come yet, or None."""
    found = when(text)
    return found if found is not None and found > datetime.now(UTC) else None


def is_ahead(text: str) -> bool:
    """Whether a time of Canvas has not come yet."""
    return ahead(text) is not None


def number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if abs(found) < 1e15 else None


def is_hidden(state: str) -> bool:
    """Whether a ``workflow_state`` keeps something from learners."""
    return state in _HIDDEN_STATES


def is_withheld(values: dict[str, str]) -> bool:
    """Whether settings keep something from learners, or show it to named ones alone."""
    named_alone = values.get("only_visible_to_overrides") == "true"
    return named_alone or is_hidden(values.get("workflow_state", ""))


def settings(element: Element | None) -> dict[str, str]:
    """The leaves of a settings element by their names."""
    if element is None:
        return {}
    return {local(leaf): text_of(leaf) for leaf in element if not len(leaf)}


def unkept(values: dict[str, str], kept: set[str]) -> tuple[str, ...]:
    """A note on settings that say something and have no place in a record."""
    names = sorted(
        name
        for name, value in values.items()
        if value not in {"", "false", "0", "0.0", _DEFAULTS.get(name)}
        and name not in kept | _BOOKKEEPING
    )
    return (f"settings of Canvas that are not kept: {', '.join(names)}",) if names else ()


def read_settings(archive: Archive, index: Index) -> list[str]:
    """Put modules, files and rubrics into the index; gives notes on what is not kept."""
    notes: list[str] = []
    for path, names, keep in (
        (MODULES, ("module", "item"), _keep_module),
        (FILES, ("file", "folder"), _keep_file),
        (RUBRICS, ("rubric",), _keep_rubric),
    ):
        if archive.find(path) == path:
            notes += _read_each(archive, path, names, keep, index)
    unused = [
        path
        for path in archive.paths()
        if path.startswith(FOLDER) and path not in _USED and not _is_empty(archive, path)
    ]
    if unused:
        notes.append(f"settings of Canvas that are not kept: {', '.join(sorted(unused)[:20])}")
    return notes


def _read_each(
    archive: Archive,
    path: str,
    names: tuple[str, ...],
    keep: Callable[[Index, Element], None],
    index: Index,
) -> list[str]:
    """Stream a settings file, hand each element of some names to ``keep``, forget it."""
    where = f"{archive.name}: {path}"
    try:
        encoding, note = settle(archive.chunks(path))
        for event, element in stream_xml(
            archive.chunks(path), encoding, where, archive.bounds.max_depth
        ):
            if event == "end" and local(element) in names:
                keep(index, element)
                forget(element)
    except (BloopError, etree.XMLSyntaxError, *BROKEN) as err:
        return [f"{path} could not be read: {err}"]
    return [f"{path}: {note}"] if note else []


def _keep_module(index: Index, element: Element) -> None:
    found = settings(element)
    data: JSONObject = {
        "state": found.get("workflow_state", ""),
        "title": found.get("title", ""),
        "type": found.get("content_type", ""),
        "url": found.get("url", ""),
        "new_tab": found.get("new_tab", ""),
        "launch": found.get("lti_resource_link_lookup_uuid", ""),
    }
    if opens := found.get("unlock_at"):
        data["opens"] = opens
        data["lost"] = [f"when it opens: {opens}"]
    if found.get("require_sequential_progress") == "true":
        data.setdefault("lost", []).append("that its items are done one after another")
    for name, lost in _RULES.items():
        if (rules := child(element, name)) is not None and len(rules):
            data.setdefault("lost", []).append(lost)
    shown = {key: value for key, value in data.items() if value}
    index.add_canvas("node", element.get("identifier", ""), shown)


def _keep_file(index: Index, element: Element) -> None:
    """A file, or a folder that keeps from learners what is below it."""
    found = settings(element)
    times = [f"{name}: {found[name]}" for name in ("unlock_at", "lock_at") if found.get(name)]
    data: JSONObject = {
        "title": found.get("display_name", ""),
        "closed": found.get("locked") == "true" or is_ahead(found.get("unlock_at", "")),
        "hidden": found.get("hidden") == "true",
        "lost": [f"times of Canvas that are not kept: {', '.join(times)}"] if times else [],
    }
    if local(element) == "folder":
        index.add_canvas("folder", element.get("path", "").strip("/"), data)
    else:
        index.add_canvas("file", element.get("identifier", ""), data)


def is_closed(index: Index, path: str) -> bool:
    """Whether a file is not for learners by itself, or a folder that it lies in is locked.

    One that is hidden is not: Canvas shows its files wherever a page links to them.
    """
    if index.canvas("closed", path) is not None:
        return True
    folders = PurePosixPath(path.removeprefix("web_resources/")).parents
    told = (index.canvas("folder", "" if str(one) == "." else str(one)) for one in folders)
    return any(one and one["closed"] for one in told)


def _keep_rubric(index: Index, element: Element) -> None:
    criteria = child(element, "criteria")
    rows = [] if criteria is None else [_criterion(row) for row in children(criteria, "criterion")]
    index.add_canvas("rubric", element.get("identifier", ""), {"criteria": rows})


def _criterion(element: Element) -> JSONObject:
    ratings = child(element, "ratings")
    rows = () if ratings is None else tuple(children(ratings, "rating"))
    return {
        "title": text_of(element, "description"),
        "description": text_of(element, "long_description"),
        "points": number(text_of(element, "points")) or 0.0,
        "ratings": [
            {
                "title": text_of(row, "description"),
                "description": text_of(row, "long_description"),
                "points": number(text_of(row, "points")) or 0.0,
            }
            for row in rows
        ],
    }


def _is_empty(archive: Archive, path: str) -> bool:
    """Whether a settings file holds its root and nothing in it."""
    if archive.entry(path).size > _SMALL:
        return False
    try:
        root, _ = parse_xml(archive.read(path), path, archive.bounds.max_depth)
    except BloopError:
        return False
    return not len(root)
