"""What inference read from a course becomes suggestions of the institution's graph.

What people said or rejected is not touched. A suggestion that an earlier reading of the same course
made, and this one does not, is taken away; so is a concept that nothing speaks of any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import select

from bloop.content.models import Container, Item
from bloop.graph.edges import EdgeKind
from bloop.graph.giving_way import give_way, ordered
from bloop.graph.inference import Inferred
from bloop.graph.inference.course import Concept as Found
from bloop.graph.inference.course import Evidence
from bloop.graph.models import PART_LENGTH, Origin, Role, Standing
from bloop.graph.names import clean, is_name, keepable, key_of
from bloop.graph.questions import PART
from bloop.graph.service import owner_of
from bloop.graph.writing import (
    AT_ONCE,
    CONCEPT,
    COVERAGE,
    EDGE,
    NAME,
    Key,
    Values,
    Writing,
    batches,
)
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork

TEACHES = 0.3
"""From this weight on, content is taken to teach a concept, below to name it."""
_ASSESS = frozenset({"quiz", "assignment"})
MOST_EVIDENCE = 5


@command("graph:write")
def suggest(unit: UnitOfWork, container: str, inferred: Inferred) -> dict[str, int]:
    """Make suggestions of what was inferred from a course; how many hold now, and are new.

    Raises InvalidError for a notebook that is somebody's alone.
    """
    may_be_read(unit, container)
    return Suggesting(unit, container).take(inferred)


def may_be_read(unit: UnitOfWork, container: str) -> None:
    """Raise NotFoundError, or InvalidError for a notebook that is somebody's alone."""
    if unit.get(Container, container).owner_id is not None:
        raise InvalidError("what is somebody's alone makes no concepts", field="container")


class Suggesting:
    """One reading of one course."""

    def __init__(self, unit: UnitOfWork, container: str) -> None:
        self._container = container
        self._writing = Writing(unit, "infer")
        kinds = select(Item.id, Item.kind).where(
            Item.institution_id == unit.institution, Item.container_id == container
        )
        self._kinds = {row.id: row.kind for row in unit.session.execute(kinds)}
        self._kept: set[tuple[str, Key]] = set()
        self._new = {"concepts": 0, "edges": 0, "coverage": 0}

    def take(self, inferred: Inferred) -> dict[str, int]:
        """Write it."""
        writing = self._writing
        earlier = self._earlier()
        ids = self._concepts(inferred.concepts)
        edges = {
            ordered(edge.kind, source, target): edge
            for edge in inferred.edges
            if (source := ids.get(edge.source))
            and (target := ids.get(edge.target))
            and source != target
        }
        writing.fetch(EDGE, edges)
        for key, edge in edges.items():
            by_order = edge.kind == EdgeKind.PREREQUISITE and all(
                one.kind == "order" for one in edge.evidence
            )
            origin = Origin.COURSE_ORDER if by_order else Origin.INFERRED
            said = {"weight": _share(edge.weight), "confidence": edge.confidence}
            why = {"evidence": self._evidence(edge.evidence), "origin": origin}
            self._put("edges", EDGE, key, said | why)
        covered = {
            (item, concept, part): one
            for one in inferred.coverage
            for item, _, part in [one.document.partition(PART)]
            if (concept := ids.get(one.concept))
            and item in self._kinds
            and len(part) <= PART_LENGTH
        }
        writing.fetch(COVERAGE, covered)
        for key, one in covered.items():
            self._cover(key, one.weight, one.passage)
        self._withdraw(earlier)
        prerequisites = {
            key[0] for name, key in self._kept if name == EDGE.name and key[1] == "prerequisite"
        }
        give_way(writing, sorted(prerequisites))
        writing.finish()
        return self._new

    def _concepts(self, found: Iterable[Found]) -> dict[str, str]:
        """The concept of each key, where it has one that was not rejected."""
        found = list(found)
        names = [(key_of(name),) for one in found for name in (one.name, *one.aliases)]
        self._writing.fetch(NAME, names)
        known = [(id_,) for (name,) in names if (id_ := owner_of(self._writing, name))]
        self._writing.fetch(CONCEPT, known)
        ids: dict[str, str] = {}
        for one in found:
            if not is_name(one.name):
                continue
            owners = (owner_of(self._writing, name) for name in (one.name, *one.aliases))
            owner = next((id_ for id_ in owners if id_), None)
            ids |= {one.key: id_} if (id_ := self._concept(one, owner)) else {}
        return ids

    def _concept(self, found: Found, owner: str | None) -> str | None:
        row = self._writing.row(CONCEPT, (owner,)) if owner else None
        if row is not None and row["standing"] == Standing.REJECTED:
            return None
        id_ = owner or self._writing.new_concept()
        said = {
            "confidence": found.confidence,
            "evidence": self._evidence(found.evidence),
            "origin": Origin.INFERRED,
        }
        if row is None:
            said |= {"name": clean(found.name), "description": keepable(found.description)}
        self._put("concepts", CONCEPT, (id_,), said)
        if row is None:
            for name in dict.fromkeys((found.name, *found.aliases)):
                if is_name(name) and not owner_of(self._writing, name):
                    self._writing.put(
                        NAME, (key_of(name),), {"concept_id": id_, "name": clean(name)}
                    )
        return id_

    def _cover(self, key: Key, weight: float, passage: str) -> None:
        assesses = self._kinds[key[0]] in _ASSESS
        teaches = Role.TEACHES if weight >= TEACHES else Role.MENTIONS
        said = {
            "role": Role.ASSESSES if assesses else teaches,
            "weight": _share(weight),
            "confidence": _share(weight),
            "evidence": [{"text": keepable(passage), "container": self._container}]
            if passage
            else [],
            "origin": Origin.INFERRED,
        }
        self._put("coverage", COVERAGE, key, said)

    def _put(self, what: str, table: Any, key: Key, said: Values) -> None:
        """Suggest it; what somebody has decided stays as it is."""
        row = self._writing.row(table, key)
        self._kept.add((table.name, key))
        if row is None:
            self._new[what] += 1
            self._writing.put(table, key, {"standing": Standing.SUGGESTED, **said})
        elif _is_suggestion(row):
            self._writing.put(table, key, self._beside_others(row, said))

    def _beside_others(self, row: Values, said: Values) -> Values:
        """What is said of a suggestion that other courses may make too: by the surest of them.

        Each of several courses has one reason among the evidence, so that it can take that back.
        """
        others = self._others(row)
        if not others:
            return said
        reasons = {one.get("container", ""): one for one in reversed([*others, *said["evidence"]])}
        surest = row if row["confidence"] >= said["confidence"] else said
        return {name: surest[name] for name in said} | {
            "evidence": [reasons[course] for course in sorted(reasons)]
        }

    def _others(self, row: Values) -> list[Values]:
        return [one for one in row["evidence"] if one.get("container") != self._container]

    def _evidence(self, found: Iterable[Evidence]) -> list[Values]:
        return [
            {
                "text": keepable(one.note),
                "kind": one.kind,
                "passage": keepable(one.passage),
                "item": one.document.partition(PART)[0],
                "container": self._container,
            }
            for one in list(found)[:MOST_EVIDENCE]
        ]

    # -- what is not said any more

    def _earlier(self) -> list[tuple[Any, Key]]:
        """The suggestions of earlier readings of this course."""
        writing, found = self._writing, []
        for table in (EDGE, CONCEPT):
            suggested = table.c.standing == Standing.SUGGESTED
            for key in writing.load(table, suggested & (table.c.origin != Origin.AUTHOR)):
                row = writing.row(table, key) or {}
                if len(self._others(row)) < len(row["evidence"]):
                    found.append((table, key))
        mine = select(Item.id).where(
            Item.institution_id == COVERAGE.c.institution_id, Item.container_id == self._container
        )
        suggested = COVERAGE.c.standing == Standing.SUGGESTED
        covered = writing.load(COVERAGE, suggested & COVERAGE.c.item_id.in_(mine))
        return [(COVERAGE, key) for key in covered] + found

    def _withdraw(self, earlier: Iterable[tuple[Any, Key]]) -> None:
        """Take away what this reading does not say again: coverage, edges, then concepts.

        What another course says as well loses but this one's reason.
        """
        writing, unsaid = self._writing, list[str]()
        for table, key in earlier:
            if (table.name, key) in self._kept:
                continue
            if others := self._others(writing.row(table, key) or {"evidence": ()}):
                writing.put(table, key, {"evidence": others})
            elif table is CONCEPT:
                unsaid.append(key[0])
            else:
                writing.take(table, key)
        unsaid = sorted(set(unsaid) - self._spoken_of(unsaid))
        for some in batches(unsaid, AT_ONCE):
            for name in writing.load(NAME, NAME.c.concept_id.in_(some)):
                writing.take(NAME, name)
        for concept in unsaid:
            writing.take(CONCEPT, (concept,))

    def _spoken_of(self, concepts: Collection[str]) -> set[str]:
        """Those that an edge, content or a merged concept refers to, also one that was rejected."""
        writing, found = self._writing, set[str]()
        for table, key in writing.load_touching(concepts):
            if writing.row(table, key) is not None:
                found |= {key[0], key[2]} if table is EDGE else {key[1]}
        for some in batches(sorted(concepts), AT_ONCE):
            for key in writing.load(CONCEPT, CONCEPT.c.into_id.in_(some)):
                found.add(str((writing.row(CONCEPT, key) or {})["into_id"]))
        return found


def _is_suggestion(row: Values) -> bool:
    return bool(row["standing"] == Standing.SUGGESTED and row["origin"] != Origin.AUTHOR)


def _share(value: float) -> float:
    return min(1.0, max(0.01, value))
