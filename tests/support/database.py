"""A migrated database for each test, on SQLite and on PostgreSQL: the fixture `database`.

Its twin `empty_database` has no tables. Calls to use it with come from `make_call`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bloop.store.database import Database
from bloop.store.keyring import KeyFile
from bloop.store.migrate import upgrade_core
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace
from tests.support import postgres
from tests.support.postgres import Cluster
from tests.support.run import locked

DIALECTS = ("sqlite", "postgresql")
ONE_IS_ENOUGH = tuple(
    Path(__file__).resolve().parents[2] / path
    for path in (
        "examples/plugins",
        "plugins",
        "tests/accounts",
        "tests/api",
        "tests/cli",
        "tests/content/test_authoring.py",
        "tests/content/test_blackboard.py",
        "tests/content/test_both_ways.py",
        "tests/content/test_chosen.py",
        "tests/content/test_concealed.py",
        "tests/content/test_connectors.py",
        "tests/content/test_enrolling.py",
        "tests/content/test_evernote.py",
        "tests/content/test_folders.py",
        "tests/content/test_imports.py",
        "tests/content/test_replica.py",
        "tests/content/test_routes.py",
        "tests/content/test_trees.py",
        "tests/content/test_vault.py",
        "tests/graph/test_exchange.py",
        "tests/graph/test_mentions.py",
        "tests/graph/test_suggesting.py",
        "tests/hub",
        "tests/kernel/test_connections.py",
        "tests/kernel/test_institutions.py",
        "tests/kernel/test_own_settings.py",
        "tests/kernel/test_toggle.py",
        "tests/ops/copying/test_interrupted.py",
        "tests/ops/copying/test_refusals.py",
        "tests/ops/test_live.py",
        "tests/ops/test_plan.py",
        "tests/ops/test_purge.py",
        "tests/tenancy/test_walk.py",
        "tests/web",
        "tests/webhooks",
    )
)
"""Where PostgreSQL shows little that SQLite does not: there ``BLOOP_TEST_DIALECTS=all`` runs both.

What keeps (``store``, most of ``content``, ``events``, ``jobs``, ``tenancy``) runs on both each
time, and so does what is about many at once, and what a role may do: an owner in
``tests/tenancy/test_walk.py`` uses every route as ``bloop_app``, and there none lacks a right.
"""
MANY = re.compile(
    r"at_once|thread|race|twin|same_moment|killed|concurr|two_who|of_many|process|elsewhere|seen_by"
)
RIGHTS = re.compile(r"test_the_owner_")
HOME = "00000000-0000-7000-8000-00000000000a"
OTHER = "00000000-0000-7000-8000-00000000000b"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on PostgreSQL what SQLite shows as well, so that a run stays short."""
    if os.environ.get("BLOOP_TEST_DIALECTS") == "all":
        return
    again = [item for item in items if _is_told_already(item)]
    if again:
        config.hook.pytest_deselected(items=again)
        left = set(map(id, again))
        items[:] = [item for item in items if id(item) not in left]


def _is_told_already(item: pytest.Item) -> bool:
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    if "postgresql" not in values or MANY.search(item.name) or RIGHTS.match(item.name):
        return False
    return any(item.path.is_relative_to(one) for one in ONE_IS_ENOUGH)


def make_call(
    institution: str = HOME,
    role: Role = Role.EDUCATOR,
    *,
    kind: PrincipalKind = PrincipalKind.USER,
    name: str = "somebody",
) -> Call:
    """A call of a user (or whom `kind` says) in an institution."""
    return Call(Principal(kind, name, role), institution, Trace("1" * 32, "2" * 16))


def make_system_call(institution: str = EVERY_INSTITUTION) -> Call:
    """A call of the hub itself, by default for every institution."""
    return make_call(institution, Role.OPERATOR, kind=PrincipalKind.SYSTEM, name="test")


@pytest.fixture
def call() -> Call:
    """A call of an educator of the institution `HOME`."""
    return make_call()


@pytest.fixture
def other_call() -> Call:
    """A call of an educator of the institution `OTHER`."""
    return make_call(OTHER)


@pytest.fixture
def system_call() -> Call:
    """A call of the hub for every institution."""
    return make_system_call()


@pytest.fixture(params=DIALECTS)
def database_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of a migrated database, as who serves and as who owns; once for each dialect."""
    folder: Path = request.getfixturevalue("run_folder")
    if request.param == "sqlite":
        shutil.copy(sqlite_template(folder), tmp_path / "bloop.db")
        url = f"sqlite:///{tmp_path / 'bloop.db'}"
        yield url, url
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    made = cluster.create(cluster.template("core", _migrate))
    yield made.app_url, made.owner_url
    cluster.drop(made)


@pytest_asyncio.fixture
async def database(database_urls: tuple[str, str], tmp_path: Path) -> AsyncIterator[Database]:
    """A database with the core's tables, as the role that serves; once for each dialect."""
    opened = Database(*database_urls, key_source=KeyFile(tmp_path / "master.key"))
    yield opened
    await opened.close()


@pytest_asyncio.fixture(params=DIALECTS)
async def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A database without tables; once for each dialect."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        made: postgres.Database = request.getfixturevalue("postgres")
        opened = Database(made.app_url, made.owner_url)
    yield opened
    await opened.close()


def sqlite_template(folder: Path) -> Path:
    template = folder / "template.db"
    with locked(folder, "sqlite-template"):
        if not template.exists():
            unfinished = folder / "unfinished.db"
            unfinished.unlink(missing_ok=True)
            database = Database(f"sqlite:///{unfinished}")
            upgrade_core(database)
            database.close_now()
            unfinished.rename(template)
    return template


def _migrate(made: postgres.Database) -> None:
    database = Database(made.app_url, made.owner_url)
    upgrade_core(database)
    database.close_now()
