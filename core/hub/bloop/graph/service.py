"""Commands on the graph: what educators say of concepts, and what they make of suggestions.

Whatever is taken away is rejected, not deleted: nothing suggests it again, and saying it anew
brings it back. Each command is one version of the graph, which :func:`undo` takes back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import or_

import bloop.graph.topics  # noqa: F401 - declares what is said here
from bloop.content.changing import editable
from bloop.content.models import Item
from bloop.graph.edges import EdgeKind
from bloop.graph.giving_way import give_way, ordered
from bloop.graph.models import Concept, Origin, Role, Standing
from bloop.graph.names import clean, key_of
from bloop.graph.writing import CONCEPT, COVERAGE, EDGE, NAME, Key, Values, Writing, key_columns
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.unit import UnitOfWork

WRITE = "graph:write"
MOST_ALIASES = 50
MERGED = "learning.concepts_merged"
EXTERNAL = ("case", "wikidata")
_SAID: Values = {"origin": Origin.AUTHOR, "standing": Standing.ACCEPTED, "confidence": 1.0}


@command(WRITE)
def add_concept(
    unit: UnitOfWork,
    name: str,
    *,
    aliases: Sequence[str] = (),
    description: str = "",
    language: str | None = None,
    external: Mapping[str, str] | None = None,
) -> str:
    """Make a concept; its id. One that was rejected or only suggested is taken up again.

    Raises ConflictError where a name is another concept's, and InvalidError.
    """
    writing = Writing(unit, "add_concept")
    name = clean(name)
    found = owner_of(writing, name)
    row = writing.row(CONCEPT, (found,)) if found else None
    if found and row and row["standing"] == Standing.ACCEPTED:
        raise ConflictError(f"there is a concept {row['name']!r} already", cure="change that one")
    id_ = found or writing.new_concept()
    values = {"name": name, "description": description, "language": language, **_SAID}
    said_anew: Values = {"external": _external(external or {}), "into_id": None}
    writing.put(CONCEPT, (id_,), values | said_anew)
    name_it(writing, id_, [name, *aliases])
    writing.finish()
    return id_


@command(WRITE)
def change_concept(
    unit: UnitOfWork, concept: str, changes: Mapping[str, Any], version: int | None = None
) -> None:
    """Change ``name``, ``aliases``, ``description``, ``language`` or ``external`` of a concept.

    What is not named stays. A changed suggestion is accepted by that.
    """
    writing = Writing(unit, "change_concept")
    # Only now nobody else can change it any more.
    unit.expect(unit.get(Concept, concept), version)
    row = standing_concept(writing, concept)
    name = clean(changes["name"]) if changes.get("name") else str(row["name"])
    values: Values = {"name": name, "standing": Standing.ACCEPTED}
    if changes.get("external") is not None:
        values["external"] = _external(changes["external"])
    for field in ("description", "language"):
        if field in changes:
            values[field] = changes[field] or ("" if field == "description" else None)
    writing.put(CONCEPT, (concept,), values)
    aliases = changes.get("aliases")
    if aliases is not None:
        kept = {key_of(one) for one in [name, *aliases]}
        for key in writing.load(NAME, NAME.c.concept_id == concept):
            if key[0] not in kept:
                writing.take(NAME, key)
    name_it(writing, concept, [name, *(aliases or ())])
    writing.finish()


@command(WRITE)
def merge_concepts(unit: UnitOfWork, concept: str, into: str) -> None:
    """Make two concepts one, ``into``: it gets the names, the edges and what covers the other.

    Edges between the two go; where both have one, the one that is believed more stays. Raises
    CycleError where the two together would come before themselves.
    """
    if concept == into:
        raise InvalidError("a concept is merged into another one", field="into")
    writing = Writing(unit, "merge_concepts")
    standing_concept(writing, concept)
    standing_concept(writing, into)
    for key in writing.load(NAME, NAME.c.concept_id == concept):
        writing.put(NAME, key, {"concept_id": into})
    touched = or_(EDGE.c.source_id == concept, EDGE.c.target_id == concept)
    for key in writing.load(EDGE, touched):
        _move(writing, EDGE, key, _edge_of(key, concept, into))
    for key in writing.load(COVERAGE, COVERAGE.c.concept_id == concept):
        _move(writing, COVERAGE, key, (key[0], into, key[2]))
    give_way(writing, [into])
    writing.put(CONCEPT, (concept,), {"into_id": into, "standing": Standing.REJECTED})
    unit.outbox.append(MERGED, f"graph:{unit.institution}", {"id": concept, "into": into})
    writing.finish()


def _edge_of(key: Key, concept: str, into: str) -> Key | None:
    target, kind, source = (into if one == concept else one for one in key)
    return (
        None
        if target == source
        else (target, kind, source)
        if kind != EdgeKind.RELATED
        else (ordered(kind, source, target))
    )


def _move(writing: Writing, table: Any, key: Key, to: Key | None) -> None:
    """Have a row under another key; of two the one that is believed more stays."""
    row = writing.row(table, key)
    writing.take(table, key)
    if row is None or to is None:
        return
    there = writing.row(table, to)
    if there is None or belief(row) > belief(there):
        names = {"target_id", "kind", "source_id", "item_id", "concept_id", "part"}
        writing.put(table, to, {name: one for name, one in row.items() if name not in names})


@command(WRITE)
def link(
    unit: UnitOfWork,
    source: str,
    target: str,
    kind: str = EdgeKind.PREREQUISITE,
    *,
    weight: float = 1.0,
) -> None:
    """Say that ``source`` is a prerequisite of, a part of, or related to ``target``.

    Inferred prerequisites that would make a circle with it give way and are rejected. Raises
    CycleError, which names the circle, where people stand for all of one; InvalidError.
    """
    _check_edge(source, target, kind, weight)
    writing = Writing(unit, "link")
    standing_concept(writing, source)
    standing_concept(writing, target)
    writing.put(EDGE, ordered(kind, source, target), {"weight": weight, **_SAID})
    give_way(writing, [target])
    writing.finish()


@command(WRITE)
def unlink(unit: UnitOfWork, source: str, target: str, kind: str = EdgeKind.PREREQUISITE) -> None:
    """Say that it is not so; raises NotFoundError where nothing says that it is."""
    writing = Writing(unit, "unlink")
    key = ordered(kind, source, target)
    row = writing.row(EDGE, key)
    if row is None or row["standing"] == Standing.REJECTED:
        raise NotFoundError(f"there is no {kind} from {source[:40]} to {target[:40]}")
    writing.put(EDGE, key, {"standing": Standing.REJECTED})
    writing.finish()


@command(WRITE)
def cover(
    unit: UnitOfWork,
    item: str,
    concept: str,
    role: str = Role.TEACHES,
    *,
    part: str = "",
    weight: float = 1.0,
) -> None:
    """Say that an item, or the question ``part`` of a quiz, covers a concept."""
    if role not in set(Role):
        raise InvalidError(f"role: {role[:40]!r} is none", field="role", cure=", ".join(Role))
    _check_share("weight", weight)
    editable(unit, Item, item, None)
    writing = Writing(unit, "cover")
    standing_concept(writing, concept)
    writing.put(COVERAGE, (item, concept, part), {"role": role, "weight": weight, **_SAID})
    writing.finish()


@command(WRITE)
def uncover(unit: UnitOfWork, item: str, concept: str, *, part: str = "") -> None:
    """Say that an item does not cover a concept; raises NotFoundError where nothing says so."""
    unit.get(Item, item)
    writing = Writing(unit, "uncover")
    row = writing.row(COVERAGE, (item, concept, part))
    if row is None or row["standing"] == Standing.REJECTED:
        raise NotFoundError(f"item {item[:40]} does not cover concept {concept[:40]}")
    writing.put(COVERAGE, (item, concept, part), {"standing": Standing.REJECTED})
    writing.finish()


@command(WRITE)
def review(
    unit: UnitOfWork,
    *,
    accept: Collection[tuple[str, Key]] = (),
    reject: Collection[tuple[str, Key]] = (),
) -> int:
    """Accept and reject many suggestions at once, each by its table's name and its key.

    With a concept go the suggestions about it. Accepting one edge makes inferred ones that
    contradict it give way. Gives how many rows are another thing now; raises NotFoundError and
    CycleError, and then nothing is changed.
    """
    writing = Writing(unit, "review")
    accepted: set[str] = set()
    for standing, chosen in ((Standing.REJECTED, reject), (Standing.ACCEPTED, accept)):
        for subject, key in chosen:
            table = {"concept": CONCEPT, "edge": EDGE, "coverage": COVERAGE}.get(subject)
            if (
                table is None
                or len(key) != len(key_columns(table))
                or writing.row(table, tuple(key)) is None
            ):
                raise NotFoundError(f"no {subject[:20]} {'/'.join(key)[:200]}")
            if table is COVERAGE:
                unit.get(Item, key[0])  # It may be somebody's alone.
            if table is CONCEPT and standing is Standing.ACCEPTED:
                _check_named(writing, key[0])
            writing.put(table, tuple(key), {"standing": standing})
            if standing is Standing.ACCEPTED and table is EDGE:
                accepted.add(key[0])
    _reject_around(writing, [key[0] for subject, key in reject if subject == "concept"])
    give_way(writing, sorted(accepted))
    changed = len(list(writing.changed()))
    writing.finish()
    return changed


@command(WRITE)
def remove_concept(unit: UnitOfWork, concept: str) -> None:
    """Reject a concept, its edges and what covers it."""
    writing = Writing(unit, "remove_concept")
    standing_concept(writing, concept)
    writing.put(CONCEPT, (concept,), {"standing": Standing.REJECTED})
    _reject_around(writing, [concept])
    writing.finish()


def _reject_around(writing: Writing, concepts: Sequence[str]) -> None:
    for table, key in writing.load_touching(concepts):
        writing.put(table, key, {"standing": Standing.REJECTED})


def _check_named(writing: Writing, concept: str) -> None:
    """Raise ConflictError for a concept whose name became another one's: by a merge, say."""
    name = (writing.row(CONCEPT, (concept,)) or {})["name"]
    if owner_of(writing, name) != concept:
        raise ConflictError(
            f"{name!r} is no name of this concept any more",
            cure="undo what took it: bloop graph history",
        )


# -- what commands here and in `suggesting` share


def owner_of(writing: Writing, name: str) -> str | None:
    """The concept that has this name."""
    row = writing.row(NAME, (key_of(name),))
    return None if row is None else str(row["concept_id"])


def concept_called(unit: UnitOfWork, name: str) -> str:
    """The concept that has this name; it is made, or taken up again, where there is none."""
    writing = Writing(unit, "add_concept")
    owner = owner_of(writing, name)
    there = owner is not None and is_there(writing, owner)
    return owner if owner and there else add_concept(unit, name)


def standing_concept(writing: Writing, concept: str) -> Values:
    """A concept that is there; raises NotFoundError also for one that was rejected or merged."""
    row = writing.row(CONCEPT, (concept,))
    if row is None or row["standing"] == Standing.REJECTED:
        into = row and row["into_id"]
        raise NotFoundError(
            f"no concept {concept[:40]}", cure=f"it became {into}" if into else None
        )
    return row


def name_it(
    writing: Writing, concept: str, names: Iterable[str], *, most: int = MOST_ALIASES
) -> None:
    """Give a concept these names beside those it has; raises ConflictError for another's."""
    cleaned = [clean(one, "aliases") for one in names]
    if len(cleaned) > most:
        raise InvalidError(f"at most {most} names, not {len(cleaned)}", field="aliases")
    writing.fetch(NAME, [(key_of(one),) for one in cleaned])
    for name in cleaned:
        owner = owner_of(writing, name)
        if owner not in {None, concept} and is_there(writing, str(owner)):
            other = writing.row(CONCEPT, (str(owner),)) or {}
            raise ConflictError(
                f"{name!r} is a name of the concept {other.get('name')!r} already",
                cure="take it from that one first, or merge the two",
            )
        writing.put(NAME, (key_of(name),), {"concept_id": concept, "name": name})


def is_there(writing: Writing, concept: str) -> bool:
    """Whether there is a concept with this id that was not rejected."""
    row = writing.row(CONCEPT, (concept,))
    return row is not None and row["standing"] != Standing.REJECTED


def belief(row: Values) -> tuple[bool, bool, int, float]:
    """How much a statement is believed, to compare: people first, then by confidence."""
    return (
        row["standing"] != Standing.REJECTED,
        row["standing"] == Standing.ACCEPTED,
        -tuple(Origin).index(row["origin"]),
        row["confidence"],
    )


def _check_edge(source: str, target: str, kind: str, weight: float) -> None:
    if kind not in set(EdgeKind):
        raise InvalidError(f"kind: {kind[:40]!r} is none", field="kind", cure=", ".join(EdgeKind))
    if source == target:
        raise InvalidError("a concept has no edge to itself", field="target")
    _check_share("weight", weight)


def _check_share(field: str, value: float) -> None:
    if not 0 < value <= 1:  # False of NaN as well.
        raise InvalidError(f"{field}: more than 0, at most 1, not {value}", field=field)


def _external(ids: Mapping[str, str]) -> dict[str, str]:
    for name, value in ids.items():
        if name not in EXTERNAL or not value or len(value) > 500:
            raise InvalidError(
                f"external: {name[:40]!r} is not known, or its id is too long",
                field="external",
                cure=" or ".join(EXTERNAL),
            )
    return dict(ids)
