"""A course as ``core_course_get_contents`` gives it: sections, and modules in their order."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bloop_moodle.conditions import FOR_SOME, is_closed, is_for_some
from bloop_moodle.functions import ACTIVITIES
from bloop_moodle.values import (
    body,
    digest,
    flag,
    identifier,
    inner_json,
    integer,
    moment,
    name,
    without,
    words,
)
from bloop_sdk.errors import MalformedRecordError
from bloop_sdk.records import JSONObject, Kind, Node, Ref

KINDS = {
    "assign": Kind.ASSIGNMENT,
    "forum": Kind.DISCUSSION,
    "glossary": Kind.PAGE,
    "label": Kind.PAGE,
    "lti": Kind.TOOL,
    "page": Kind.PAGE,
    "quiz": Kind.QUIZ,
    "resource": Kind.FILE,
    "url": Kind.LINK,
}
"""What a module's own content is; all others are opaque, or places only."""
PLACES = frozenset({"book", "folder", "subsection"})
"""Modules that are places in the tree, with content below them."""

_SEPARATE_GROUPS = 1
_STEALTH = -1
"""The section of what is open to learners and shown on no course page, as its own is hidden."""
_OF_THE_READER = (
    "modicon",
    "modplural",
    "purpose",
    "branded",
    "completiondata",
    "activitybadge",
    "onclick",
    "afterlink",
)
"""What differs by reader, language, theme or cache, and is not the module's."""


def content_ref(kind: str, cmid: str) -> Ref:
    """The content of a module of some type, or its place where it is nothing but one."""
    if kind in PLACES:
        return Ref(Kind.MODULE, f"cm{cmid}")
    return Ref(KINDS.get(kind, Kind.OPAQUE), cmid)


@dataclass(frozen=True, slots=True)
class Module:
    """One activity or resource. ``open`` says whether this account may see what is in it."""

    cmid: str
    type: str
    instance: str | None
    name: str
    section: str
    position: int
    parent: str | None
    published: bool
    open: bool
    restriction: str
    tracked: bool
    separate: bool
    due: datetime | None
    signature: str
    entry: JSONObject = field(repr=False, hash=False, compare=False)

    @property
    def node_id(self) -> str:
        """The id of its place in the tree."""
        return f"cm{self.cmid}"

    @property
    def content(self) -> Ref | None:
        """Its own content, which has the id of the course module."""
        return None if self.type in PLACES else content_ref(self.type, self.cmid)


@dataclass(frozen=True, slots=True)
class Part:
    """A section. A delegated one (a subsection) has the place of its module, the ``host``."""

    id: str
    title: str
    position: int
    published: bool
    summary: str
    entry: JSONObject = field(repr=False, hash=False, compare=False)
    host: str | None = None

    @property
    def node_id(self) -> str:
        """The id of its place in the tree, where that is not its host's."""
        return f"section{self.id}"


@dataclass(frozen=True, slots=True)
class Outline:
    """Sections and modules of a course, in order, as read ``at`` a time of the site's clock.

    ``shut`` are sections that this account may not see: Moodle lists nothing of what is in them.
    ``touched`` are the modules that have changed ``since`` then; None: anything may have.
    """

    course: str
    at: int | None
    parts: tuple[Part, ...]
    modules: dict[str, Module]
    shut: frozenset[str] = frozenset()
    since: int | None = None
    touched: frozenset[str] | None = None

    def of(self, types: Iterable[str]) -> list[Module]:
        """The modules of some types."""
        wanted = frozenset(types)
        return [module for module in self.modules.values() if module.type in wanted]

    def by_instance(self, kind: str, instance: Any) -> Module | None:
        """The module with an id that is unique within its type."""
        found = identifier(instance)
        return next(
            (m for m in self.modules.values() if m.type == kind and m.instance == found), None
        )

    def trimmed(self) -> Outline:
        """The same without what takes memory and is not needed again."""
        kept = {"book", *ACTIVITIES}
        modules = {
            cmid: module if module.type in kept else replace(module, entry={})
            for cmid, module in self.modules.items()
        }
        return replace(self, parts=(), modules=modules)


def read_outline(course: str, answer: Any, at: int | None) -> Outline:
    """The outline of an answer; raises MalformedRecordError where it is none.

    A course always has a section; one without any is a broken answer, not an empty course.
    """
    if not isinstance(answer, list) or not answer:
        raise MalformedRecordError(f"course {course}: core_course_get_contents gave no section")
    sections = [one for one in answer if isinstance(one, dict) and identifier(one.get("id"))]
    hosts = {
        str(module.get("instance")): module
        for section in sections
        for module in _modules(section)
        if module.get("modname") == "subsection"
    }
    parts: list[Part] = []
    modules: dict[str, Module] = {}
    now = int(time.time()) if at is None else at
    # Subsections after the sections that hold them: parents come first.
    for position, section in sorted(enumerate(sections), key=lambda each: _delegated(each[1])):
        host = hosts.get(str(section.get("itemid"))) if _delegated(section) else None
        part = _part(section, position, host, now)
        parts.append(part)
        for module in _read_modules(section, part, now):
            modules[module.cmid] = module
    for section in answer:
        if isinstance(section, dict) and integer(section.get("id")) == _STEALTH:
            modules |= {module.cmid: module for module in _read_modules(section, None, now)}
    shut = (section for section in sections if not flag(section.get("uservisible", True)))
    closed = frozenset(str(identifier(section.get("id"))) for section in shut)
    return Outline(course, at, tuple(parts), modules, closed)


def part_node(course: str, part: Part) -> Node:
    """A section's place in the tree."""
    return Node(
        remote_id=part.node_id,
        container=course,
        position=part.position,
        title=part.title,
        published=part.published,
        # Of a section, Moodle tells its conditions in words alone, and while they do not hold.
        lost=(FOR_SOME,) if part.entry.get("availabilityinfo") else (),
        raw=part.entry,
    )


def module_node(course: str, module: Module) -> Node:
    """A module's place in the tree."""
    lost = [] if module.open else [f"restricted: {module.restriction}"]
    if is_for_some(module.entry.get("availability")):
        lost.append(FOR_SOME)
    url = module.entry.get("url")
    return Node(
        remote_id=module.node_id,
        container=course,
        parent=module.parent,
        position=module.position,
        title=module.name,
        content=module.content,
        published=module.published,
        lost=tuple(lost),
        url=url if isinstance(url, str) else None,
        raw={**without(module.entry, "contents", "description"), "open": module.open},
    )


def _modules(section: JSONObject) -> Iterator[JSONObject]:
    modules = section.get("modules")
    if not isinstance(modules, list):
        raise MalformedRecordError(f"section {section.get('id')} has no list of modules")
    return (one for one in modules if isinstance(one, dict) and identifier(one.get("id")))


def _delegated(section: JSONObject) -> bool:
    return section.get("component") == "mod_subsection"


def _part(section: JSONObject, position: int, host: JSONObject | None, now: int) -> Part:
    return Part(
        id=str(identifier(section.get("id"))),
        title=name(section.get("name"), f"Section {integer(section.get('section')) or 0}"),
        position=position,
        # Beyond the number of sections of its format, a section is for who edits the course.
        published=all(flag(one.get("visible", 1)) for one in (section, host or {}))
        and not flag(section.get("hiddenbynumsections"))
        and not is_closed((host or {}).get("availability"), now),
        summary=body(section.get("summary")),
        entry=without(section, "modules"),
        host=f"cm{identifier(host.get('id'))}" if host is not None else None,
    )


def _read_modules(section: JSONObject, part: Part | None, now: int) -> Iterator[Module]:
    parent = part.host or part.node_id if part is not None else None
    visible = part is None or part.published
    for position, given in enumerate(_modules(section), start=1):
        entry = without(given, *_OF_THE_READER)
        shut = is_closed(entry.get("availability"), now)
        published = visible and flag(entry.get("visible", 1)) and not shut
        may_see = flag(entry.get("uservisible", True))
        yield Module(
            cmid=str(identifier(entry.get("id"))),
            type=str(entry.get("modname") or "unknown"),
            instance=identifier(entry.get("instance")),
            name=name(entry.get("name"), str(entry.get("modname") or "Untitled")),
            section=part.id if part is not None else "",
            position=position,
            parent=parent,
            published=published,
            open=may_see and flag(section.get("uservisible", True)),
            restriction=words(entry.get("availabilityinfo")) or "this account may not see it",
            tracked=bool(integer(entry.get("completion"))),
            separate=integer(entry.get("groupmode")) == _SEPARATE_GROUPS,
            due=_due(entry),
            signature=digest([entry, published, may_see]),
            entry=entry,
        )


def _due(entry: JSONObject) -> datetime | None:
    custom = inner_json(entry.get("customdata"))
    return moment(custom.get("duedate")) if isinstance(custom, dict) else None
