"""A container's tree as its pages show it: modules, leaves, and what comes before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Branch:
    """A place in the tree. A leaf has ``item``; a module has ``children``."""

    title: str
    kind: str | None
    item: str | None
    published: bool
    state: str = "active"
    children: list[Branch] = field(default_factory=list)
    current: bool = False

    @property
    def is_module(self) -> bool:
        """Whether this is a heading over others, and not something to open."""
        return self.kind is None

    @property
    def holds_current(self) -> bool:
        """Whether the current lesson is somewhere below."""
        return any(child.current or child.holds_current for child in self.children)

    @property
    def href(self) -> str:
        """Where a leaf opens."""
        return f"/lessons/{self.item}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a lesson stands: its module's title and its neighbours."""

    module: str | None = None
    before: Branch | None = None
    after: Branch | None = None


def build(nodes: Iterable[Mapping[str, Any]]) -> list[Branch]:
    """The roots of a tree from rows in the order of siblings.

    Leaves whose item has not been read, and modules with nothing to open, are left out.
    """
    children: dict[str | None, list[tuple[str, Branch]]] = {}
    for node in nodes:
        branch = Branch(
            title=node["title"] or node["item_title"] or "",
            kind=node["kind"],
            item=node["item"],
            published=bool(node["published"]) and node["item_published"] is not False,
            state=node["item_state"] or node["state"],
        )
        children.setdefault(node["parent"], []).append((node["id"], branch))
    return list(_grown(None, children))


def _grown(
    parent: str | None, children: Mapping[str | None, list[tuple[str, Branch]]]
) -> Iterator[Branch]:
    for node_id, branch in children.get(parent, ()):
        branch.children = list(_grown(node_id, children))
        if branch.item is not None or branch.children:
            yield branch


def leaves(
    branches: Iterable[Branch], module: str | None = None
) -> Iterator[tuple[Branch, str | None]]:
    """Everything that can be opened, in reading order, with the title of its module."""
    for branch in branches:
        if branch.item is not None:
            yield branch, module
        yield from leaves(branch.children, branch.title if branch.is_module else module)


def locate(branches: Iterable[Branch], item: str) -> Place:
    """Mark an item as the current one wherever it hangs; its first place gives the neighbours."""
    order = list(leaves(branches))
    place: Place | None = None
    for index, (branch, module) in enumerate(order):
        if branch.item != item:
            continue
        branch.current = True
        if place is None:
            before = order[index - 1][0] if index else None
            after = order[index + 1][0] if index + 1 < len(order) else None
            place = Place(module, before, after)
    return place or Place()
