"""Records into columns and back. The only place that knows what the hub keeps of each class."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from xxhash import xxh3_128_hexdigest

from bloop.content.models import REMOTE_ID_LENGTH
from bloop.content.plain import LIMITS, NO_COLUMNS, plain_fields
from bloop.content.redact import learner_view
from bloop.content.sanitise import SANITISER_VERSION, sanitise
from bloop.content.texts import html_of_markdown
from bloop.store.errors import InvalidError
from bloop_sdk import MalformedRecordError, Ref, records
from bloop_sdk.records import KIND_OF, Content, Kind, Record

RECORD_VERSION = 1
"""Raise it when the columns made from a record change: every record is then written again."""

_SHARED = frozenset({"remote_id", "remote_version", "url", "lost", "container"})
_OWN_COLUMNS = frozenset({"title", "published", "html"})
_HTML_KEYS = frozenset({"html", "feedback_html", "correct_html", "incorrect_html"})


def kind_of(record: Record) -> Kind:
    """The kind that a record is identified by; raises MalformedRecordError for no known class."""
    kind = _KINDS.get(type(record))
    if kind is None and isinstance(record, records.Container):
        kind = record.kind if record.kind in records.CONTAINER_KINDS else None
    if kind is None:
        raise MalformedRecordError(f"{type(record).__name__} is no record that the hub stores")
    return kind


_KINDS: dict[Any, Kind] = {**KIND_OF, **records.KIND_OF_OTHERS}


def raw_hash(record: Record) -> str:
    """XXH3 of the canonical raw record, or of the record itself where it has no raw one.

    128 bits tell a change, and take a tenth of the time of a hash that withstands forgers: whoever
    forges two of their own records keeps the hub from one of them, which they can as well not send.
    Where a record stands is part of it: a move need not show in ``raw``. Raises
    MalformedRecordError for what is no JSON.
    """
    return canonical(record)[0]


def canonical(record: Record) -> tuple[str, bytes]:
    """The hash of a record (:func:`raw_hash`), and its raw form as the JSON that was hashed."""
    place: Any = None
    if isinstance(record, records.Node):
        content = str(record.content) if record.content else None
        place = [record.container, record.parent, record.position, content]
        place += [record.title, record.published]
    else:
        place = getattr(record, "container", None)
    body = record.raw or fields_of(record)
    try:
        head = orjson.dumps([type(record).__name__, RECORD_VERSION, place], option=_CANONICAL)
        text = orjson.dumps(body, option=_CANONICAL)
    except (TypeError, orjson.JSONEncodeError) as err:
        raise MalformedRecordError(f"its raw record is no JSON: {err}") from err
    # Looked for from behind, for which Python takes less.
    if (text.rfind(b"\\u0000") >= 0 or b"\\u0000" in head) and _holds_nul([place, body]):
        raise MalformedRecordError("its raw record holds a NUL character")
    return xxh3_128_hexdigest(b"%b,%b]" % (head[:-1], text)), text


_CANONICAL = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def fields_of(record: Record) -> dict[str, Any]:
    """A record's fields in JSON's types; raises MalformedRecordError where one has a wrong type."""
    try:
        fields: dict[str, Any] = _adapter_of(type(record).__name__).dump_python(
            record, mode="json", exclude=set(NO_COLUMNS), warnings="error"
        )
    except (PydanticSerializationError, ValueError, RecursionError) as err:
        reason = str(err).strip().splitlines()[-1].strip()
        raise MalformedRecordError(f"its fields are not what they must be: {reason}") from err
    return fields


@cache
def _adapter_of(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(getattr(records, name))


def columns_of(record: Record, clean: str | None = None) -> dict[str, Any]:
    """The columns that a record fills, ids of other rows aside; its HTML is sanitised.

    ``clean`` stands for the HTML of a content record that somebody else sanitises.
    Raises MalformedRecordError for wrong types, NUL characters and texts that are too long.
    """
    fields = checked_fields(record)
    columns = {
        "remote_id": fields["remote_id"],
        "remote_version": fields["remote_version"],
        "url": fields["url"],
        "lost": fields["lost"],
        "raw": record.raw or None,
    }
    if isinstance(record, Content):
        columns |= content_columns(kind_of(record), fields, clean)
    elif isinstance(record, records.Container):
        columns |= {key: fields[key] for key in ("kind", "title", "code", "language")}
        columns["summary_html"] = sanitise(record.summary_html)
        columns |= {"starts_at": record.starts_at, "ends_at": record.ends_at}
        columns |= {"term": fields["term"], "published": record.published}
        columns["sanitiser"] = SANITISER_VERSION
    else:
        columns |= {name: getattr(record, name) for name in _AS_THEY_ARE[type(record)]}
        for make in _MADE.get(type(record), ()):
            columns |= make(record, fields)
    return columns


def checked_fields(record: Record) -> dict[str, Any]:
    """As :func:`fields_of`, of what every database can store."""
    fields = plain_fields(record)
    if fields is None:
        fields = fields_of(record)
        check_fields(record, fields)
    return fields


_AS_THEY_ARE: dict[type[Record], tuple[str, ...]] = {
    records.Node: ("title", "published"),
    records.Person: ("name", "email", "login"),
    records.Enrolment: ("role", "active"),
    records.Outcome: ("title",),
    records.Section: ("title",),
    records.Submission: (
        *("attempt", "score", "points", "grade", "late"),
        *("submitted_at", "graded_at"),
    ),
    records.Completion: ("completed_at",),
    records.CalendarEvent: ("title", "starts_at", "ends_at", "all_day", "location"),
}
"""Fields that are columns of the same name and type."""


def _of_html(record: Any, _fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"html": sanitise(record.html), "sanitiser": SANITISER_VERSION}


def _of_content(record: Any, _fields: Mapping[str, Any]) -> dict[str, Any]:
    content = record.content
    if content is None:
        return {"item_kind": None, "item_remote_id": None}
    return {"item_kind": str(content.kind), "item_remote_id": content.remote_id}


def _of_state(record: Any, _fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": str(record.state)}


_Make = Callable[[Any, Mapping[str, Any]], dict[str, Any]]

_MADE: dict[type[Record], tuple[_Make, ...]] = {
    records.Node: (lambda node, _: {"position": float(node.position)}, _of_content),
    records.Enrolment: (lambda _, fields: {"sections": fields["sections"]},),
    records.Outcome: (lambda outcome, _: {"parent_remote_id": outcome.parent}, _of_html),
    records.Submission: (
        lambda _, fields: {"comments": fields["comments"]},
        _of_state,
        _of_content,
    ),
    records.Completion: (_of_state, _of_content),
    records.CalendarEvent: (_of_html, _of_content),
}
"""The columns that are not as their fields."""


def content_columns(
    kind: str, fields: Mapping[str, Any], clean: str | None = None
) -> dict[str, Any]:
    """Title, publishing, HTML and data of an item from a content record's fields."""
    data = {
        key: value
        for key, value in fields.items()
        if key not in _SHARED and key not in _OWN_COLUMNS
    }
    data = _sanitised(data)
    if data.get("shown_from"):
        # Statements compare it as a text.
        moment = datetime.fromisoformat(data["shown_from"]).astimezone(UTC)
        data["shown_from"] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        if kind == Kind.QUIZ:
            data["restricted"] = True
    html = fields.get("html", "")
    if not html and data.get("markdown"):
        html = html_of_markdown(data["markdown"])
    return {
        "kind": str(kind),
        "title": fields["title"],
        "published": fields["published"],
        "html": sanitise(html) if clean is None else clean,
        "data": data,
        "learner_data": learner_view(kind, data),
        "sanitiser": SANITISER_VERSION,
    }


def authored_columns(
    kind: Kind, *, title: str, published: bool, html: str, data: Mapping[str, Any]
) -> dict[str, Any]:
    """The same columns from what an author writes; raises InvalidError naming the field."""
    record_class = CLASS_OF[kind]
    own = set(record_class.__dataclass_fields__) - NO_COLUMNS - _SHARED - _OWN_COLUMNS
    if unknown := sorted(set(data) - own):
        raise InvalidError(
            f"data.{unknown[0]}: a {kind} has no such field",
            field=f"data.{unknown[0]}",
            cure=f"it has: {', '.join(sorted(own)) or 'none'}",
        )
    values = {**data, "title": title, "published": published, "remote_id": "-", "container": "-"}
    if "html" in record_class.__dataclass_fields__:
        values["html"] = html
    try:
        record = _adapter_of(record_class.__name__).validate_python(values)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        field = ".".join(["data", *map(str, first["loc"])])
        raise InvalidError(f"{field}: {first['msg']}", field=field) from err
    for name in ("href", "launch_url"):
        if not data.get(name, "http://").startswith(("http://", "https://")):
            raise InvalidError(f"data.{name}: no http or https address", field=f"data.{name}")
    fields = fields_of(record)
    try:
        check_storable(fields)
    except MalformedRecordError as err:
        raise InvalidError(f"data: {err.message}", field="data") from err
    return content_columns(kind, fields)


def _sanitised(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _sanitised(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_sanitised(inner, key) for inner in value]
    return sanitise(value) if key in _HTML_KEYS and isinstance(value, str) else value


def record_of(kind: str, columns: Mapping[str, Any], container: str) -> Content:
    """The record that an item's columns stand for; ``container`` is its container's remote id."""
    fields = dict(columns["data"])
    fields |= {key: columns[key] for key in ("remote_id", "title", "published", "html", "lost")}
    fields |= {key: columns[key] for key in ("remote_version", "url")}
    record_class = CLASS_OF[Kind(kind)]
    known = record_class.__dataclass_fields__
    fields = {key: value for key, value in fields.items() if key in known}
    record: Content = _adapter_of(record_class.__name__).validate_python(
        {**fields, "container": container}
    )
    return record


CLASS_OF: dict[Kind, type[Content]] = {kind: record for record, kind in KIND_OF.items()}


def check_fields(record: Record, fields: Mapping[str, Any]) -> None:
    """Raise MalformedRecordError for types, lengths and texts that columns do not take."""
    try:
        _adapter_of(type(record).__name__).validate_python(fields)
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise MalformedRecordError(f"its {where} is wrong: {first['msg']}") from err
    for name, limit in LIMITS.items():
        value = fields.get(name)
        if isinstance(value, str) and len(value) > limit:
            raise MalformedRecordError(f"its {name} has {len(value)} characters; at most {limit}")
    check_storable(fields)


def check_identity(record: Record) -> None:
    """Raise MalformedRecordError where what a record is found by is not what it must be."""
    if not record.remote_id:
        raise MalformedRecordError("it has no id")
    for key in _names_of(cast("Hashable", type(record))):
        name = getattr(record, key)
        if key == "content":
            name = name.remote_id if isinstance(name, Ref) else None
        if name is None:
            continue
        if not isinstance(name, str):
            raise MalformedRecordError(f"an id is no text: {name!r}")
        if len(name) > REMOTE_ID_LENGTH:
            raise MalformedRecordError(
                f"an id has {len(name)} characters; at most {REMOTE_ID_LENGTH}"
            )
        if not name.isprintable():
            check_storable(name)


@cache
def _names_of(kind: Hashable) -> tuple[str, ...]:
    """Fields of a class that name a record."""
    own = cast("type[Record]", kind).__dataclass_fields__
    names = ("remote_id", "container", "parent", "person", "content")
    return tuple(name for name in names if name in own)


def check_storable(value: Any) -> None:
    """Raise MalformedRecordError for texts and numbers that not every database can store."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError) as err:
        raise MalformedRecordError(f"it cannot be stored: {err}") from err
    if b"\\u0000" in text and _holds_nul(value):
        raise MalformedRecordError("it holds a NUL character")


def _holds_nul(value: Any) -> bool:
    """Whether any text holds a NUL: its escape alone may be part of a longer one."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, Mapping):
        return any(_holds_nul(key) or _holds_nul(inner) for key, inner in value.items())
    return isinstance(value, list | tuple) and any(_holds_nul(inner) for inner in value)


def parse_ref(text: str) -> Ref | None:
    """``kind:remote_id`` as a reference; None where it names no kind."""
    kind, _, remote_id = text.partition(":")
    try:
        return Ref(Kind(kind), remote_id) if remote_id else None
    except ValueError:
        return None
