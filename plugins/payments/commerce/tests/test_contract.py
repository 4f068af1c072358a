from __future__ import annotations

import re
import runpy
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from bloop_commerce import migrations
from bloop_commerce.tables import metadata
from bloop_sdk.testing import plugin_tests

# What the contract asks of every plugin.
TestContract = plugin_tests("bloop_commerce")


def test_the_migrations_make_the_tables_that_the_code_knows():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        (path,) = Path(migrations.__path__[0]).glob("*.py")
        with Operations.context(context):
            runpy.run_path(str(path))["upgrade"]()
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_each_law_of_the_documentation_names_tests_that_there_are():
    payments = Path(__file__).parents[2]
    text = (payments.parents[1] / "docs/security/payments.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+/tests/test_\w+\.py)::(\w+)`", text))
    assert len(named) > 25
    for file, test in named:
        assert f"def {test}(" in (payments / file).read_text("utf-8"), (file, test)
