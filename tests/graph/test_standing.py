"""What stands in the graph stands on something: no way to write it leaves an edge in the air."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert

from bloop.accounts.models import User
from bloop.content import service as content
from bloop.content.models import Item
from bloop.graph import history, service
from bloop.graph.models import Concept, ConceptEdge
from bloop.graph.queries import EDGES, HISTORY, NODES
from bloop.graph.suggesting import suggest
from bloop.graph.writing import EDGE, Writing
from bloop.learning.models import Mastery
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import utcnow
from tests.graph.test_suggesting import course, read, rows  # noqa: F401 - fixtures

on_postgresql = pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)


def test_undo_takes_no_concept_from_under_an_edge(command, concepts, chain, database, call):
    command(service.remove_concept, concepts["A"])
    assert command(service.add_concept, "A") == concepts["A"]
    chain("A", "B")
    for version in (1, 3):  # Made, and taken up again.
        with pytest.raises(ConflictError, match="A"):
            command(history.undo, version)
    nodes = {row[0] for row in database.read_now(NODES, call)}
    assert all({row[1], row[2]} <= nodes for row in database.read_now(EDGES, call))
    with pytest.raises(NotFoundError):
        command(history.undo, 2**70)


def test_a_merge_is_undone_and_until_then_its_concept_is_not_accepted(command, concepts, chain):
    chain("A", "B")
    command(service.merge_concepts, concepts["A"], concepts["C"])
    with pytest.raises(ConflictError, match="'A' is no name of this concept"):
        command(service.review, accept=[("concept", (concepts["A"],))])
    with pytest.raises(ConflictError):
        command(service.change_concept, concepts["B"], {"aliases": ["A"]})


@pytest.mark.parametrize(
    "chosen", [("edge", ("a",)), ("edge", ()), ("concept", ()), ("concept", ("a", "b"))]
)
def test_a_suggestion_of_another_shape_is_none(command, chosen):
    with pytest.raises(NotFoundError):
        command(service.review, accept=[chosen])


def test_what_is_in_the_trash_covers_nothing_new(command, concepts, course):  # noqa: F811
    command(content.trash, Item, course[1], None)
    with pytest.raises(ConflictError, match="trash"):
        command(service.cover, course[1], concepts["A"])


def test_a_concept_that_is_not_found_again_goes_with_what_was_made_of_it(
    command,
    course,  # noqa: F811
    rows,  # noqa: F811
):
    container, page = course
    command(suggest, container, read(["sum", "x"], (), ["sum"], page))
    sum_ = dict(rows(Concept, Concept.name, Concept.id))["Sum"]
    command(_know, sum_)
    command(suggest, container, read(["x"]))
    assert rows(Concept, Concept.name) == {("X",)}
    assert not rows(Mastery, Mastery.concept_id)


def _know(unit, concept):
    user = User(institution_id=unit.institution, name="Ada", role="learner")
    unit.session.add(user)
    unit.session.flush()
    known = {"concept_id": concept, "p": 0.5, "at": utcnow(), "model": "m", "state": {}}
    own = {"institution_id": unit.institution, "user_id": user.id}
    unit.session.execute(insert(Mastery).values(**own, **known))


def test_a_concept_that_another_became_outlives_its_course(command, concepts, course, rows):  # noqa: F811
    container, _ = course
    command(suggest, container, read(["sum", "x"]))
    sum_ = dict(rows(Concept, Concept.name, Concept.id))["Sum"]
    command(service.merge_concepts, concepts["Addition"], sum_)
    command(suggest, container, read(["x"]))
    assert ("Sum",) in rows(Concept, Concept.name)


def test_two_courses_suggest_the_same_and_each_takes_back_its_own(command, course, rows):  # noqa: F811
    first, second = course[0], command(_another)
    both = read(["sum", "number"], [("number", "sum")])
    for one in (first, second, first):
        command(suggest, one, both)
    before = rows(ConceptEdge, ConceptEdge.updated_at)
    command(suggest, second, both)
    assert rows(ConceptEdge, ConceptEdge.updated_at) == before
    command(suggest, first, read(["other"]))
    assert len(rows(ConceptEdge, ConceptEdge.kind)) == 1
    command(suggest, second, read(["other"]))
    assert not rows(ConceptEdge, ConceptEdge.kind)
    assert rows(Concept, Concept.name) == {("Other",)}


def _another(unit):
    return content.create_container(unit, title="Sums again").id


def test_taken_and_put_again_is_as_it_was(command, concepts, chain):
    chain("A", "B")
    key = (concepts["B"], "prerequisite", concepts["A"])

    def write(unit):
        writing = Writing(unit, "test")
        old = dict(writing.row(EDGE, key))
        writing.take(EDGE, key)
        writing.load(EDGE, EDGE.c.source_id == key[2])
        assert writing.row(EDGE, key) is None
        writing.put(EDGE, key, old)
        return writing.finish() == writing.version - 1

    assert command(write)


def test_other_names_are_another_version_of_a_concept(command, concepts):
    command(service.change_concept, concepts["A"], {"aliases": ["B"]}, 1)
    with pytest.raises(ConflictError, match="is at version 2"):
        command(service.change_concept, concepts["A"], {"aliases": []}, 1)


def at_once(database, call, *works):
    """Runs each in a thread and a unit of its own; how each ended."""
    ready, ended = threading.Barrier(len(works)), []

    def run(work):
        ready.wait()
        try:
            with database.unit(call) as unit:
                work(unit)
            ended.append("done")
        except ConflictError as err:
            ended.append(err.code)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sorted(ended)


@on_postgresql
def test_two_threads_write_no_circle_and_no_change_twice(concepts, database, call):
    a, b = concepts["A"], concepts["B"]
    linked = at_once(
        database,
        call,
        lambda unit: service.link(unit, a, b),
        lambda unit: service.link(unit, b, a),
    )
    assert linked == ["done", "prerequisite_cycle"]
    changed = at_once(
        database,
        call,
        *(
            lambda unit, text=text: service.change_concept(unit, a, {"description": text}, 1)
            for text in "xy"
        ),
    )
    assert changed == ["conflict", "done"]
    assert len(database.read_now(HISTORY, call, before=2**31 - 1, limit=9)) == 4
