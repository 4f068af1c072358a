"""Texts that wait to be published; items and their places, changed as one."""

from __future__ import annotations

import pytest

from bloop.content import adding, drafts, edited, history, placing, publishing, service
from bloop.content.models import Container, Item, Node, Version
from bloop.content.queries import ITEM_SHOWN
from bloop.content.removed import Removed, removed
from bloop.content.stepping import step, steps
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import OutboxEvent
from tests.content.course import rows


def nobody_minds(item, principal):
    return None


@pytest.fixture
def course(command):
    return command(service.create_container, title="Chemistry", published=True)


@pytest.fixture
def place(command, course):
    def make(title="pH", kind="page", **where):
        return command(adding.add, course.id, kind=kind, title=title, **where)

    return make


@pytest.fixture
def item(command, place):
    """A published page with its place."""
    node = place()
    command(drafts.write, node.item_id, 1, {"markdown": "One"})
    return command(service.publish, Item, node.item_id, 2, nobody_minds)


def versions_of(database, call, id_):
    found = rows(database, call, Version, Version.subject_id == id_)
    return [(one.row_version, one.change) for one in found]


async def test_a_draft_is_of_no_concern_to_learners(command, item, database, call):
    before = len(rows(database, call, OutboxEvent))
    drafted = command(drafts.write, item.id, 3, {"markdown": "Two", "title": "pH!"})
    assert (drafted.title, drafted.html, drafted.row_version) == ("pH", "<p>One</p>\n", 4)
    assert edited.newest(drafted)["html"] == "<p>Two</p>\n"
    assert len(rows(database, call, OutboxEvent)) == before
    shown = await database.read_one(ITEM_SHOWN, call, id=item.id)
    assert "Two" not in repr(shown) and "pH!" not in repr(shown)

    # What one person saves again at once is one change; what says nothing new is none.
    command(drafts.write, item.id, 4, {"markdown": "Three"})
    assert command(drafts.write, item.id, 5, {"markdown": "Three"}).row_version == 5
    kept = [(1, "edited"), (2, "published"), (3, "drafted")]
    assert versions_of(database, call, item.id) == kept
    with pytest.raises(ConflictError, match="at version 5, not 4"):
        command(drafts.write, item.id, 4, {"markdown": "Mine"})
    with pytest.raises(InvalidError) as err:
        command(drafts.write, item.id, 5, {"language": "Klingon!"})
    assert err.value.field == "language"


async def test_publishing_takes_the_draft_with_its_title_and_is_taken_back(command, item):
    node = command(adding.place, item.container_id, item.id)
    command(drafts.write, item.id, 3, {"markdown": "Two", "title": "pH!"})
    published = command(service.publish, Item, item.id, 4, nobody_minds)
    assert (published.title, published.html, published.draft) == ("pH!", "<p>Two</p>\n", None)
    assert command(placing.update_node, node.id, None, {}).title == "pH!"

    back = command(history.undo, Item, item.id, 5, nobody_minds)
    assert (back.title, back.html) == ("pH", "<p>One</p>\n")
    assert edited.draft_of(back)["title"] == "pH!"
    assert command(drafts.discard, item.id, 6).draft is None
    assert edited.newest(command(drafts.rewrite, item.id, 7, 6))["html"] == "<p>Two</p>\n"
    with pytest.raises(NotFoundError, match="no version 99"):
        command(drafts.rewrite, item.id, 8, 99)
    # The published text itself ends the draft.
    assert command(drafts.write, item.id, 8, {"markdown": "One", "title": "pH"}).draft is None


async def test_a_draft_knows_that_its_ground_has_moved(command, item):
    command(drafts.write, item.id, 3, {"html": "<p>Two</p>"})
    moved = command(service.update_item, item.id, 4, {"html": "<p>Else</p>"})
    assert edited.has_moved_on(moved)
    assert edited.source_of(edited.text_of(moved)) is None, "its Markdown said something else"


async def test_the_files_that_a_text_shows_are_published_with_it(command, course, item, hubless):
    picture, other = (
        command(service.add_file, course.id, name=name, media_type="image/png", **hubless)
        for name in ("a.png", "b.png")
    )
    shown = f"![Blue](bloop:file:{picture.id})"
    command(drafts.write, item.id, 3, {"markdown": shown})
    command(service.publish, Item, item.id, 4, nobody_minds)
    assert command(service.update_item, picture.id, None, {}).published
    assert not command(service.update_item, other.id, None, {}).published


@pytest.fixture
def hubless():
    """Bytes that nobody looks at."""
    return {"sha256": "0" * 64, "size": 3}


async def test_what_is_chosen_is_published_whole_or_not_at_all(command, course, place, item):
    first, second = place("One"), place("Two")
    other = command(service.create_container, title="Physics")
    strange = command(adding.add, other.id, kind="page", title="Waves")
    chosen = {first.item_id: 1, second.item_id: 99}
    with pytest.raises(ConflictError):
        command(publishing.publish_chosen, course.id, nobody_minds, items=chosen, nodes={})
    items = {first.item_id: 1, strange.item_id: 1}
    with pytest.raises(InvalidError, match="not in this course"):
        command(publishing.publish_chosen, course.id, nobody_minds, items=items, nodes={})
    assert not command(service.update_item, first.item_id, 1, {}).published
    items, nodes = {first.item_id: 1}, {}
    done = command(publishing.publish_chosen, course.id, nobody_minds, items=items, nodes=nodes)
    assert done == 1
    hidden = command(service.unpublish, Container, course.id, None)
    done = command(
        publishing.publish_chosen, course.id, nobody_minds, items={}, nodes={}, container=0
    )
    assert (done, hidden.published) == (1, False)


async def test_a_place_and_its_item_are_renamed_removed_and_brought_back_as_one(command, place):
    module = place("Week 1", kind="module")
    node = place("pH", parent=module.id)
    command(adding.rename, node.id, 1, "pOH")
    assert command(service.update_item, node.item_id, None, {}).title == "pOH"
    # An item that is called otherwise keeps its own title.
    command(service.update_item, node.item_id, None, {"title": "Its own"})
    command(adding.rename, node.id, None, "Short")
    item = command(service.update_item, node.item_id, None, {})
    assert item.title in {"Its own", "Short"}

    command(adding.remove, node.id, None)
    with pytest.raises(ConflictError, match="in the trash"):
        command(service.update_item, node.item_id, None, {})
    command(adding.remove, module.id, None)
    back = command(adding.bring_back, node.id, None)
    assert (back.state, back.parent_id) == ("active", None), "its module is still in the bin"
    assert command(service.update_item, node.item_id, None, {}).state == "active"
    with pytest.raises(ConflictError, match="not in the trash"):
        command(adding.bring_back, node.id, None)


async def test_what_is_in_the_trash_counts_for_no_place(command, course, place):
    first, second, third = place("1"), place("2"), place("3")
    command(service.trash, Node, second.id, None)
    command(placing.update_node, third.id, None, {"parent": None, "index": 0})
    command(placing.update_node, first.id, None, {"parent": None, "index": 1})
    assert command(placing.update_node, third.id, None, {}).position < first.position + 1


def test_steps_lead_where_they_say():
    #  a, m(b, n(c)), d
    tree = [("a", None, "page"), ("m", None, None), ("d", None, "page"),
            ("b", "m", "page"), ("n", "m", None), ("c", "n", "page")]  # fmt: skip
    nodes = [{"id": id_, "parent": parent, "kind": kind} for id_, parent, kind in tree]
    assert step(nodes, "d", "in") == ("m", 2)
    assert step(nodes, "c", "out") == ("m", 2)
    assert step(nodes, "n", "out") == (None, 2)
    assert step(nodes, "n", "up") == ("m", 0)
    assert step(nodes, "a", "down") == (None, 1)
    assert step(nodes, "nobody", "up") is None
    assert steps(nodes, "a") == ["down"], "nothing above it is a module"
    assert steps(nodes, "b") == ["down", "out"]


@pytest.mark.parametrize(
    ("html", "gone"),
    [
        ('<p>x <a href="#there">y</a></p><h2 id="there">z</h2>', []),
        ('<a href="https://a.example/?b=1&amp;c=2" target="_top" rel="opener">x</a>', []),
        ("plain < text & more", []),
        ("<p onclick=x><b>y</b>", [Removed("attribute", "onclick", 1)]),
        ('<a href="JAVA\tscript:x">y</a>', [Removed("address", "href=JAVA\tscript:x", 1)]),
        (
            "<script>x</script><script>y</script><p style='color: red; position: fixed'>z</p>",
            [Removed("element", "<script>", 2), Removed("attribute", "style=position", 1)],
        ),
    ],
)
def test_what_was_taken_out_is_named(html, gone):
    assert removed(html) == gone
