"""A row in every table of institutions: `seed` writes them, `snapshot` reads them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Connection, LargeBinary, String, Table, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bloop.store.database import Database, open_engine
from bloop.tables import core_metadata
from bloop_sdk.tables import UtcDateTime
from tests.learning.quizzes import CHOICE

AT = datetime.now(UTC).replace(microsecond=0)
"""What is older than some days, the hub removes by itself."""

VALUES: dict[str, Any] = {
    "account_user.disabled_at": None,
    "account_user.erased_at": None,
    "account_user.role": "learner",
    "account_user.waiting": False,
    # One of the institution: a person's has no role of its own.
    "answer.score": 0.5,
    "mastery.p": 0.5,
    "mastery.state": {},
    "mastery_upkeep.due_at": None,
    "mastery_upkeep.fault": "",
    "api_key.revoked_at": None,
    "api_key.role": "educator",
    "api_key.scopes": ["content:read"],
    "api_key.user_id": None,
    "bootstrap_link.used_at": None,
    "concept.into_id": None,
    "concept.standing": "accepted",
    "concept_coverage.part": "",
    "concept_coverage.standing": "accepted",
    "concept_edge.kind": "prerequisite",
    "concept_edge.origin": "author",
    "concept_edge.standing": "accepted",
    "concept_edge.target_id": "{concept.id}-2",
    "container.audience": "open",
    "container.kind": "course",
    "container.owner_id": None,
    "container.state": "active",
    "connection.owner_id": None,
    "connection.state": "active",
    "course_enrolment.group_id": None,
    "goal.by": None,
    "course_enrolment.role": "learner",
    "connection.selected": {},
    "connection.checked": {},
    "connection.settings": {"base_url": "https://{mark}.example"},
    "connection.every": "6h",
    "connection.send_job": None,
    "connection.writes": ["note.update"],
    "connection.next_at": None,
    "enrolment.state": "active",
    "submission.state": "active",
    "submission.lost": [],
    "event_parked.retry_at": None,
    "event_parked.state": "parked",
    "idempotency_key.state": "withheld",
    "invitation.revoked_at": None,
    "invitation.role": "learner",
    "item.blob": None,
    "item.concealed": False,
    "item.data": {},
    "item.kind": "note",
    "item.lost": [],
    "item.state": "active",
    "item.theirs": None,
    "container.lost": [],
    "node.lost": [],
    "outcome.lost": [],
    "person.lost": [],
    "enrolment.lost": [],
    "job.actor": "user:{account_user.id}",
    "job.actor_role": "learner",
    "job.actor_scopes": ["content:read"],
    "job.error": {"code": "failed", "message": "{mark}", "cure": None},
    "job.cancel_requested": False,
    "job.lease_until": None,
    "job.lease_owner": None,
    "job.owner_id": None,
    "job.pending": 0,
    "job.state": "failed",
    "job.turn": None,
    "job_schedule.next_at": None,
    "job_schedule.every": "15m",
    "item_text.moments": [[0, 1000]],
    "job_schedule.zone": "UTC",
    "login_session.method": "link",
    "token_family.ended_at": None,
    "token_family.scopes": ["content:read"],
    "node.item_kind": "note",
    "node.item_remote_id": "{item.remote_id}",
    "node.state": "active",
    "node.theirs": None,
    "note_anchor.about_id": "{item.id}",
    "note_anchor.course_id": "{container.id}",
    "note_anchor.kind": "highlight",
    "note_conflict.copy_id": None,
    "note_conflict.how": "edited",
    "note_conflict.item_id": "{item.id}",
    "note_conflict.settled": None,
    "person.state": "active",
    "outcome.state": "active",
    "certificate.average": 0.5,
    "certificate.container_id": "{container.id}",
    "certificate_rule.average": 0.5,
    "certificate_rule.items": None,
    "recommendation.item_id": "{mark}-item-id",
    "recommendation.user_id": "{mark}-account_user-id",
    "graph_change.key": '["{concept.id}"]',
    "graph_change.subject": "concept",
    "goal.kind": "container",
    "goal.subject_id": "{mark}-container-id",
    "item_progress.watched": 0.5,
    "quiz_attempt.ends_at": None,
    "quiz_attempt.score": 0.5,
    "quiz_attempt.status": "open",
    "quiz_response.score": 0.5,
    "review_response.part": CHOICE["id"],
    "review_response.response": "a",
    "review_response.score": 0.5,
    "quiz_version.data": {"questions": [CHOICE], "due_at": None},
    "statement.item_id": "{item.id}",
    "statement.source": "xapi",
    "statement.voids": None,
    "search_document.container_id": "{container.id}",
    "search_document.id": "{item.id}",
    "search_document.kind": "page",
    # Some of its text is of the row, and some what a plugin says.
    "search_document.own": 20,
    "search_document.version": 1,
    "quarantine.ref": "page:{mark}",
    "quarantine.resolved_at": None,
    "sync_run.counts": {},
    "sync_run.state": "succeeded",
    "content_version.subject": "item",
    "content_version.subject_id": "{item.id}",
    "content_version.change": "update",
    "content_version.row_version": 90,
    "content_version.snapshot": {"mark": "{mark}", "title": "{mark}", "data": {}, "html": ""},
    "outbox_event.payload": {
        "id": "{mark}-outbox_event-payload",
        "kind": "page",
        "container": None,
        "change": "updated",
    },
    "outbox_event.topic": "content.item.updated",
    "unsent.op": "note.update",
    "unsent.sent": None,
    "unsent.state": "refused",
    "webhook_delivery.state": "failed",
    "webhook_endpoint.enabled": False,
    "webhook_endpoint.lease_until": None,
    "webhook_endpoint.topics": ["*"],
    "webhook_endpoint.url": "https://{mark}.example/hook",
}
"""What a column holds where text with the institution's mark would not do."""

TWICE = frozenset({"concept"})
"""Tables with a second row: another table's row refers to two of them."""


@dataclass
class Seeded:
    """An institution's rows by table; every text of them holds ``mark``."""

    institution: str
    mark: str
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)


def tenant_tables() -> list[Table]:
    """The tables whose rows belong to an institution, each after those that it refers to."""
    found = [table for table in core_metadata().sorted_tables if "institution_id" in table.c]
    # Whatever a version or a document is of, it has no key to.
    return sorted(found, key=lambda table: table.name in {"content_version", "search_document"})


def seed(database: Database, *institutions: tuple[str, str]) -> list[Seeded]:
    """One row in each of those tables for each ``(institution, mark)``.

    Fails for a table that it cannot fill: say in VALUES what its columns hold.
    """
    made = [Seeded(*one) for one in institutions]
    with open_engine(database.owner_url, pool=NullPool).begin() as connection:
        see_all(connection)
        connection.execute(insert(core_metadata().tables["event_consumer"]), _consumer())
        for number, one in enumerate(made, 1):
            for table in tenant_tables():
                row = {
                    column.name: _value(column, table, one, number)
                    for column in table.c
                    if column.identity is None
                }
                again = [{**row, "id": f"{row['id']}-2"}] if table.name in TWICE else []
                try:
                    connection.execute(insert(table), [row, *again])
                except DBAPIError as err:
                    pytest.fail(f"{table.name} can't be seeded: say how in VALUES\n{err}")
                own = table.c.institution_id == one.institution
                key = [column for column in table.primary_key if column.name in row]
                if key:
                    own &= key[-1] == row[key[-1].name]
                one.rows[table.name] = dict(
                    connection.execute(select(table).where(own)).mappings().all()[-1]
                )
    return made


def see_all(connection: Connection) -> None:
    """Let a connection of the owner reach every institution's rows."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))


def snapshot(database: Database, institution: str) -> dict[str, list[str]]:
    """All rows of an institution, as the owner sees them."""
    with open_engine(database.owner_url, pool=NullPool).begin() as connection:
        see_all(connection)
        return {
            table.name: sorted(
                map(
                    repr,
                    connection.execute(
                        select(table).where(table.c.institution_id == institution)
                    ).all(),
                )
            )
            for table in tenant_tables()
        }


def _consumer() -> dict[str, Any]:
    return {
        "name": "seeded",
        "partition": 0,
        "partitions": 1,
        "plugin_id": "seeded",
        "position": 0,
        "lease_epoch": 0,
        "created_at": AT,
        "seen_at": AT,
    }


def _value(column: Any, table: Table, one: Seeded, number: int) -> Any:
    name = f"{table.name}.{column.name}"
    if column.name == "institution_id":
        return one.institution
    if name == "search_document.tenant":
        return one.institution.replace("-", "")  # The word by which it is found.
    if name in VALUES:
        return _filled(VALUES[name], one)
    if column.foreign_keys:
        return _referred(column, one)
    samples: dict[type, Any] = {
        UtcDateTime: AT,
        String: f"{one.mark}-{table.name}-{column.name}"[: getattr(column.type, "length", None)],
        JSON: {"mark": one.mark},
        Boolean: True,
        LargeBinary: one.mark.encode(),
    }
    return next((value for kind, value in samples.items() if isinstance(column.type, kind)), number)


def _referred(column: Any, one: Seeded) -> Any:
    """What stands in the row that a column refers to; None where that is of its own table."""
    for key in column.foreign_keys:
        target, _, of = key.target_fullname.rpartition(".")
        if target == "event_consumer":
            return _consumer()[of]
        if target in one.rows:
            return one.rows[target][of]
    return None


def _filled(value: Any, one: Seeded) -> Any:
    if isinstance(value, dict):
        return {key: _filled(part, one) for key, part in value.items()}
    if not isinstance(value, str) or "{" not in value:
        return value
    known = {
        f"{table}.{column}": found
        for table, row in one.rows.items()
        for column, found in row.items()
    }
    for name, found in {"mark": one.mark, **known}.items():
        value = value.replace(f"{{{name}}}", str(found))
    return value
