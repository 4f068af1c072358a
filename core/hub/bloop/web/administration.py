"""The pages of administration: where they are, and which of them a visitor may go to."""

from __future__ import annotations

from collections.abc import Callable

from bloop.accounts.actions import may
from bloop_sdk import Call

ADMINISTER = "admin:read"
"""Who has this gets one link to all of them; who may see a few only, gets those."""

Translate = Callable[[str], str]


def areas(call: Call, _: Translate) -> list[tuple[str, str]]:
    """The areas that the visitor may see: title and address."""
    links = [
        (_("Overview"), "/admin", ADMINISTER),
        (_("System"), "/admin/system", "ops:read"),
        (_("Storage"), "/admin/storage", "storage:read"),
        (_("Connections"), "/connections", "connections:read"),
        (_("People"), "/people", "users:read"),
        (_("Background"), "/jobs", "jobs:read"),
        (_("Plugins"), "/plugins", "plugins:read"),
        (_("Access"), "/policy", "policy:read"),
        (_("Limits"), "/admin/limits", "config:read"),
        (_("Audit"), "/audit", "audit:read"),
    ]
    return [(title, href) for title, href, action in links if may(call, action)]


_WITHIN = {
    "/quarantine": "/connections",
    "/schedules": "/jobs",
    "/events": "/jobs",
    "/webhooks": "/jobs",
    "/keys": "/jobs",
}
"""What the pages of an area begin with, where that is not the area's own address."""


def area_of(path: str) -> str:
    """The area that a page belongs to; "" for what is none of administration's."""
    if path == "/admin" or path.startswith("/admin/"):
        return "/" + "/".join(path.split("/")[1:3])
    first = "/" + path.split("/")[1]
    if first in _WITHIN:
        return _WITHIN[first]
    return first if first in _FIRSTS else ""


_FIRSTS = frozenset({"/connections", "/people", "/jobs", "/plugins", "/policy", "/audit"})
