"""Imported notes that are edited here: their file, changed and imported again, replaces nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from bloop.content import service as items
from bloop.content.history import undo_run
from bloop.content.imports import Importer, import_file
from bloop.content.models import Container, Item, Node
from bloop.content.notes import service
from bloop.content.notes.models import Conflict, Unsent
from bloop.content.notes.texts import text_of
from bloop.kernel.models import Connection
from bloop.store.errors import ConflictError
from bloop_sdk import Kind
from bloop_sdk import records as r
from tests.content.course import Course, leaf, rows

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
THREE = "one\n\ntwo\n\nthree\n"


def notebook(name: str = "book") -> r.Container:
    return r.Container(remote_id=name, kind=Kind.NOTEBOOK, title="Book", raw={"name": name})


def note(title: str, markdown: str = THREE, name: str | None = None) -> r.Note:
    raw = {"title": title, "markdown": markdown}
    own = name or title
    return r.Note(remote_id=own, container="book", title=title, markdown=markdown, raw=raw)


@dataclass
class Shelf:
    """A hub that imports exports of notes."""

    parts: tuple[Any, ...]
    path: Any
    texts: dict[str, str] = field(default_factory=lambda: {"First": THREE, "Second": "alpha\n"})

    async def bring(self, name: str = "a.tiny", book: str = "book", **options: Any) -> Any:
        """Import an export with these texts."""
        database, blobs, call = self.parts
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(repr(self.texts))
        notes = [note(title, text) for title, text in self.texts.items()]
        places = [leaf(one, None, number) for number, one in enumerate(notes)]
        contents = [replace(one, container=book) for one in (*notes, *places)]
        course = Course([notebook(book)], contents)
        tiny = Importer("tiny", "notes")
        return await import_file(database, blobs, lambda *_: course, call, tiny, path, **options)

    def all(self, model: type[Any], *conditions: Any) -> list[Any]:
        return rows(self.parts[0], self.parts[2], model, *conditions)

    def texts_here(self) -> dict[str, str]:
        """The notes that people see."""
        active = self.all(Item, Item.kind == "note", Item.state == "active")
        return {row.title: text_of(row).markdown for row in active}

    def note(self, title: str) -> Item:
        [found] = self.all(Item, Item.title == title, Item.kind == "note")
        return found


@pytest.fixture
def shelf(database, blobs, call, tmp_path):
    return Shelf((database, blobs, call), tmp_path)


@pytest.mark.parametrize("by", ["note", "item"])
async def test_edits_here_and_in_the_file_are_put_together(shelf, command, by):
    await shelf.bring()
    row = shelf.note("First")
    mine = THREE.replace("one", "1")
    if by == "note":
        command(service.edit, row.id, row.row_version, {"markdown": mine})
    else:
        command(items.update_item, row.id, row.row_version, {"data": {"markdown": mine}})
    shelf.texts["First"] = THREE.replace("three", "3")

    report = await shelf.bring()

    assert shelf.texts_here() == {"First": "1\n\ntwo\n\n3\n", "Second": "alpha\n"}
    assert (report.conflicts, shelf.all(Unsent)) == (0, [])
    assert (await shelf.bring()).written == 0
    shelf.texts["First"] = "1\n\n2\n\n3\n"
    await shelf.bring()
    assert shelf.texts_here()["First"] == "1\n\n2\n\n3\n"
    assert shelf.note("First").theirs is None


async def test_what_both_changed_or_the_file_lost_is_kept_twice_and_counted(shelf, command):
    await shelf.bring()
    for title, mine in (("First", THREE.replace("two", "mine")), ("Second", "mine\n")):
        row = shelf.note(title)
        command(service.edit, row.id, row.row_version, {"markdown": mine})
    shelf.texts = {"First": THREE.replace("two", "theirs")}

    report = await shelf.bring()

    assert sorted(one.how for one in shelf.all(Conflict)) == ["deleted_there", "edited"]
    assert (report.conflicts, report.deleted) == (2, 2)
    texts = shelf.texts_here()
    assert texts.pop("First") == THREE.replace("two", "theirs")
    copies = {title.partition(" (")[0]: text for title, text in texts.items()}
    assert copies == {"First": THREE.replace("two", "mine"), "Second": "mine\n"}
    assert shelf.all(Unsent) == []
    assert (await shelf.bring()).conflicts == 0


async def test_what_is_deleted_here_comes_back_only_where_the_file_has_another_text(shelf, command):
    await shelf.bring()
    for title in ("First", "Second"):
        row = shelf.note(title)
        command(service.delete, row.id, row.row_version)
    shelf.texts["First"] = "more\n"

    report = await shelf.bring()

    assert (shelf.texts_here(), report.conflicts) == ({"First": "more\n"}, 1)
    row = shelf.note("Second")
    command(service.restore, row.id, row.row_version)
    assert shelf.texts_here()["Second"] == "alpha\n"
    assert shelf.note("Second").theirs is None


async def test_a_note_that_was_moved_here_stays_where_others_are_put_before_it(shelf, command):
    await shelf.bring()
    row = shelf.note("Second")
    [above] = shelf.all(Node, Node.title == "First")
    command(service.move, row.id, row.row_version, parent=above.id)
    shelf.texts = {"New": "new\n", **shelf.texts}

    await shelf.bring()

    [place] = shelf.all(Node, Node.title == "Second")
    assert place.parent_id == above.id


async def test_an_undone_import_gives_back_the_edit_that_it_merged(shelf, command):
    await shelf.bring()
    row = shelf.note("First")
    mine = THREE.replace("one", "1")
    command(service.edit, row.id, row.row_version, {"markdown": mine})
    shelf.texts["First"] = THREE.replace("three", "3")
    report = await shelf.bring()

    command(undo_run, report.run)

    assert shelf.texts_here()["First"] == mine
    assert shelf.all(Unsent) == []


async def test_the_same_content_elsewhere_is_the_same_notebook(shelf):
    first = await shelf.bring("Notes/a.tiny", book="Notes")
    # Some plugins call a notebook after its place, and some do not.
    for book in ("Notes", "Elsewhere"):
        same = await shelf.bring("Elsewhere/b.tiny", book=book)
        assert (same.connection, same.deleted) == (first.connection, 0)
        assert (same.containers, len(shelf.all(Item))) == (first.containers, 2)
        assert same.written == (0 if book == "Notes" else 4)

    shelf.texts["First"] = "changed\n"
    into = await shelf.bring("Elsewhere/b.tiny", book="Elsewhere", into=first.containers[0])
    assert (into.connection, into.deleted) == (first.connection, 0)
    assert shelf.texts_here()["First"] == "changed\n"
    shelf.texts["First"] = "again\n"
    other = await shelf.bring("Third/c.tiny", book="Third")
    assert other.connection != first.connection
    assert len(shelf.all(Container)) == len(shelf.all(Connection)) == 2


async def test_one_of_several_notebooks_takes_no_file_that_the_others_are_not_in(
    shelf, database, blobs, call
):
    (shelf.path / "all").write_text("all")
    course = Course([notebook("A"), notebook("B")], [])
    tiny = Importer("tiny", "notes")
    path = shelf.path / "all"
    report = await import_file(database, blobs, lambda *_: course, call, tiny, path)
    with pytest.raises(ConflictError, match="came together with others"):
        await shelf.bring(into=report.containers[0])
