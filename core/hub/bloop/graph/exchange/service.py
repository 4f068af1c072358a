"""Taking a graph in, and giving one out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlalchemy import select

from bloop.graph.edges import EdgeKind
from bloop.graph.exchange import case, graphml, jsonld
from bloop.graph.exchange.document import MOST_ALIASES, MOST_BYTES, ConceptData, Document, EdgeData
from bloop.graph.giving_way import give_way, ordered
from bloop.graph.models import Concept, Origin, Standing
from bloop.graph.names import clean, key_of
from bloop.graph.service import name_it, owner_of
from bloop.graph.writing import CONCEPT, EDGE, NAME, Change, Writing
from bloop.store.commands import command
from bloop.store.database import Database
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

FORMS: Mapping[str, ModuleType] = {"jsonld": jsonld, "graphml": graphml, "case": case}
Progress = Callable[[int, int, str], None]
ATTEMPTS = 10
ROWS_AT_ONCE = 10_000
"""So many rows of a large document are written at once: a second, in which nobody else writes."""
_SAID = {"origin": Origin.IMPORTED, "standing": Standing.ACCEPTED, "confidence": 1.0}


def _untold(_done: int, _total: int, _message: str) -> None:
    """Nobody looks."""


def read(form: str, data: bytes) -> Document:
    """A document in one of :data:`FORMS`; raises InvalidError, and CycleError."""
    if len(data) > MOST_BYTES:
        raise InvalidError(
            f"a graph has at most {MOST_BYTES} bytes, not {len(data)}", cure="give it in parts"
        )
    found: Document = _form(form).read(data)
    return found


def write(form: str, document: Document, title: str) -> tuple[bytes, str]:
    """A document in one of :data:`FORMS`, and its media type."""
    module = _form(form)
    return module.write(document, title), module.MEDIA_TYPE


def _form(form: str) -> ModuleType:
    if form not in FORMS:
        raise InvalidError(f"form: {form[:40]!r} is none", field="form", cure=" or ".join(FORMS))
    return FORMS[form]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document held against the graph as it was: what is to be written, and how much is new."""

    writing: Writing
    new: dict[str, int]


@command("graph:write")
def take_in(unit: UnitOfWork, document: Document) -> dict[str, int]:
    """Add a document's concepts and edges; how many of each are new.

    A concept is the one that has its id here, its external id, or its name. What is here keeps what
    it says; inferred prerequisites that contradict the document give way. Raises CycleError where
    the document contradicts itself or what people said here, and then nothing is added.
    """
    prepared = _held_against(Writing(unit, "import"), unit, document)
    prepared.writing.finish()
    return prepared.new


@command("graph:write")
def prepare(unit: UnitOfWork, document: Document) -> Prepared:
    """Hold a document against the graph in a unit that only reads; raises as `take_in` does."""
    return _held_against(Writing(unit, "import", hold=False), unit, document)


@command("graph:write")
def write_part(unit: UnitOfWork, prepared: Prepared, rows: Sequence[Change]) -> bool:
    """Write some of it; False where the graph was written since, and then nothing is."""
    return prepared.writing.finish_part(unit, rows)


def import_document(
    database: Database, call: Call, document: Document, progress: Progress = _untold
) -> dict[str, int]:
    """:func:`take_in` for any size; ``progress`` is told rows written, of how many. Blocking.

    A large document is held against the graph while others can write, and then written as several
    versions. Where it is interrupted, the same import again adds what is missing. Raises
    ConflictError where others write the graph again and again meanwhile.
    """
    if len(document.concepts) + len(document.edges) <= ROWS_AT_ONCE:
        with database.unit(call) as unit:
            return take_in(unit, document)
    new: dict[str, int] | None = None
    for _ in range(ATTEMPTS):
        progress(0, 1, "holding it against the graph")
        with database.reading(call) as unit:
            prepared = prepare(unit, document)
        new = new or prepared.new
        if _written(database, call, prepared, progress):
            return new
    raise ConflictError(
        "others write the graph again and again", cure="import it again: what is in stays"
    )


def _written(database: Database, call: Call, prepared: Prepared, progress: Progress) -> bool:
    """Write it in parts; False where somebody else wrote the graph between."""
    parts = prepared.writing.in_parts(ROWS_AT_ONCE)
    done, total = 0, sum(map(len, parts))
    for rows in parts:
        progress(done, total, "rows written")
        with database.unit(call) as unit:
            if not write_part(unit, prepared, rows):
                return False
        done += len(rows)
    progress(total, total, "")
    return True


def _held_against(writing: Writing, unit: UnitOfWork, document: Document) -> Prepared:
    names = [name for one in document.concepts for name in (one.name, *one.aliases)]
    writing.fetch(NAME, [(key_of(name),) for name in names])
    owners = {owner for name in names if (owner := owner_of(writing, name))}
    writing.fetch(CONCEPT, [(owner,) for owner in owners])
    writing.fetch(CONCEPT, [(one.id.removeprefix("urn:uuid:"),) for one in document.concepts])
    external = _external_ids(unit)
    ids: dict[str, str] = {}
    new = {"concepts": 0, "edges": 0}
    for one in document.concepts:
        found = _found(writing, external, one)
        ids[one.id] = found or _made(writing, one)
        new["concepts"] += found is None
    keys = {_key(ids, edge): edge for edge in document.edges if _ends_differ(ids, edge)}
    writing.fetch(EDGE, keys)
    before: set[str] = set()
    for key, edge in keys.items():
        row = writing.row(EDGE, key)
        if row is None or row["standing"] != Standing.ACCEPTED:
            writing.put(EDGE, key, {"weight": edge.weight, **_SAID})
            new["edges"] += 1
            before |= {key[0]} if key[1] == EdgeKind.PREREQUISITE else set()
    give_way(writing, sorted(before))
    return Prepared(writing, new)


def _ends_differ(ids: Mapping[str, str], edge: EdgeData) -> bool:
    """Whether two concepts of the document are two here as well."""
    return ids[edge.source] != ids[edge.target]


def _key(ids: Mapping[str, str], edge: EdgeData) -> tuple[str, ...]:
    return ordered(edge.kind, ids[edge.source], ids[edge.target])


def _external_ids(unit: UnitOfWork) -> dict[tuple[str, str], str]:
    rows = unit.session.execute(
        select(Concept.id, Concept.external).where(
            Concept.institution_id == unit.institution, Concept.standing != Standing.REJECTED
        )
    )
    return {(name, value): id_ for id_, external in rows for name, value in external.items()}


def _found(
    writing: Writing, external: Mapping[tuple[str, str], str], one: ConceptData
) -> str | None:
    known: Any = [external.get(pair) for pair in one.external.items()]
    for id_ in (one.id.removeprefix("urn:uuid:"), *known, owner_of(writing, one.name)):
        row = writing.row(CONCEPT, (id_,)) if id_ else None
        if row is not None and row["standing"] != Standing.REJECTED:
            writing.put(CONCEPT, (id_,), {"standing": Standing.ACCEPTED})
            return str(id_)
    return None


def _made(writing: Writing, one: ConceptData) -> str:
    id_ = (
        owner_of(writing, one.name) or writing.new_concept()
    )  # It may have been rejected under this name.
    external = {name: value for name, value in one.external.items() if value}
    values = {
        "name": clean(one.name),
        "description": one.description,
        "language": one.language,
        "external": external,
        "into_id": None,
    }
    writing.put(CONCEPT, (id_,), values | _SAID)
    free = [name for name in one.aliases if owner_of(writing, name) in {None, id_}]
    name_it(writing, id_, list(dict.fromkeys([one.name, *free])), most=MOST_ALIASES + 1)
    return id_
