"""What each page costs: its queries, its time in the server, and its weight on the wire."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.routing import compile_path

from bloop.api.app import PAGES as PAGES_ROUTES
from bloop.api.app import routes_of
from bloop.hub import Hub
from tests.support.queries import counted
from tests.web.filled import Door, Filled, quiet
from tests.web.inventory import PAGES, Shown

TIMES = 3
"""Each page is asked for: the first fills caches, and the hub's own reads fall into some."""
MOST_TIMES = 8
"""A page is asked for where all before seemed to read much: on a busy machine the hub reads on."""
MUCH = 6
"""Reads that no page needs more of."""
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
"""What a browser says of itself when it goes from page to page."""


@dataclass(frozen=True)
class Measured:
    """A page as it was answered. ``seconds`` is the least of a few, ``weight`` bytes compressed."""

    shown: Shown
    route: str | None
    status: int
    text: str
    reads: tuple[str, ...]
    seconds: float
    weight: int


async def measured_in(folder: Path, filled: Filled) -> list[Measured]:
    """Every page of the hub of a folder that is filled."""
    async with quiet(folder) as hub:
        return await measure(hub, Door(hub, filled.sessions), filled)


async def measure(hub: Hub, door: Door, filled: Filled) -> list[Measured]:
    """Ask for every page of the inventory."""
    measured = []
    for role in dict.fromkeys(one.role for one in PAGES):
        async with door.come(role, **BROWSER) as client:
            pages = [shown for shown in PAGES if shown.role == role]
            measured += [await _measured(hub, client, shown, filled) for shown in pages]
    return measured


async def _measured(hub: Hub, client: Any, shown: Shown, filled: Filled) -> Measured:
    path = filled.path_of(shown.path)
    asked: list[tuple[str, ...]] = []
    took = []
    while len(asked) < TIMES or (len(min(asked, key=len)) > MUCH and len(asked) < MOST_TIMES):
        with counted(hub.database) as found:
            start = time.perf_counter()
            await client.get(path)
            took.append(time.perf_counter() - start)
        asked.append(tuple(sorted(found.elements())))
    answer = await client.get(path)
    said = (shown.name, path, answer.status_code, re.sub(r"<[^>]+>", " ", answer.text)[-400:])
    assert answer.status_code == shown.status, said
    weight = answer.num_bytes_downloaded + await _parts(client, answer.text)
    return Measured(
        shown,
        route_of(path),
        answer.status_code,
        answer.text,
        min(asked, key=len),
        min(took),
        weight,
    )


_PATTERNS = {
    compile_path(route.path)[0]: route.path
    for route in sorted(routes_of(PAGES_ROUTES), key=lambda route: route.path.count("{"))
    if route.method == "GET"
}


_ACTIONS = {route.path: route.action for route in routes_of(PAGES_ROUTES) if route.method == "GET"}


def action_of(route: str | None) -> str:
    """What somebody must be allowed to do to see the page of a route."""
    return "" if route is None else _ACTIONS[route]


def route_of(path: str) -> str | None:
    """The route that answers a path; those without parameters are asked first."""
    path = path.partition("?")[0]
    return next((route for pattern, route in _PATTERNS.items() if pattern.match(path)), None)


_parts_known: dict[str, int] = {}


async def _parts(client: Any, text: str) -> int:
    """Bytes of the style sheets and scripts that a page asks for, as they are sent."""
    total = 0
    for path in set(re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js|svg))"', text)):
        if path not in _parts_known:
            answer = await client.get(path)
            _parts_known[path] = answer.num_bytes_downloaded
        total += _parts_known[path]
    return total
