"""A document of an institution's graph, from the registered reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from bloop.graph.exchange.document import ConceptData, Document, EdgeData
from bloop.graph.queries import WHOLE_CONCEPTS, WHOLE_EDGES, WHOLE_NAMES
from bloop.store.statements import Row, Statement, parsed

Read = Callable[[Statement], Sequence[Row]]


def document_of(read: Read) -> Document:
    """All that holds; ``read`` gives a statement's rows, as one institution's."""
    names: dict[str, list[str]] = defaultdict(list)
    for concept, name in read(WHOLE_NAMES):
        names[concept].append(name)
    concepts = [
        ConceptData(
            id=id_,
            name=name,
            aliases=[one for one in names[id_] if one != name],
            description=description,
            language=language,
            external=parsed(external) or {},
        )
        for id_, name, description, language, external in read(WHOLE_CONCEPTS)
    ]
    known = {one.id for one in concepts}
    rows: list[Any] = [row for row in read(WHOLE_EDGES) if row[1] in known and row[2] in known]
    edges = [
        EdgeData(kind=kind, source=source, target=target, weight=weight)
        for kind, source, target, weight in rows
    ]
    return Document(concepts=concepts, edges=edges)
