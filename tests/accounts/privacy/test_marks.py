"""No column that holds personal data is forgotten by exports and erasure."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, String, Table

from bloop.accounts.privacy.parts import Fate, is_secret, parts_of
from bloop.hub.privacy import core_parts
from bloop.tables import core_metadata

PARTS = {part.name: part for part in core_parts()}


def personal_columns():
    for table in core_metadata().tables.values():
        for column in table.columns:
            if "personal" in column.info or "person" in column.info:
                yield table, column


def test_every_personal_column_is_exported_or_excused():
    for table, column in personal_columns():
        part = PARTS.get(table.name)
        assert part is not None, f"{column}: no part knows whose it is"
        shown = part.exported and not is_secret(column)
        assert shown or part.reason, f"{column}: neither exported nor excused"


def test_every_personal_column_is_erased_or_excused():
    for table, column in personal_columns():
        part = PARTS[table.name]
        if "personal" in column.info:
            erased = part.fate is Fate.DELETED or column.name in part.blank
            assert erased, f"{column}: outlives the person"
        else:
            assert part.fate is Fate.DELETED or part.reason, (
                f"{column}: names them without a reason"
            )


def test_whatever_belongs_to_an_account_goes_with_it():
    for table in core_metadata().tables.values():
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table.name == "account_user" and table.name != "account_user":
                assert PARTS[table.name].fate is Fate.DELETED, table.name


def test_tables_that_come_later_are_found_by_their_keys():
    """As other parts of the hub bring them: tokens of an account, and what hangs at those."""
    metadata = MetaData()
    for table in core_metadata().tables.values():
        if table.name == "account_user":
            users = table
    family = Table(
        "later_family",
        metadata,
        Column("institution_id", String(36), primary_key=True),
        Column("id", String(36), primary_key=True),
        Column("user_id", String(36)),
        ForeignKeyConstraint(["institution_id", "user_id"], [users.c.institution_id, users.c.id]),
    )
    Table(
        "later_token",
        metadata,
        Column("institution_id", String(36)),
        Column("id", String(36), primary_key=True),
        Column("family_id", String(36)),
        ForeignKeyConstraint(
            ["institution_id", "family_id"], [family.c.institution_id, family.c.id]
        ),
    )
    found = {part.name: part for part in parts_of(metadata)}
    assert [(name, part.fate) for name, part in found.items()] == [
        ("later_token", Fate.DELETED),
        ("later_family", Fate.DELETED),
    ]
