"""Notes of one's own travel to the system that their writer has connected, and stay anchored."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from bloop.accounts.models import User
from bloop.content import service
from bloop.content.models import Container, Item
from bloop.content.notes import folders, own, own_queries
from bloop.content.notes import service as notes
from bloop.content.notes.passages import Quote
from bloop.content.notes.wording import words_of
from bloop.jobs.models import Job
from bloop.kernel.models import Connection
from bloop.store.errors import ConflictError, NotFoundError
from bloop_sdk import FolderWrite, Principal, PrincipalKind, Role
from tests.content.both_ways import Pair
from tests.content.course import connect
from tests.support.desk import Desk

SITE = "https://hub.example"
QUOTE = "a weak acid takes it up"


@pytest.fixture
def learner(database, call):
    """The call of somebody who learns, and their lesson."""
    with database.unit(call) as unit:
        user = User(institution_id=unit.institution, name="Lee", role="learner")
        unit.session.add(user)
        course = service.create_container(unit, title="Chemistry", published=True)
        item = service.create_item(
            unit, course.id, kind="page", title="Buffers", html=f"<p>Then {QUOTE}.</p>"
        )
        item.published = True
        unit.session.flush()
        principal = Principal(kind=PrincipalKind.USER, id=user.id, role=Role.LEARNER)
        return replace(call, principal=principal), item.id


@pytest.fixture
async def pair(database, blobs, call, command, learner):
    """A desk that the learner has connected."""
    connection = connect(database, call)
    with database.unit(call) as unit:
        row = unit.get(Connection, connection)
        row.capability, row.state = "notes", "active"
        row.writes, row.owner_id = sorted(Desk().writes), learner[0].principal.id
    desk = Desk()
    desk.add("First", "one\n")
    pair = Pair(database, blobs, call, command, connection, desk)
    await pair.sync()
    return pair


def book(pair):
    [found] = pair.all(Container, Container.connection_id == pair.connection)
    return found.id


def as_learner(database, learner, function, *args, **kwargs):
    with database.unit(learner[0]) as unit:
        found = function(unit, *args, **kwargs)
        unit.session.flush()
        return found.id


def beside(database, learner):
    rows = database.read_now(own_queries.BESIDE, learner[0], lesson=learner[1], after="", limit=10)
    return [own_queries.BESIDE.as_dict(row) for row in rows]


async def test_a_highlight_becomes_a_note_over_there_and_is_edited_there(pair, database, learner):
    as_learner(database, learner, own.choose_notebook, book(pair))
    id_ = as_learner(
        database, learner, own.write_beside, learner[1], site=SITE, words="Why?", quote=Quote(QUOTE)
    )
    assert pair.waiting() == [("note.create", "waiting")]
    assert await pair.send() == {"sent": 1}
    sheet = pair.desk.named("Why?")
    assert sheet.markdown == (f"> {QUOTE}\n\n[Buffers]({SITE}/lessons/{learner[1]})\n\nWhy?\n")
    pair.desk.change(sheet.id, markdown=sheet.markdown.replace("Why?", "Because."))
    await pair.sync()
    [note] = beside(database, learner)
    assert (note["id"], note["exact"]) == (id_, QUOTE)
    assert words_of(pair.markdown("Why?"), learner[1], quoted=True) == "Because."


async def test_one_that_is_written_anew_is_about_the_same(pair, database, learner):
    as_learner(database, learner, own.choose_notebook, book(pair))
    id_ = as_learner(database, learner, own.write_beside, learner[1], site=SITE, quote=Quote(QUOTE))
    await pair.send()
    as_learner(database, learner, notes.delete, id_, None)
    assert await pair.send() == {"sent": 1}
    assert beside(database, learner) == []
    anew = as_learner(database, learner, notes.restore, id_, None)
    assert anew != id_
    assert [(one["id"], one["exact"]) for one in beside(database, learner)] == [(anew, QUOTE)]


async def test_what_jobs_do_to_a_notebook_of_ones_own_is_shown_to_nobody_else(
    pair, database, learner
):
    with database.unit(pair.call) as unit:
        row = unit.get(Connection, pair.connection)
        row.writes = sorted([*row.writes, *map(str, FolderWrite)])
    notebook = book(pair)
    with database.unit(learner[0]) as unit:
        folders.create_folder(unit, notebook, title="My diagnosis")
        notes.create(unit, notebook, title="My therapy")
    jobs = pair.all(Job)
    assert {job.kind for job in jobs} == {"content.folder", "content.send"}
    assert {job.owner_id for job in jobs} == {learner[0].principal.id}


async def test_a_notebook_that_takes_no_notes_is_not_chosen_nor_kept(pair, database, learner):
    chosen = book(pair)
    as_learner(database, learner, own.choose_notebook, chosen)
    with database.unit(pair.call) as unit:
        unit.get(Connection, pair.connection).writes = []
    with pytest.raises(ConflictError):
        as_learner(database, learner, own.choose_notebook, chosen)
    id_ = as_learner(database, learner, own.write_beside, learner[1], site=SITE, words="here")
    [note] = pair.all(Item, Item.id == id_)
    assert note.container_id != chosen
    assert note.published
    with pytest.raises(NotFoundError):
        as_learner(database, learner, own.choose_notebook, "nothing")


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_first_notes_that_are_written_at_once_go_into_one_notebook(database, learner, monkeypatch):
    both = threading.Barrier(2)
    waited = own.select

    def at_once(*columns):
        # Each has looked for a notebook by the time that it asks for its writer's row.
        if columns[0] is User.id:
            both.wait(30)
        return waited(*columns)

    monkeypatch.setattr(own, "select", at_once)

    def write(words):
        as_learner(database, learner, own.write_beside, learner[1], site=SITE, words=words)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ("one", "two")))
    with database.reading(learner[0]) as unit:
        notebooks = unit.session.scalars(select(Container).where(Container.kind == "notebook"))
        assert [one.title for one in notebooks] == ["My notes"]
