"""What a hidden module hides: from lists, by its id, and as a file, for learners alone."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from sqlalchemy import update

from bloop.content import history, placing, service
from bloop.content.file_queries import FILE_SHOWN
from bloop.content.models import Container, Item, Node
from bloop.content.queries import ITEM_SHOWN, ITEMS_SHOWN
from bloop.web.queries import UNPLACED_SHOWN
from bloop_sdk import BloopError
from tests.content.course import Course, file, leaf, module, open_to_everybody, page, rows


def nobody_minds(item, principal):
    return None


@pytest.fixture
def shown(database, call):
    """What learners can reach, by remote id: in lists and one by one alike."""

    async def find():
        items = rows(database, call, Item)
        one_by_one = set()
        for item in items:
            read = FILE_SHOWN if item.kind == "file" else ITEM_SHOWN
            if await database.read(read, call, id=item.id):
                one_by_one.add(item.remote_id)
        listed = set()
        for container in {item.container_id for item in items}:
            found = await database.read(ITEMS_SHOWN, call, container=container, after="", limit=500)
            ids = {ITEMS_SHOWN.as_dict(row)["id"] for row in found}
            listed |= {item.remote_id for item in items if item.id in ids}
        assert listed == one_by_one
        return one_by_one

    return find


def node(database, call, remote_id):
    return next(one for one in rows(database, call, Node) if one.remote_id == remote_id)


async def test_a_hidden_module_hides_what_is_below_it_however_deep(sync, shown):
    deep, open_, loose, picture = page("deep"), page("open"), page("loose"), file("pic.png")
    nodes = [module("h", published=False), module("in", "mh"), module("m")]
    nodes += [leaf(deep, "min"), leaf(picture, "mh"), leaf(open_, "mm")]

    await sync(Course(contents=[*nodes, deep, picture, open_, loose]))

    assert await shown() == {"popen", "ploose"}


async def test_one_open_place_is_enough(sync, shown):
    both = page("both")
    second = replace(leaf(both, "mm"), remote_id="n2")
    nodes = [module("h", published=False), module("m"), leaf(both, "mh"), second]

    await sync(Course(contents=[*nodes, both]))

    assert await shown() == {"pboth"}


async def test_a_later_sync_hides_and_shows(sync, shown):
    one = page(1)
    course = Course(contents=[module("m"), leaf(one, "mm"), one])
    await sync(course)
    assert await shown() == {"p1"}

    hidden = replace(module("m", published=False), raw={"id": "mm", "published": False})
    await sync(replace(course, contents=[hidden, leaf(one, "mm"), one]))
    assert await shown() == set()

    await sync(course)
    assert await shown() == {"p1"}


async def test_undoing_the_run_that_hid_shows_again(sync, shown, command):
    one = page(1)
    course = Course(contents=[module("m"), leaf(one, "mm"), one])
    await sync(course)
    hidden = replace(module("m", published=False), raw={"id": "mm", "published": False})
    report = await sync(replace(course, contents=[hidden, leaf(one, "mm"), one]))

    command(history.undo_run, report.run)

    assert await shown() == {"p1"}


async def test_a_course_that_is_not_read_whole_comes_out_of_the_trash_with_nothing_to_see(
    sync, shown, database, call, command
):
    one = page(1)
    course = Course(contents=[one, module("m"), leaf(one, "mm")], batch_size=1)

    def stop(stream, start):
        if stream == "tree" and start == 1:
            raise OSError("cut")

    with pytest.raises(Exception, match="cut"):
        await sync(replace(course, fail=stop))
    (container,) = rows(database, call, Container)
    command(service.trash, Container, container.id, None)
    command(service.restore, Container, container.id, None)
    open_to_everybody(database, call)
    assert await shown() == set()

    await sync(course)
    assert await shown() == {"p1"}


async def test_an_interrupted_run_hides_what_it_has_read(sync, shown):
    one = page(1)
    course = Course(contents=[module("m"), leaf(one, "mm"), one], batch_size=1)
    await sync(course)
    hidden = replace(module("m", published=False), raw={"id": "mm", "published": False})

    def stop(stream, start):
        if stream == "tree" and start == 1:
            raise OSError("cut")

    with pytest.raises(Exception, match="cut"):
        await sync(replace(course, contents=[hidden, leaf(one, "mm"), one], fail=stop))

    assert await shown() == set()


@pytest.mark.parametrize("cut", [True, False])
async def test_what_a_run_has_read_is_hidden_until_its_place_is_known(sync, shown, cut):
    one, secret = page(1), page("secret")
    course = Course(contents=[module("m"), leaf(one, "mm"), one], batch_size=1)
    await sync(course)
    more = [*course.contents, secret, module("h", published=False), leaf(secret, "mh")]
    seen = []

    def look(stream, start):
        if stream == "tree":
            seen.append(_shown_now())
            if cut and start == 4:
                raise OSError("cut")

    def _shown_now():
        read = sync.database.read_now
        items = rows(sync.database, sync.call, Item)
        beside = {
            row[0]
            for container in {item.container_id for item in items}
            for row in read(UNPLACED_SHOWN, sync.call, container=container)
        }
        return {
            item.remote_id
            for item in items
            if item.id in beside or read(ITEM_SHOWN, sync.call, id=item.id)
        }

    with contextlib.suppress(OSError, BloopError):
        await sync(replace(course, contents=more, fail=look))

    assert set().union(*seen) == {"p1"}
    assert await shown() == {"p1"}
    await sync(replace(course, contents=more))
    assert await shown() == {"p1"}


async def test_what_a_killed_run_left_hidden_is_shown_by_the_next(sync, shown, command):
    one, loose = page(1), page("loose")
    course = Course(contents=[module("m"), leaf(one, "mm"), one, loose])
    await sync(course)
    command(_hide_all)

    await sync(course)

    assert await shown() == {"p1", "ploose"}


def _hide_all(unit):
    unit.session.execute(update(Item).values(concealed=True))


async def test_an_author_hides_a_module_moves_out_of_it_and_removes_it(
    command, shown, database, call
):
    course = command(service.create_container, title="Chemistry", published=True)
    unit = command(placing.create_node, course.id, title="Unit", published=False)
    item = command(service.create_item, course.id, kind="page", title="pH")
    command(service.publish, Item, item.id, None, nobody_minds)
    place = command(placing.create_node, course.id, title="pH", parent=unit.id, item=item.id)
    assert await shown() == set()

    command(service.publish, Node, unit.id, None, nobody_minds)
    assert await shown() == {item.remote_id}

    command(service.trash, Node, unit.id, None)
    assert await shown() == set()

    command(service.restore, Node, unit.id, None)
    command(service.unpublish, Node, unit.id, None)
    command(placing.update_node, place.id, None, {"parent": None})
    assert await shown() == {item.remote_id}
