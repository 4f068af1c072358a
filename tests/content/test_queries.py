from __future__ import annotations

import re

import pytest
from sqlalchemy import text

import bloop.content.queries as content_queries
from bloop.content.models import Container, Item
from bloop.store.statements import REGISTRY, Statement
from tests.content.course import Course, leaf, module, page, rows
from tests.support.database import DIALECTS, HOME

SEEK = re.compile(r"SEARCH|CORRELATED SCALAR SUBQUERY \d+$")
"""A subquery asks once for the row at hand, and its own steps are among these."""

CONTENT = [s for s in vars(content_queries).values() if isinstance(s, Statement)]


def plan(database, statement):
    """SQLite's own words for how it will find the rows."""
    parameters = dict.fromkeys(statement.parameters, "x") | {"limit": 50}
    values = statement.compiled("sqlite").values(HOME, parameters)
    with database.engine.connect() as connection:
        found = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement.compiled('sqlite').sql}", values
        )
        return [row.detail for row in found]


@pytest.mark.parametrize("statement", CONTENT, ids=lambda statement: statement.name)
@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_every_read_is_an_index_seek(statement, database):
    steps = plan(database, statement)

    assert steps
    for step in steps:
        assert SEEK.match(step), steps


OF_ONE = {
    **dict.fromkeys(("postgresql", "tsvector"), "postgresql"),
    **dict.fromkeys(("sqlite", "fts5"), "sqlite"),
}
"""Parts of the names of reads that only one database is asked."""


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_read_compiles(dialect):
    for statement in REGISTRY.values():
        only = {database for part, database in OF_ONE.items() if part in statement.name}
        if not only or dialect in only:
            assert statement.compiled(dialect).sql


@pytest.fixture
async def held(sync, database, call):
    """A course whose second page, third page's node and fourth page's course part are hidden."""
    pages = [page(n) for n in range(5)]
    pages[1] = page(1, published=False)
    hidden = module("h", published=False, position=2)
    nodes = [module(1), hidden, leaf(pages[0], "m1"), leaf(pages[1], "m1"), leaf(pages[2], "mh")]
    await sync(Course(contents=[*nodes, *pages]))
    return {item.remote_id: item.id for item in rows(database, call, Item)}


def container_of(database, call):
    return rows(database, call, Container)[0].id


async def read(database, call, statement, **values):
    return [statement.as_dict(row) for row in await database.read(statement, call, **values)]


async def test_learners_find_what_is_published_and_active(held, database, call, sync):
    queries, container = content_queries, container_of(database, call)
    everything = {"container": container, "after": "", "limit": 50}
    assert len(await read(database, call, queries.ITEMS, **everything)) == 5
    shown = await read(database, call, queries.ITEMS_SHOWN, **everything)
    assert [item["title"] for item in shown] == ["Page 0", "Page 3", "Page 4"]
    assert await database.read_one(queries.ITEM_SHOWN, call, id=held["p1"]) is None
    assert await database.read_one(queries.ITEM, call, id=held["p1"]) is not None

    with database.unit(call) as unit:
        unit.get(Container, container).published = False
    assert await read(database, call, queries.ITEMS_SHOWN, **everything) == []
    assert await database.read_one(queries.ITEM_SHOWN, call, id=held["p0"]) is None
    assert await read(database, call, queries.CONTAINERS_SHOWN, after="", limit=50) == []


async def test_a_learners_tree_has_no_hidden_place(held, database, call):
    found = await read(
        database, call, content_queries.TREE_SHOWN, container=container_of(database, call)
    )

    assert {node["title"] for node in found} == {"Module 1", "Page 0"}
    from bloop.content.tree import nested

    [top] = nested(found)
    assert [node["title"] for node in top["children"]] == ["Page 0"]


async def test_a_read_of_another_institution_is_empty(held, database, other_call):
    assert await database.read_one(content_queries.ITEM, other_call, id=held["p0"]) is None


async def test_references_are_found_by_connection_and_within_a_container(held, database, call):
    container = container_of(database, call)
    for statement in (content_queries.BY_REFERENCE, content_queries.BY_REFERENCE_WITHIN):
        row = await database.read_one(
            statement, call, container=container, kind="page", remote_id="p3"
        )
        assert row == (held["p3"],)


async def test_the_database_holds_rows_to_their_institution(held, database, call, system_call):
    """A row that points into another institution is refused by the foreign key itself."""
    from bloop.store.errors import BloopError

    with pytest.raises(BloopError), database.unit(system_call) as unit:
        unit.session.connection().execute(
            text("UPDATE item SET institution_id = 'elsewhere' WHERE id = :id"), {"id": held["p0"]}
        )
