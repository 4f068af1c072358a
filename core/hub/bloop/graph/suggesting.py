"""What inference read from a course becomes suggestions of the institution's graph.

What people said or rejected is not touched. A suggestion that an earlier reading of the same course
made, and this one does not, is taken away; so is a concept that nothing speaks of any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import or_, select

from bloop.content.models import Container, Item
from bloop.graph.edges import EdgeKind
from bloop.graph.giving_way import give_way, ordered
from bloop.graph.inference import Inferred
from bloop.graph.inference.course import Concept as Found
from bloop.graph.inference.course import Evidence
from bloop.graph.models import NAME_LENGTH, Origin, Role, Standing
from bloop.graph.names import clean, key_of
from bloop.graph.service import owner_of
from bloop.graph.writing import CONCEPT, COVERAGE, EDGE, NAME, Key, Values, Writing
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.ids import new_id
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
        for edge in inferred.edges:
            source, target = ids.get(edge.source), ids.get(edge.target)
            if source and target and source != target:
                key = ordered(edge.kind, source, target)
                by_order = edge.kind == EdgeKind.PREREQUISITE and all(
                    one.kind == "order" for one in edge.evidence
                )
                origin = Origin.COURSE_ORDER if by_order else Origin.INFERRED
                said = {"weight": _share(edge.weight), "confidence": edge.confidence}
                why = {"evidence": self._evidence(edge.evidence), "origin": origin}
                self._put("edges", EDGE, key, said | why)
        for one in inferred.coverage:
            concept = ids.get(one.concept)
            if concept and one.document in self._kinds:
                self._cover(one.document, concept, one.weight, one.passage)
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
        ids: dict[str, str] = {}
        for one in found:
            if not key_of(one.name) or len(one.name) > NAME_LENGTH:
                continue
            owners = (owner_of(self._writing, name) for name in (one.name, *one.aliases))
            owner = next((id_ for id_ in owners if id_), None)
            ids |= {one.key: id_} if (id_ := self._concept(one, owner)) else {}
        return ids

    def _concept(self, found: Found, owner: str | None) -> str | None:
        row = self._writing.row(CONCEPT, (owner,)) if owner else None
        if row is not None and row["standing"] == Standing.REJECTED:
            return None
        id_ = owner or new_id()
        said = {
            "confidence": found.confidence,
            "evidence": self._evidence(found.evidence),
            "origin": Origin.INFERRED,
        }
        if row is None:
            said |= {"name": clean(found.name), "description": found.description}
        self._put("concepts", CONCEPT, (id_,), said)
        if row is None:
            for name in dict.fromkeys((found.name, *found.aliases)):
                if key_of(name) and len(name) <= NAME_LENGTH and not owner_of(self._writing, name):
                    self._writing.put(
                        NAME, (key_of(name),), {"concept_id": id_, "name": clean(name)}
                    )
        return id_

    def _cover(self, item: str, concept: str, weight: float, passage: str) -> None:
        assesses = self._kinds[item] in _ASSESS
        teaches = Role.TEACHES if weight >= TEACHES else Role.MENTIONS
        said = {
            "role": Role.ASSESSES if assesses else teaches,
            "weight": _share(weight),
            "confidence": _share(weight),
            "evidence": [{"text": passage, "container": self._container}] if passage else [],
            "origin": Origin.INFERRED,
        }
        self._put("coverage", COVERAGE, (item, concept, ""), said)

    def _put(self, what: str, table: Any, key: Key, said: Mapping[str, Any]) -> None:
        """Suggest it; what somebody has decided, or another one states, stays as it is."""
        row = self._writing.row(table, key)
        self._kept.add((table.name, key))
        if row is None:
            self._new[what] += 1
            self._writing.put(table, key, {"standing": Standing.SUGGESTED, **said})
        elif _is_suggestion(row):
            self._writing.put(table, key, said)

    def _evidence(self, found: Iterable[Evidence]) -> list[Values]:
        return [
            {
                "text": one.note,
                "kind": one.kind,
                "passage": one.passage,
                "item": one.document,
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
                courses = {one.get("container") for one in row["evidence"]}
                if courses == {self._container}:
                    found.append((table, key))
        mine = select(Item.id).where(
            Item.institution_id == COVERAGE.c.institution_id, Item.container_id == self._container
        )
        suggested = COVERAGE.c.standing == Standing.SUGGESTED
        covered = writing.load(COVERAGE, suggested & COVERAGE.c.item_id.in_(mine))
        return [(COVERAGE, key) for key in covered] + found

    def _withdraw(self, earlier: Iterable[tuple[Any, Key]]) -> None:
        """Take away what this reading does not say again: coverage, edges, then concepts."""
        for table, key in earlier:
            if (table.name, key) not in self._kept and (
                table is not CONCEPT or not self._spoken_of(key[0])
            ):
                if table is CONCEPT:
                    for name in self._writing.load(NAME, NAME.c.concept_id == key[0]):
                        self._writing.take(NAME, name)
                self._writing.take(table, key)

    def _spoken_of(self, concept: str) -> bool:
        """Whether an edge or some content refers to a concept, also one that was rejected."""
        writing = self._writing
        touched = or_(EDGE.c.source_id == concept, EDGE.c.target_id == concept)
        for table, condition in ((EDGE, touched), (COVERAGE, COVERAGE.c.concept_id == concept)):
            if any(writing.row(table, key) for key in writing.load(table, condition)):
                return True
        return False


def _is_suggestion(row: Values) -> bool:
    return bool(row["standing"] == Standing.SUGGESTED and row["origin"] != Origin.AUTHOR)


def _share(value: float) -> float:
    return min(1.0, max(0.01, value))
