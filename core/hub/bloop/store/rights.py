"""What may be done to which table: set after every migration, for all tables.

On SQLite triggers keep the lines of the audit as they are. On PostgreSQL it is the rights of the
role that serves. Nobody has to remember them in a version, and a table that a plugin adds is
guarded like the core's: row-level security compares ``institution_id`` with the setting
``bloop.institution`` of the session; ``*`` is the hub's own. It is forced on the owner too, for a
hub that runs as one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

if TYPE_CHECKING:
    from bloop.store.database import Database

POLICY = "own_institution"

_UNGUARDED = text("""
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attname = 'institution_id' AND NOT a.attisdropped
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (
          SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = :policy))
    ORDER BY c.relname
""")

_OWN = """
    institution_id = current_setting('bloop.institution', true)
    OR current_setting('bloop.institution', true) = '*'
"""

_REFUSED = "BEGIN SELECT RAISE(ABORT, 'the lines of the audit are never changed'); END"
_KEPT = (
    f"CREATE TRIGGER IF NOT EXISTS audit_line_kept BEFORE UPDATE ON audit_line {_REFUSED}",
    f"CREATE TRIGGER IF NOT EXISTS audit_personal_kept BEFORE UPDATE ON audit_personal {_REFUSED}",
    # Only what a checkpoint stands for goes.
    f"""CREATE TRIGGER IF NOT EXISTS audit_line_stays BEFORE DELETE ON audit_line
    WHEN NOT EXISTS (SELECT 1 FROM audit_checkpoint c
        WHERE c.institution_id = OLD.institution_id AND c.seq >= OLD.seq) {_REFUSED}""",  # noqa: S608 - constants
    # A REPLACE deletes, and asks no trigger.
    f"""CREATE TRIGGER IF NOT EXISTS audit_line_last BEFORE INSERT ON audit_line
    WHEN EXISTS (SELECT 1 FROM audit_line l
        WHERE l.institution_id = NEW.institution_id AND l.seq >= NEW.seq) {_REFUSED}""",  # noqa: S608 - constants
)


def grant_rights(connection: Connection, database: Database) -> None:
    """Guard every table of institutions, and let the role of ``[store] url`` use them all."""
    if connection.dialect.name != "postgresql":
        for trigger in _KEPT:
            connection.exec_driver_sql(trigger)
        return
    for name in connection.scalars(_UNGUARDED, {"policy": POLICY}).all():
        for statement in (
            f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{name}" FORCE ROW LEVEL SECURITY',
            f'DROP POLICY IF EXISTS {POLICY} ON "{name}"',
            f'CREATE POLICY {POLICY} ON "{name}" USING ({_OWN}) WITH CHECK ({_OWN})',
        ):
            connection.execute(text(statement))
    role = database.url.username
    if role is None or role == database.owner_url.username:
        return
    quoted = connection.dialect.identifier_preparer.quote(role)
    schema = connection.dialect.identifier_preparer.quote(
        connection.scalar(text("SELECT current_schema()")) or "public"
    )
    for statement in (
        f"GRANT USAGE ON SCHEMA {schema} TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {quoted}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted}",
        f"REVOKE UPDATE, DELETE ON audit_line FROM {quoted}",
        f"REVOKE UPDATE ON audit_personal FROM {quoted}",
        f"REVOKE INSERT, UPDATE, DELETE ON audit_checkpoint FROM {quoted}",
    ):
        connection.execute(text(statement))
    _keep_versions(connection, quoted)


def _keep_versions(connection: Connection, role: str) -> None:
    """Version tables are read by the hub and written by migrations alone."""
    names = connection.scalars(
        text(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
            " AND starts_with(tablename, 'bloop_version_')"
        )
    )
    for name in names.all():
        connection.execute(text(f'REVOKE INSERT, UPDATE, DELETE ON "{name}" FROM {role}'))
