"""What an export says of a note besides its text: times, tags, attributes, tasks, attachments.

The elements are those of evernote-export4.dtd and its older versions; 10.x adds ``task``, and
other programs add ``guid``. Nothing is resolved or fetched, and broken XML is mended.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree
from lxml.etree import _Element as Element

from bloop_sdk.errors import MalformedRecordError

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = re.compile(r"&(?:#(x?)([0-9A-Fa-f]{1,7});|([A-Za-z][A-Za-z0-9]{0,31});)?")
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_BLANKS = re.compile(r"\s+")
_TWELVE = re.compile(r"(\d{8})T(\d{1,2})(\d{4})\s*([AP])MZ")
_SAFE: dict[str, Any] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}


@dataclass(slots=True)
class Resource:
    """An attachment as its XML describes it; ``data`` is the number of its range, or None."""

    data: int | None = None
    mime: str = ""
    name: str = ""
    source_url: str = ""
    object_id: str = ""
    alternate: bool = False
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class EvernoteTask:
    """A ``<task>``: ``group`` is the place in the text that shows it."""

    title: str
    done: bool
    due_at: datetime | None
    group: str
    weight: str
    lost: list[str]
    raw: dict[str, Any]


@dataclass(slots=True)
class Facts:
    """A note without its text. ``lost`` tells what had to be mended."""

    title: str = ""
    guid: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    tags: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    application: dict[str, str] = field(default_factory=dict)
    resources: list[Resource] = field(default_factory=list)
    tasks: list[EvernoteTask] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def decode(data: bytes) -> tuple[str, list[str]]:
    """Text of bytes that should be UTF-8, without what XML forbids; and what that took away."""
    lost = []
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
        lost.append(f"{text.count(chr(0xFFFD))} characters that are no UTF-8")
    clean, count = _CONTROL.subn("", text)
    if count:
        lost.append(f"{count} control characters")
    return clean, lost


def mend(text: str) -> str:
    """``text`` with HTML's entities as characters and every other ``&`` as itself."""
    return _REFERENCE.sub(_reference, text)


def _reference(found: re.Match[str]) -> str:
    whole, (hexadecimal, digits, name) = found[0], found.groups()
    if digits:
        try:
            code = int(digits, 16 if hexadecimal else 10)
        except ValueError:
            return f"&amp;{whole[1:]}"
        fine = code < 0x110000 and not _CONTROL.match(chr(code))
        return whole if fine else ""
    if name in _XML_NAMES:
        return whole
    text = html.unescape(whole) if name else whole
    return f"&amp;{whole[1:]}" if text == whole else html.escape(text, quote=False)


def parse(data: bytes) -> Facts:
    """The facts of a note; raises MalformedRecordError where nothing can be made of them."""
    text, lost = decode(data)
    root = _tree(text, lost)
    if root is None or root.tag != "note":
        raise MalformedRecordError("its XML cannot be read")
    facts = Facts(lost=lost)
    for element in root:
        _take(facts, element)
    return facts


def _tree(text: str, lost: list[str]) -> Element | None:
    root: Element | None
    try:
        root = etree.fromstring(text.encode(), etree.XMLParser(**_SAFE))
    except etree.XMLSyntaxError:
        pass
    else:
        return root
    mended = mend(text).encode()
    try:
        root = etree.fromstring(mended, etree.XMLParser(**_SAFE))
    except etree.XMLSyntaxError as err:
        lost.append(f"what its broken XML hides: {err.msg}")
        with suppress(etree.XMLSyntaxError):
            root = etree.fromstring(mended, etree.XMLParser(recover=True, **_SAFE))
            return root
        return None
    lost.append("entities of its facts that XML does not know: read as characters")
    return root


def _take(facts: Facts, element: Element) -> None:
    tag = str(element.tag)
    if tag in {"title", "guid"}:
        setattr(facts, tag, line(element))
    elif tag in {"created", "updated"}:
        setattr(facts, tag, _time_of(facts, element))
    elif tag == "tag":
        facts.tags.append(line(element))
    elif tag == "note-custom-metadata":  # What evernote-backup adds when it is asked to.
        facts.guid = facts.guid or dict(attributes(element)).get("guid", "")
    elif tag == "note-attributes":
        for name, value in attributes(element):
            into = facts.application if name.startswith("\0") else facts.attributes
            into[name.lstrip("\0")] = value
    elif tag == "resource":
        facts.resources.append(_resource(element))
    elif tag == "task":
        facts.tasks.append(_task(element))


def line(element: Element) -> str:
    """An element's text in one line."""
    return _BLANKS.sub(" ", "".join(element.itertext())).strip()


def attributes(element: Element) -> Iterator[tuple[str, str]]:
    """Names and values; those of ``application-data`` have their key, behind a NUL."""
    for child in element:
        value = line(child) if isinstance(child.tag, str) else ""
        if value and child.tag == "application-data":
            yield f"\0{child.get('key') or ''}", value
        elif value:
            yield str(child.tag), value


def time(text: str) -> datetime | None:
    """``20240309T065929Z``, ISO 8601 or milliseconds since 1970, in UTC.

    And ``20180306T91108 AMZ``, which Evernote writes where the system counts hours to twelve.
    """
    try:
        if text.isdecimal() and len(text) in {12, 13}:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        twelve = _TWELVE.fullmatch(text)
        if twelve and 1 <= int(twelve[2]) <= 12:
            hour = int(twelve[2]) % 12 + (12 if twelve[4] == "P" else 0)
            text = f"{twelve[1]}T{hour:02}{twelve[3]}Z"
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return None


def _time_of(facts: Facts, element: Element) -> datetime | None:
    text = line(element)
    found = time(text)
    if text and found is None:
        facts.lost.append(f"a date that is none: {element.tag!s} {text[:60]}")
    return found


def _resource(element: Element) -> Resource:
    made = Resource()
    for child in element:
        match child.tag:
            case "data":
                number = line(child)
                made.data = int(number) if number.isdecimal() else None
            case "mime":
                made.mime = line(child).lower()
            case "recognition":
                made.object_id = line(child).lower()
            case "alternate-data":
                made.alternate = True
            case "resource-attributes":
                found = dict(attributes(child))
                made.name = found.pop("file-name", "")
                made.source_url = found.pop("source-url", "")
                made.attributes |= {key.replace("\0", "app:"): v for key, v in found.items()}
            case str():
                made.attributes[child.tag] = line(child)
            case _:
                pass
    return made


def _task(element: Element) -> EvernoteTask:
    raw: dict[str, Any] = {}
    reminders = []
    for child in element:
        if child.tag == "reminder":
            reminders.append({str(one.tag): line(one) for one in child})
        elif isinstance(child.tag, str):
            raw[child.tag] = line(child)
    title = raw.get("title", "")
    return EvernoteTask(
        title=title,
        done=raw.get("taskStatus") == "completed",
        due_at=time(raw.get("dueDate", "")),
        group=raw.get("taskGroupNoteLevelID", ""),
        weight=raw.get("sortWeight", ""),
        lost=[f"{what} of the task {title[:80]!r}" for what in _not_kept(raw, reminders)],
        raw={**raw, **({"reminders": reminders} if reminders else {})},
    )


def _not_kept(raw: dict[str, Any], reminders: list[dict[str, str]]) -> Iterator[str]:
    for reminder in reminders:
        at = time(reminder.get("reminderDate", ""))
        yield f"the reminder at {at.isoformat()}" if at else "a reminder"
    if rule := raw.get("recurrence") or raw.get("rrule"):
        yield f"the recurrence ({rule[:120]})"
    if raw.get("repeatAfterCompletion") == "true":
        yield "the repetition after completion"
    if raw.get("taskFlag") == "true":
        yield "the flag"
    if assigned := raw.get("assignedTo") or raw.get("assignee"):
        yield f"the assignment to {assigned[:80]}"
    if raw.get("priority"):
        yield f"the priority {raw['priority'][:20]}"
    if raw.get("dueDate") and time(raw["dueDate"]) is None:
        yield f"the due date {raw['dueDate'][:60]}"
    if raw.get("description"):
        yield "the description"
    if raw.get("taskStatus") not in {None, "open", "completed"}:
        yield f"the state {raw['taskStatus'][:40]}"
