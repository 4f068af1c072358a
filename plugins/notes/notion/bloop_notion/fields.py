"""What all readers of Notion's objects share: ids, times, fields of a certain shape."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from bloop_sdk import MalformedRecordError
from bloop_sdk.records import JSONObject

_HEX = re.compile(r"[0-9a-f]{32}")
_IN_URL = re.compile(r"([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f-])")
_SITE = "//www.notion.so"
_NOTION_HOST = re.compile(r"https?://([\w-]+\.)*notion\.(so|com|site)(?=[/?#:]|\Z)", re.IGNORECASE)


def dashed(value: Any) -> str | None:
    """An id of Notion's as it writes it, with dashes; None for what is none."""
    text = value.replace("-", "").lower() if isinstance(value, str) else ""
    if not _HEX.fullmatch(text):
        return None
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def own_id(item: JSONObject) -> str:
    """The id of an object; raises MalformedRecordError where it has none."""
    found = dashed(item.get("id"))
    if found is None:
        raise MalformedRecordError(f"it has no id: {str(item.get('id'))[:80]!r}")
    return found


def linked_id(url: str) -> str | None:
    """The page that an address within Notion leads to; None for any other address."""
    if not _NOTION_HOST.match(url) and not url.startswith("/"):
        return None
    path = url.partition("#")[0].partition("?")[0]
    found = _IN_URL.findall(path.lower())
    return dashed(found[-1]) if found else None


def address_of(path: str) -> str:
    """An address of Notion's site, which people open and this plugin does not."""
    return f"https:{_SITE}/{path.lstrip('/')}"


def block_of_url(url: str) -> str | None:
    """The block that an address names behind its ``#``, or without one the page itself."""
    fragment = url.partition("#")[2]
    return dashed(fragment.removeprefix("block-")) or linked_id(url) or dashed(url)


def obj(item: Any, name: str) -> JSONObject:
    """A field that is an object; empty where it is none."""
    found = item.get(name) if isinstance(item, dict) else None
    return found if isinstance(found, dict) else {}


def rows(item: Any, name: str) -> list[JSONObject]:
    """A field that is a list of objects."""
    found = item.get(name) if isinstance(item, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(item: Any, name: str) -> str:
    """A field that is a text; empty where it is none."""
    found = item.get(name) if isinstance(item, dict) else None
    return found if isinstance(found, str) else ""


def plain(rich: Any) -> str:
    """The words of a rich text."""
    if not isinstance(rich, list):
        return ""
    return "".join(
        text(one, "plain_text") or text(obj(one, "text"), "content")
        for one in rich
        if isinstance(one, dict)
    )


def moment(item: JSONObject, name: str) -> datetime | None:
    """A time, in UTC."""
    try:
        found = datetime.fromisoformat(text(item, name))
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def in_trash(item: JSONObject) -> bool:
    """Whether it is in Notion's trash; older versions of the API say ``archived``."""
    return item.get("in_trash", item.get("archived")) is True
