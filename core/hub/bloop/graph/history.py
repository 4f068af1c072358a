"""What was done to the graph, and taking it back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from bloop.graph.edges import EdgeKind
from bloop.graph.giving_way import give_way
from bloop.graph.models import LAST_VERSION, GraphChange, GraphState
from bloop.graph.writing import CONCEPT, EDGE, SUBJECTS, Key, Values, Writing
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.unit import UnitOfWork


@command("graph:write")
def undo(unit: UnitOfWork, version: int) -> int:
    """Have what one write changed as it was before; the graph's version then.

    Undoing an undo does it again. Raises ConflictError where something of it was changed since,
    naming what, or where it is older than what is kept, and then nothing is undone.
    """
    if not 0 < version <= LAST_VERSION:
        raise NotFoundError(f"the graph has no version {str(version)[:40]}")
    state = unit.session.get(GraphState, unit.institution)
    if state is not None and version < state.kept_from:
        raise ConflictError(
            f"version {version} of the graph was forgotten: its history begins with version "
            f"{state.kept_from}",
            cure="say by hand what should be so; [limits] graph_days is how long history is kept",
        )
    changes = unit.session.execute(
        select(GraphChange.subject, GraphChange.key, GraphChange.before, GraphChange.after)
        .where(GraphChange.institution_id == unit.institution, GraphChange.version == version)
        .order_by(GraphChange.position.desc())
    ).all()
    if not changes:
        raise NotFoundError(f"the graph has no version {version}")
    writing = Writing(unit, "undo", undoes=version)
    for subject, key, before, after in changes:
        _take_back(writing, subject, tuple(json.loads(key)), before, after)
    give_way(
        writing,
        sorted(
            {
                key[0]
                for table, key, _, after in list(writing.changed())
                if table is EDGE and after and key[1] == EdgeKind.PREREQUISITE
            }
        ),
    )
    return writing.finish()


def _take_back(
    writing: Writing, subject: str, key: Key, before: Values | None, after: Values | None
) -> None:
    table: Any = SUBJECTS[subject]
    now = writing.row(table, key)
    if now != after:
        raise ConflictError(
            f"{_said(writing, subject, key)} was changed since",
            cure="undo the later changes first: bloop graph history",
        )
    if before is None:
        writing.take(table, key)
    else:
        writing.put(table, key, before)


def _said(writing: Writing, subject: str, key: Key) -> str:
    kind = subject.removeprefix("concept_")
    row = writing.row(CONCEPT, key) if subject == "concept" else None
    return f"the {kind} {row['name'] if row else ' / '.join(key)}"
