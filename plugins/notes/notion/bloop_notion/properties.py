"""The properties of a page or a row as typed values: texts, numbers, booleans, times, or lists."""

from __future__ import annotations

from typing import Any

from bloop_notion import spans
from bloop_notion.fields import dashed, obj, plain, rows, text
from bloop_notion.model import Making
from bloop_sdk.records import JSONObject

COMPUTED = frozenset(
    {
        "formula",
        "rollup",
        "created_time",
        "created_by",
        "last_edited_time",
        "last_edited_by",
        "unique_id",
        "button",
        "verification",
    }
)
"""Types that Notion fills by itself: they may change although nobody edits the page."""
_TAGS = {"tags", "tag", "labels", "label", "keywords", "topics", "schlagwörter"}
MOST_INLINE = 25
"""So many people, relations and parts of a text stand in a page itself."""


def title_of(page: JSONObject) -> str:
    """The title of a page, as one line."""
    for value in obj(page, "properties").values():
        if isinstance(value, dict) and value.get("type") == "title":
            return " ".join(plain(value.get("title")).split())
    return ""


def values_of(page: JSONObject, making: Making) -> JSONObject:
    """The properties by their names, without the title and without empty ones."""
    found: JSONObject = {}
    for name, value in sorted(obj(page, "properties").items()):
        if not isinstance(value, dict) or value.get("type") in {"title", "button"}:
            continue
        made = _value(value, making)
        if made is not None and made not in ([], ""):
            found[str(name)] = made
    return found


def tags_of(page: JSONObject) -> tuple[str, ...]:
    """The names in a property that is called tags, labels or the like."""
    _, value = _tagged(page)
    if value.get("type") == "select":
        return (text(obj(value, "select"), "name"),)
    return tuple(text(one, "name") for one in rows(value, "multi_select"))


def tags_property(page: JSONObject) -> str | None:
    """The name of the property that tags are read from, where it takes several.

    Another one is never written to: what it holds is no tag of the note, and would be gone.
    """
    name, value = _tagged(page)
    return name if value.get("type") == "multi_select" else None


def _tagged(page: JSONObject) -> tuple[str, JSONObject]:
    for name, value in sorted(obj(page, "properties").items()):
        if isinstance(value, dict) and name.strip().casefold() in _TAGS:
            chosen = value.get("type") == "select" and value.get("select")
            if chosen or value.get("type") == "multi_select":
                return str(name), value
    return "", {}


def beyond(page: JSONObject) -> list[tuple[str, str, str]]:
    """Names, ids and types of properties of which the page holds only the first values."""
    found = []
    for name, value in sorted(obj(page, "properties").items()):
        if not isinstance(value, dict):
            continue
        kind = text(value, "type")
        given = value.get(kind)
        full = isinstance(given, list) and len(given) >= MOST_INLINE
        if value.get("has_more") is True or (full and kind in {"relation", "people"}):
            found.append((str(name), text(value, "id"), kind))
    return found


def _value(value: JSONObject, making: Making) -> Any:  # noqa: C901, PLR0912 - a table of types
    kind = text(value, "type")
    given = value.get(kind)
    match kind:
        case "rich_text" | "title" | "text":
            return spans.markdown(spans.of_rich(given, making), breaks="\n")
        case "number" | "checkbox" | "string" | "boolean":
            return given
        case "url" | "email" | "phone_number" | "created_time" | "last_edited_time":
            return given
        case "select" | "status":
            return text(obj(value, kind), "name") or None
        case "multi_select":
            return [text(one, "name") for one in rows(value, kind)]
        case "date":
            return _date(obj(value, kind))
        case "people":
            return [_person(one) for one in rows(value, kind)]
        case "created_by" | "last_edited_by":
            return _person(obj(value, kind)) or None
        case "relation":
            ids = (dashed(one.get("id")) for one in rows(value, kind))
            return [making.note(one) for one in ids if one]
        case "files":
            return [_file(one, making) for one in rows(value, kind)]
        case "formula":
            return _value(obj(value, kind), making)
        case "rollup":
            return _rollup(obj(value, kind), making)
        case "unique_id":
            prefix, number = text(obj(value, kind), "prefix"), obj(value, kind).get("number")
            return f"{prefix}-{number}" if prefix and number is not None else number
        case "verification":
            return text(obj(value, kind), "state") or None
        case "place" | "location":
            return _place(obj(value, kind))
    making.lose(f"a property of the type {(kind or 'none')[:60]!r}")
    return None


def _date(date: JSONObject) -> Any:
    start, end = text(date, "start"), text(date, "end")
    return [start, end] if start and end else start or None


def _person(person: JSONObject) -> str:
    return text(person, "name") or text(person, "id")


def _file(item: JSONObject, making: Making) -> str:
    kind = text(item, "type")
    url = text(obj(item, kind), "url")
    if kind == "file" and url:
        return making.file(url)
    return url or text(item, "name")


def _rollup(rollup: JSONObject, making: Making) -> Any:
    kind = text(rollup, "type")
    if kind == "array":
        made = [_value(one, making) for one in rows(rollup, "array")]
        flat: list[Any] = []
        for one in made:
            flat += one if isinstance(one, list) else [one]
        return [one for one in flat if one not in (None, "")]
    if kind in {"unsupported", "incomplete"}:
        making.lose("a rollup that Notion does not give")
        return None
    return _value(rollup, making)


def _place(place: JSONObject) -> str | None:
    named = [text(place, "name"), text(place, "address")]
    return ", ".join(one for one in named if one) or None
