from __future__ import annotations

import pytest
from sqlalchemy import select

import bloop.learning.lasting  # noqa: F401 - as every process of a hub has it
from bloop.accounts.models import User
from bloop.content import changing, drafts, history, placing, service
from bloop.content.enrolling.service import enrol
from bloop.content.models import Container, Item, Node, Version
from bloop.content.queries import TREE
from bloop.content.search.described import describe
from bloop.content.search.tracks import OWNER
from bloop.content.tree import nested
from bloop.kernel.models import Connection
from bloop.learning.progress.models import ItemProgress
from bloop.learning.quizzes.models import Attempt, QuizVersion
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from tests.content.course import Course, leaf, module, page, rows


def nobody_minds(item, principal):
    return None


@pytest.fixture
def course(command):
    return command(service.create_container, title="Chemistry", published=True)


@pytest.fixture
def make_node(command, course):
    def make(title, **place):
        return command(placing.create_node, course.id, title=title, **place)

    return make


async def outline(database, call, container):
    found = await database.read(TREE, call, container=container)

    def titles(nodes):
        return [(n["title"], titles(n["children"])) if n["children"] else n["title"] for n in nodes]

    return titles(nested(to_dicts(TREE, found)))


async def test_a_page_is_written_changed_and_published(command, course, database, call):
    item = command(service.create_item, course.id, kind="page", title=" pH ", markdown="# *Hi*")
    assert (item.title, item.published, item.row_version) == ("pH", False, 1)
    assert item.html == '<h1 id="user-content-hi"><em>Hi</em></h1>\n'

    command(service.update_item, item.id, 1, {"html": "<p onclick=x>new</p>"})
    item = command(service.publish, Item, item.id, 2, nobody_minds)

    assert (item.html, item.published, item.row_version) == ("<p>new</p>", True, 3)
    kept = rows(database, call, Version, Version.subject_id == item.id)
    assert [(v.row_version, v.change) for v in kept] == [(1, "edited"), (2, "published")]
    topics = [e.topic for e in rows(database, call, OutboxEvent) if item.id in e.aggregate]
    assert topics == ["content.item.created", *["content.item.updated"] * 2]
    audited = [line.action for line in rows(database, call, AuditLine) if item.id in line.resource]
    assert audited == ["content.item_created", "content.item_edited", "content.item_published"]


async def test_a_stale_version_is_refused(command, course):
    item = command(service.create_item, course.id, kind="page", title="pH")
    command(service.update_item, item.id, 1, {"title": "pOH"})

    with pytest.raises(ConflictError, match="at version 2, not 1"):
        command(service.update_item, item.id, 1, {"title": "mine"})


async def test_nothing_is_written_where_nothing_changes(command, course, database, call):
    item = command(service.create_item, course.id, kind="page", title="pH")

    same = command(service.update_item, item.id, 1, {"title": "pH"})

    assert same.row_version == 1
    assert rows(database, call, Version) == []


async def test_undo_can_be_undone(command, course):
    item = command(service.create_item, course.id, kind="page", title="one")
    command(service.update_item, item.id, 1, {"title": "two"})

    assert command(history.undo, Item, item.id, 2, nobody_minds).title == "one"
    assert command(history.undo, Item, item.id, 3, nobody_minds).title == "two"
    assert command(history.undo, Item, item.id, 4, nobody_minds, to=1).title == "one"
    with pytest.raises(NotFoundError, match="no version 99"):
        command(history.undo, Item, item.id, 5, nobody_minds, to=99)


async def test_a_plugin_can_refuse_to_publish_also_by_undo(command, course):
    item = command(service.create_item, course.id, kind="page", title="pH")
    command(service.publish, Item, item.id, 1, nobody_minds)
    command(service.unpublish, Item, item.id, 2)

    def refuse(view, principal):
        return f"{view.kind} {view.title} has no sources, {principal.id}"

    for attempt in (service.publish, history.undo):
        with pytest.raises(service.PublishRefusedError, match="page pH has no sources, somebody"):
            command(attempt, Item, item.id, 3, refuse)


async def test_the_trash_gives_back_what_went_in(command, course, database, call):
    item = command(service.create_item, course.id, kind="page", title="pH")
    command(service.trash, Item, item.id, 1)
    with pytest.raises(ConflictError, match="in the trash"):
        command(service.update_item, item.id, 2, {"title": "x"})

    command(service.restore, Item, item.id, 2)

    with pytest.raises(ConflictError, match="not in the trash"):
        command(service.restore, Item, item.id, 3)
    topics = [e.topic for e in rows(database, call, OutboxEvent) if item.id in e.aggregate]
    assert topics[-2:] == ["content.item.deleted", "content.item.created"]


@pytest.mark.parametrize(
    ("kind", "values", "fault"),
    [
        ("page", {"data": {"points": 1}}, "data.points: a page has no such field"),
        ("link", {"data": {}}, "data.href: Field required"),
        ("link", {"data": {"href": "javascript:x"}}, "no http or https address"),
        ("quiz", {"data": {"questions": [{"id": "q"}]}}, "data.questions.0.kind: Field required"),
        ("file", {}, "a 'file' cannot be written here"),
        ("page", {"title": " "}, "title: it may not be empty"),
        ("page", {"title": "x" * 501}, "at most 500"),
        ("page", {"html": "a\x00"}, "NUL"),
    ],
)
async def test_wrong_fields_are_named(command, course, kind, values, fault):
    with pytest.raises(InvalidError) as refused:
        command(service.create_item, course.id, **{"kind": kind, "title": "t", **values})

    assert fault in refused.value.message


async def test_nodes_keep_the_order_they_are_given(make_node, course, database, call, command):
    first, last = make_node("a"), make_node("c")
    make_node("b", index=1)
    below = make_node("d", parent=last.id)
    assert await outline(database, call, course.id) == ["a", "b", ("c", ["d"])]

    command(placing.update_node, below.id, 1, {"parent": None, "index": 0})
    command(placing.update_node, first.id, 1, {"index": 9})

    assert await outline(database, call, course.id) == ["d", "b", "c", "a"]


async def test_moves_between_the_same_two_never_run_out_of_room(
    make_node, course, database, call, command
):
    make_node("first")
    make_node("last")
    moving = [make_node("x"), make_node("y")]
    for turn in range(70):
        node = moving[turn % 2]
        version = rows(database, call, Node, Node.id == node.id)[0].row_version
        command(placing.update_node, node.id, version, {"index": 1})

    assert await outline(database, call, course.id) == ["first", "y", "x", "last"]


async def test_a_node_never_stands_below_itself(make_node, command):
    top = make_node("top")
    middle = make_node("middle", parent=top.id)
    bottom = make_node("bottom", parent=middle.id)

    for parent in (top.id, bottom.id):
        with pytest.raises(InvalidError, match="'top' would stand below itself"):
            command(placing.update_node, top.id, 1, {"parent": parent})


async def test_a_place_must_be_in_the_same_container(make_node, command, course):
    other = command(service.create_container, title="Physics")
    there = command(placing.create_node, other.id, title="there")
    item = command(service.create_item, other.id, kind="page", title="p")

    with pytest.raises(InvalidError, match="no node"):
        make_node("x", parent=there.id)
    with pytest.raises(InvalidError, match="no item"):
        make_node("x", item=item.id)


async def test_undoing_a_move_checks_the_old_place_again(make_node, command, database, call):
    one, two = make_node("one"), make_node("two")
    command(placing.update_node, two.id, 1, {"parent": one.id})
    command(placing.update_node, two.id, 2, {"parent": None})
    command(placing.update_node, one.id, 1, {"parent": two.id})

    with pytest.raises(InvalidError, match="below itself"):
        command(history.undo, Node, two.id, 3, nobody_minds)


async def test_what_a_live_connection_brings_is_changed_at_its_source(
    sync, command, database, call
):
    await sync(Course(contents=[module(1), leaf(page(1), "m1"), page(1)]))
    [item] = rows(database, call, Item)
    [node] = rows(database, call, Node, Node.remote_id == "m1")

    for attempt in (
        (service.update_item, item.id, 1, {"title": "mine"}),
        (service.unpublish, Item, item.id, 1),
        (service.trash, Item, item.id, 1),
        (placing.update_node, node.id, 1, {"title": "mine"}),
        (history.undo, Item, item.id, 1, nobody_minds),
    ):
        with pytest.raises(changing.SourceWinsError, match="comes from 'Tiny'"):
            command(*attempt)


async def test_what_came_from_a_file_can_be_edited_and_a_new_file_keeps_the_edit_as_a_version(
    sync, command, database, call
):
    with database.unit(call) as unit:
        unit.get(Connection, sync.connection).settings = {"file": "course.imscc"}
    await sync(Course(contents=[page(1)]))
    [item] = rows(database, call, Item)
    command(service.update_item, item.id, 1, {"title": "mine"})

    assert (await sync(Course(contents=[page(1)]))).written == 0
    assert rows(database, call, Item)[0].title == "mine"

    await sync(Course(contents=[page(1, title="theirs")]))
    assert rows(database, call, Item)[0].title == "theirs"
    assert command(history.undo, Item, item.id, 3, nobody_minds).title == "mine"


async def test_a_course_in_the_trash_is_not_brought_back_by_a_sync(sync, command, database, call):
    await sync(Course(contents=[page(1)]))
    [container] = rows(database, call, Container)
    command(service.trash, Container, container.id, container.row_version)

    await sync(Course(contents=[page(1), page(2)]))

    assert rows(database, call, Container)[0].state == "trashed"


async def test_another_institution_sees_and_changes_nothing(command, course, database, other_call):
    item = command(service.create_item, course.id, kind="page", title="pH")

    with database.unit(other_call) as unit:
        assert unit.session.scalars(select(Item)).all() == []
        for attempt in (
            lambda: service.update_item(unit, item.id, 1, {"title": "x"}),
            lambda: service.create_item(unit, course.id, kind="page", title="x"),
            lambda: placing.create_node(unit, course.id, title="x"),
            lambda: history.undo(unit, Item, item.id, 1, nobody_minds),
        ):
            with pytest.raises(NotFoundError):
                attempt()


# -- whole runs


async def test_undoing_the_first_run_removes_all_it_brought(sync, command, database, call):
    contents = [module(1), module(2, "m1"), leaf(page(1), "m2"), page(1)]
    report = await sync(Course(contents=contents))

    run = command(history.undo_run, report.run)

    assert run.state == "undone"
    assert [rows(database, call, model) for model in (Container, Node, Item)] == [[], [], []]
    assert rows(database, call, OutboxEvent)[-1].topic == "content.container.deleted"
    again = await sync(Course(contents=contents))
    assert (again.written, again.run != report.run) == (5, True)


async def test_undoing_a_later_run_brings_back_what_was_before(sync, command, database, call):
    await sync(Course(contents=[page(1), page(2)]))
    report = await sync(Course(contents=[page(1, "<p>new</p>"), page(3)]))

    command(history.undo_run, report.run)

    held = {item.remote_id: (item.html, item.state) for item in rows(database, call, Item)}
    assert held == {"p1": ("<p>text</p>", "active"), "p2": ("<p>text</p>", "active")}
    assert (await sync(Course(contents=[page(1, "<p>new</p>"), page(3)]))).written == 2


async def test_only_the_newest_run_can_be_undone(sync, command):
    first = await sync(Course(contents=[page(1)]))
    second = await sync(Course(contents=[page(2)]))

    with pytest.raises(ConflictError, match="newer run"):
        command(history.undo_run, first.run)
    command(history.undo_run, second.run)
    with pytest.raises(ConflictError, match="this run is undone"):
        command(history.undo_run, second.run)
    command(history.undo_run, first.run)


async def test_a_run_that_people_built_upon_is_not_undone(sync, command, database, call):
    report = await sync(Course(contents=[page(1)]))
    [container] = rows(database, call, Container)
    command(service.create_item, container.id, kind="page", title="mine")

    with pytest.raises(ConflictError, match="1 things were added"):
        command(history.undo_run, report.run)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
@pytest.mark.parametrize("what", ["edit", "draft", "seat", "quiz", "done", "film", "captions"])
async def test_what_people_did_with_what_a_run_brought_is_not_lost_by_its_undoing(
    sync, command, database, call, what
):
    report = await sync(Course(contents=[page(1)]))
    [container], [item] = rows(database, call, Container), rows(database, call, Item)
    with database.unit(call) as unit:
        unit.get(Connection, sync.connection).settings = {"file": "a.imscc"}
        user = User(institution_id=call.institution, id="u" * 36, name="A", role="learner")
        unit.session.add(user)
    told = {"edit": "1 pages .* edited", "draft": "1 pages .* edited", "seat": "1 people"}
    told |= {"film": "1 things were added"}
    mine = {"institution_id": call.institution, "item_id": item.id}
    if what == "edit":
        command(service.update_item, item.id, item.row_version, {"html": "<p>mine</p>"})
    elif what == "draft":
        command(drafts.write, item.id, item.row_version, {"html": "<p>mine</p>"})
    elif what == "seat":
        command(enrol, container.id, user="u" * 36)
    with database.unit(call) as unit:
        if what == "quiz":
            unit.session.add(QuizVersion(**mine, hash="h", data={}))
            unit.session.flush()
            unit.session.add(Attempt(**mine, hash="h", id="a", user_id="u" * 36, number=1))
        elif what == "done":
            done = {"user_id": "u" * 36, "container_id": container.id, "done_at": utcnow()}
            unit.session.add(ItemProgress(**mine, **done))
        elif what in {"film", "captions"}:
            plugin = "studio" if what == "film" else OWNER
            describe(unit, item.id, plugin, "spoken words")
    if what == "captions":
        # The hub has read them in the run's own files.
        assert command(history.undo_run, report.run).state == "undone"
        return
    with pytest.raises(ConflictError, match=told.get(what, "people have worked .* 1 times")):
        command(history.undo_run, report.run)
