"""Columns of the gradebook: what can be reached and when it is due, and what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from bloop_blackboard.api import Api
from bloop_blackboard.wire import Column, fault
from bloop_sdk import Kind, Ref, Skipped
from bloop_sdk.records import JSONObject

COLUMNS = (3200, 10)
CALCULATED = "Calculated"


@dataclass(frozen=True, slots=True)
class Graded:
    """A column with its raw form."""

    column: Column
    raw: JSONObject

    def ref(self, course: str, contents: Mapping[str, Ref]) -> Ref:
        """What it is about: an item of the course, or an assignment that only it tells of."""
        about = contents.get(self.column.content_id or "")
        return about or Ref(Kind.ASSIGNMENT, f"{course}/column/{self.column.id}")


async def columns_of(api: Api, course: str) -> tuple[list[Graded], list[Skipped]]:
    """The columns of a course that somebody's work is in; totals are Blackboard's own sums."""
    found: list[Graded] = []
    skipped: list[Skipped] = []
    for row in await api.all(f"/v2/courses/{course}/gradebook/columns"):
        try:
            column = Column.model_validate(row)
        except ValidationError as err:
            ref = f"assignment:{course}/column/{row.get('id')}"
            skipped.append(Skipped(ref=ref, reason=fault(err), raw=row))
        else:
            if column.grading.type != CALCULATED:
                found.append(Graded(column, row))
    return found, skipped


def by_content(columns: Iterable[Graded]) -> dict[str, Graded]:
    """The first column of each item."""
    found: dict[str, Graded] = {}
    for one in columns:
        if one.column.content_id:
            found.setdefault(one.column.content_id, one)
    return found
