"""Keys of edges, and the keeping of prerequisites free of circles."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bloop.graph.cycles import Arc, CycleError, giving_way
from bloop.graph.edges import EdgeKind
from bloop.graph.models import Origin, Standing
from bloop.graph.writing import AT_ONCE, CONCEPT, EDGE, Key, Values, Writing, batches

_BELIEVED = {origin: rank for rank, origin in enumerate(reversed(Origin))}


def ordered(kind: str, source: str, target: str) -> Key:
    """The key of an edge; what is related is so both ways, and is kept once."""
    if kind == EdgeKind.RELATED and target < source:
        source, target = target, source
    return (target, kind, source)


def give_way(writing: Writing, targets: Iterable[str]) -> list[Key]:
    """Reject the inferred prerequisites that make a circle through one of ``targets``.

    Only what can be reached from them is looked at. Gives the keys of what gave way; raises
    CycleError with the concepts' names where people stand for a whole circle.
    """
    arcs = {arc_of(key, row): key for key, row in _ahead(writing, targets)}
    try:
        gone = [arcs[arc] for arc in giving_way(list(arcs))]
    except CycleError as err:
        raise CycleError(err.cycle, _names(writing, err.cycle)) from None
    for key in gone:
        row = writing.row(EDGE, key) or {}
        because = {"text": "gave way to a prerequisite that contradicts it"}
        evidence = [*(row.get("evidence") or ()), because]
        writing.put(EDGE, key, {"standing": Standing.REJECTED, "evidence": evidence})
    return gone


def arc_of(key: Key, row: Values) -> Arc:
    """An edge as what can give way: what people said or accepted never does."""
    fixed = row["standing"] == Standing.ACCEPTED
    strength = _BELIEVED[Origin(row["origin"])] + row["confidence"] / 2
    return Arc(key[2], key[0], strength, fixed)


def _ahead(writing: Writing, starts: Iterable[str]) -> list[tuple[Key, Values]]:
    """All prerequisites that can be reached from some concepts, by layers."""
    seen: set[str] = set()
    layer = set(starts)
    found: list[tuple[Key, Values]] = []
    while layer:
        seen |= layer
        edges = leaving(writing, layer)
        found += edges
        layer = {key[0] for key, _ in edges} - seen
    return found


def leaving(writing: Writing, concepts: Collection[str]) -> list[tuple[Key, Values]]:
    """The prerequisites that hold and that some concepts are, as this write has them so far."""
    for some in batches(sorted(concepts), AT_ONCE):
        writing.load(EDGE, EDGE.c.source_id.in_(some) & (EDGE.c.kind == EdgeKind.PREREQUISITE))
    return writing.edges_leaving(concepts, EdgeKind.PREREQUISITE)


def _names(writing: Writing, concepts: Iterable[str]) -> dict[str, str]:
    writing.fetch(CONCEPT, [(one,) for one in concepts])
    return {one: str((writing.row(CONCEPT, (one,)) or {}).get("name", one)) for one in concepts}
