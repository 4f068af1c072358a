"""Edges that are no prerequisites: who is a part of what, what is related to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Pair = tuple[str, str]
Rows = Mapping[str, tuple[str, ...]]


class Links:
    """The edges of one kind; immutable. Rows are ascending, and without an edge there is none."""

    __slots__ = ("sources", "targets")

    def __init__(self, sources: Rows, targets: Rows) -> None:
        self.sources = sources
        """Sources of the edges that lead to a concept."""
        self.targets = targets
        """Targets of the edges that leave it."""

    def changed(self, removed: Iterable[Pair], added: Iterable[Pair]) -> Links:
        """These without some edges, then with others."""
        removed, added = set(removed), set(added)
        if not removed and not added:
            return self
        turned = [{(target, source) for source, target in pairs} for pairs in (removed, added)]
        return Links(_changed(self.sources, *turned), _changed(self.targets, removed, added))

    def of(self, concepts: Iterable[str]) -> set[Pair]:
        """All edges that begin or end at one of ``concepts``."""
        found: set[Pair] = set()
        for concept in concepts:
            found.update((source, concept) for source in self.sources.get(concept, ()))
            found.update((concept, target) for target in self.targets.get(concept, ()))
        return found


def _changed(rows: Rows, removed: set[Pair], added: set[Pair]) -> Rows:
    """Rows of second names by first name, after an edit."""
    wanted: dict[str, set[str]] = {}
    for name, _ in removed | added:
        wanted.setdefault(name, set(rows.get(name, ())))
    for name, other in removed:
        wanted[name].discard(other)
    for name, other in added:
        wanted[name].add(other)
    found = {**rows, **{name: tuple(sorted(others)) for name, others in wanted.items()}}
    for name, others in wanted.items():
        if not others:
            del found[name]
    return found


NONE = Links({}, {})
