"""A tree that is cached is the tree that is there: after each commit, in each process."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bloop.content import history, placing, service
from bloop.content.models import Container, Item, Node
from bloop.content.queries import TREE, TREE_SHOWN, TREE_VERSION
from bloop.content.sync_models import SyncRun
from bloop.content.trees import read_tree
from bloop.store.cache import Cache
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.shared import Shared
from bloop.store.statements import to_dicts
from bloop_sdk import Deletes
from tests.content.course import Course, changed, course, leaf, module, page, rows
from tests.support.database import make_call


def nobody_minds(item, principal):
    return None


@pytest.fixture
async def processes(database, database_urls, empty_redis_url):
    """This process, which has no Redis, and three that share one, each with its own cache."""
    others = [Database(*database_urls) for _ in range(3)]
    for other in others:
        other.cache = Cache(Shared(empty_redis_url, database.url))
    yield [database, *others]
    for other in others:
        await other.close()


@pytest.fixture
def law(processes, database, call):
    """Holds every process to what the database says now; gives the trees that it found."""
    told = {}

    async def check():
        found = []
        for container in rows(database, call, Container):
            ((version,),) = await database.read(TREE_VERSION, call, id=container.id)
            for tree, drafts in ((TREE, True), (TREE_SHOWN, False)):
                there = await database.read(tree, call, container=container.id)
                wanted = to_dicts(tree, there)
                assert told.setdefault((tree.name, container.id, version), wanted) == wanted
                shown = container.published and container.state == "active"
                for each in processes:
                    reading = read_tree(each, call, container.id, drafts=drafts)
                    if drafts or shown:
                        assert await reading == wanted
                        continue
                    with pytest.raises(NotFoundError):
                        await reading
                found.append(wanted)
        return found

    return check


async def test_after_each_change_of_an_author(command, law):
    made = command(service.create_container, title="Chemistry", published=True)
    unit = command(placing.create_node, made.id, title="Unit")
    item = command(service.create_item, made.id, kind="page", title="pH")
    leaf_ = command(placing.create_node, made.id, title="pH", parent=unit.id, item=item.id)
    steps = [
        (placing.create_node, made.id, {"title": "Last"}),
        (service.publish, Item, item.id, None, nobody_minds, {}),
        (service.update_item, item.id, None, {"title": "pH and more"}, {}),
        (placing.update_node, leaf_.id, None, {"parent": None, "index": 0}, {}),
        (placing.update_node, unit.id, None, {"title": "Acids"}, {}),
        (service.unpublish, Node, unit.id, None, {}),
        (service.publish, Node, unit.id, None, nobody_minds, {}),
        (service.trash, Item, item.id, None, {}),
        (service.restore, Item, item.id, None, {}),
        (service.trash, Node, unit.id, None, {}),
        (service.restore, Node, unit.id, None, {}),
    ]
    before = await law()
    for function, *arguments, options in steps:
        command(function, *arguments, **options)
        now = await law()
        assert now != before, function.__name__
        before = now
    command(service.unpublish, Container, made.id, None)
    await law()


async def test_after_each_run_and_after_it_is_taken_back(sync, law, database, call):
    one, two = page(1), page(2)
    nodes = [module("m"), module("h", published=False), leaf(one, "mm"), leaf(two, "mh", 2)]
    whole = Course(contents=[*nodes, one, two], deletes=Deletes.ENUMERATE)
    await sync(whole)
    first = await law()
    open_, renamed = changed(nodes[1], published=True), changed(one, title="Renamed")
    for contents in (
        [nodes[0], open_, *nodes[2:], renamed, two],
        [nodes[0], open_, nodes[2], renamed, two],
        [nodes[0], open_, *nodes[2:], renamed, two],
    ):
        await sync(replace(whole, contents=contents))
        now = await law()
        assert now != first
    (*_, last) = sorted(rows(database, call, SyncRun), key=lambda run: run.started_at)
    with database.unit(call) as unit:
        history.undo_run(unit, last.id)
    assert await law() != now


async def test_an_item_that_another_course_shows_changes_that_tree_too(sync, law):
    shared = page("s")
    place = replace(leaf(shared, None), container="c2", remote_id="n2")
    given = Course(containers=[course(), course("c2", title="Two")], contents=[shared, place])
    await sync(given)
    before = await law()
    await sync(replace(given, contents=[changed(shared, title="Renamed"), place]))
    assert await law() != before


async def test_a_tree_is_read_once_for_all_processes_and_another_institution_never_sees_it(
    command, database, call, processes, monkeypatch
):
    made = command(service.create_container, title="Chemistry", published=True)
    command(placing.create_node, made.id, title="Unit")
    reads = []
    for each in processes:
        real = each.read

        async def counted(statement, *args, real=real, **kwargs):
            reads.append(statement.name)
            return await real(statement, *args, **kwargs)

        monkeypatch.setattr(each, "read", counted)
    asked = [read_tree(each, call, made.id, drafts=True) for each in processes[1:] * 20]
    found = await asyncio.gather(*asked)
    assert [one["title"] for one in found[0]] == ["Unit"] and all(one == found[0] for one in found)
    # Of forty; on a machine that is too slow to wait for the other process, once for each.
    assert reads in (["content.tree"], ["content.tree"] * 2)
    other = make_call("00000000-0000-7000-8000-00000000000b")
    for each in processes:
        with pytest.raises(NotFoundError):
            await read_tree(each, other, made.id, drafts=True)


async def test_what_others_changed_meanwhile_is_not_kept_under_the_old_version(
    command, database, call, monkeypatch
):
    """A change between reading the version and the tree: nobody gets less than they asked for."""
    made = command(service.create_container, title="Chemistry", published=True)
    real = database.read

    async def late(statement, *args, **kwargs):
        if statement is TREE:
            command(placing.create_node, made.id, title="Meanwhile")
        return await real(statement, *args, **kwargs)

    monkeypatch.setattr(database, "read", late)
    await read_tree(database, call, made.id, drafts=True)
    monkeypatch.undo()
    found = await read_tree(database, call, made.id, drafts=True)
    assert [one["title"] for one in found] == ["Meanwhile"]
