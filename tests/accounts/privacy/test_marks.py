"""No column that holds personal data is forgotten by exports and erasure."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKeyConstraint, MetaData, String, Table

from bloop.accounts.privacy.parts import Fate, is_secret, parts_of
from bloop.hub.privacy import core_parts
from bloop.tables import core_metadata

PARTS = core_parts()


def parts(table):
    return [part for part in PARTS if part.table is table]


def personal_columns():
    for table in core_metadata().tables.values():
        for column in table.columns:
            if "personal" in column.info or "person" in column.info:
                yield table, column


def test_every_personal_column_is_exported_or_excused():
    for table, column in personal_columns():
        assert parts(table), f"{column}: no part knows whose it is"
        shown = any(part.exported and not is_secret(column) for part in parts(table))
        excused = any(part.reason for part in parts(table))
        assert shown or excused, f"{column}: neither exported nor excused"


def test_what_goes_with_something_of_theirs_is_exported_where_it_is_marked():
    """They wrote it: an answer in an attempt of theirs has no account of its own."""
    tables = core_metadata().tables
    [responses], [refreshed] = parts(tables["quiz_response"]), parts(tables["refresh_token"])
    assert (responses.exported, refreshed.exported) == (True, False)


def test_no_export_holds_a_hash_of_a_secret():
    """Whoever got hold of an export could guess at a password, or at a recovery code."""
    names = {"hash", "code_hash", "token_hash", "state_hash", "browser_hash"}
    columns = [one for table in core_metadata().tables.values() for one in table.columns]
    hashes = [one for one in columns if one.name in names]
    assert {str(one) for one in hashes} >= {
        "password_credential.hash",
        "mfa_recovery_code.code_hash",
    }
    assert [one for one in hashes if not is_secret(one)] == []


def test_every_personal_column_is_erased_or_excused():
    for table, column in personal_columns():
        deleted = any(part.fate is Fate.DELETED for part in parts(table))
        if "personal" in column.info:
            blanked = any(column.name in part.blank for part in parts(table))
            assert deleted or blanked, f"{column}: outlives the person"
        else:
            reason = any(part.reason for part in parts(table))
            assert deleted or reason, f"{column}: names them without a reason"


def test_whatever_belongs_to_an_account_goes_with_it():
    for table in core_metadata().tables.values():
        for constraint in table.foreign_key_constraints:
            for element in constraint.elements:
                if str(element.column) == "account_user.id" and table.name != "account_user":
                    name = element.parent.name
                    gone = [p for p in parts(table) if p.fate is Fate.DELETED or name in p.blank]
                    assert gone, element.parent


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
        Column("user_id", String(36), nullable=False),
        Column("given_by", String(36)),
        ForeignKeyConstraint(["institution_id", "given_by"], [users.c.institution_id, users.c.id]),
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
    found = parts_of(metadata)
    assert [(part.name, part.fate, dict(part.blank)) for part in found] == [
        ("later_token", Fate.DELETED, {}),
        ("later_family", Fate.DELETED, {}),
        ("later_family", Fate.BLANKED, {"given_by": None}),
    ]
