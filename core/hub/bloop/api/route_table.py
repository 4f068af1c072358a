"""Finds a route by walking the path's segments, whatever the number of routes.

FastAPI tries one regular expression a route, twice for an included router; with fifty routes
that costs more than the read behind them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bloop.accounts.access import Route

_PARAMETER = re.compile(r"^\{(\w+)(?::(\w+))?\}$")


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    rest: dict[str, Target] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A route, and the names of its path's parameters in the order of its template."""

    route: Route
    names: tuple[str, ...]


@dataclass(slots=True)
class Found:
    """What stands at a path: a target by method, and the values of the path's parameters."""

    targets: dict[str, Target]
    values: tuple[str, ...]


class RouteTable:
    """All routes of an app; a fixed segment wins over a parameter, a parameter over a rest."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        rest = False
        for segment in route.path.split("/")[1:]:
            match = _PARAMETER.match(segment)
            if match is None:
                node = node.fixed.setdefault(segment, _Node())
                continue
            names.append(match[1])
            if match[2] == "path":
                rest = True
                break
            node.any = node.any or _Node()
            node = node.any
        target = Target(route, tuple(names))
        (node.rest if rest else node.targets)[route.method] = target

    def find(self, path: str) -> Found | None:
        """What stands at a path."""
        segments = path.split("/")
        node, values = self._root, []
        for segment in segments[1:]:
            # Most paths need no second look; those that do are walked with all of them.
            fixed = node.fixed.get(segment)
            if fixed is not None:
                node = fixed
            elif node.any is not None and segment:
                node = node.any
                values.append(segment)
            else:
                return _walk(self._root, segments, 1, ())
        if node.targets:
            return Found(node.targets, tuple(values))
        return _walk(self._root, segments, 1, ())


def _walk(node: _Node, segments: list[str], index: int, values: tuple[str, ...]) -> Found | None:
    if index == len(segments):
        return Found(node.targets, values) if node.targets else None
    segment = segments[index]
    found: Found | None = None
    fixed = node.fixed.get(segment)
    if fixed is not None:
        found = _walk(fixed, segments, index + 1, values)
    if found is None and node.any is not None and segment:
        found = _walk(node.any, segments, index + 1, (*values, segment))
    if found is None and node.rest:
        found = Found(node.rest, (*values, "/".join(segments[index:])))
    return found
