"""Grades that are given here and written where the work was handed in.

The other system wins: the job writes only if the submission is there as it was seen here, reads it
again afterwards, and keeps what it found. Its handler is
:func:`bloop.hub.connections.run_grade_job`.
"""

from __future__ import annotations

from typing import Any

from bloop.content.models import Submission
from bloop.content.syncing import QUEUE, check_readable
from bloop.jobs.ledger import enqueue
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind, Precondition, Ref, WriteOp

GRADE_JOB = "content.grade"
GRADE = "grade"
"""The operation's name in :attr:`bloop_sdk.ProviderSpec.writes`."""


@command("content:write")
def ask_for_grade(
    unit: UnitOfWork,
    submission_id: str,
    version: int | None,
    *,
    score: float | None = None,
    comment: str | None = None,
) -> str:
    """Ask for the job that gives a submission a score, a comment or both; its id.

    Raises ConflictError where the submission has changed since, or its connection cannot be used.
    """
    row = unit.get(Submission, submission_id)
    unit.expect(row, version)
    values = {"score": score, "comment": comment}
    values = {name: value for name, value in values.items() if value is not None}
    if not values:
        raise InvalidError("a grade has a score, a comment, or both", field="score")
    if row.connection_id is None:
        raise InvalidError("this work was handed in nowhere else", field="id")
    connection = unit.get(Connection, row.connection_id)
    check_readable(connection)
    payload = {
        "connection": connection.id,
        "ref": row.remote_id,
        "remote_version": row.remote_version,
        "values": values,
    }
    unit.audit.append("content.grade", f"submission:{row.id}", {"fields": sorted(values)})
    return enqueue(unit, GRADE_JOB, payload, plugin_id=connection.plugin_id, queue=QUEUE)


def operation(job: str, payload: dict[str, Any]) -> tuple[WriteOp, Precondition]:
    """What a job's payload asks of the provider."""
    op = WriteOp(
        kind=GRADE,
        ref=Ref(Kind.SUBMISSION, payload["ref"]),
        values=payload["values"],
        idempotency_key=job,
    )
    return op, Precondition(remote_version=payload["remote_version"])
