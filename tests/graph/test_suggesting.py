"""What is read from a course are suggestions: what people decide stays, what is not said goes."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.content import service as content
from bloop.graph import service
from bloop.graph.inference.course import Concept, Coverage, Edge, Evidence, Inferred
from bloop.graph.models import Concept as Row
from bloop.graph.models import ConceptEdge
from bloop.graph.models import Coverage as CoverageRow
from bloop.graph.suggesting import suggest
from bloop.store.errors import InvalidError

WHY = (Evidence(kind="heading", note="a heading"),)


def read(names, edges=(), covered=(), page=""):
    return Inferred(
        concepts=tuple(
            Concept(key=one, name=one.title(), confidence=0.7, evidence=WHY) for one in names
        ),
        edges=tuple(
            Edge(
                kind="prerequisite",
                source=source,
                target=target,
                weight=0.8,
                confidence=0.6,
                evidence=WHY,
            )
            for source, target in edges
        ),
        coverage=tuple(
            Coverage(document=page, concept=one, weight=0.9, passage="So.") for one in covered
        ),
    )


@pytest.fixture
def course(command):
    def make(unit):
        row = content.create_container(unit, title="Numbers")
        page = content.create_item(unit, row.id, kind="page", title="Sums", html="<p>x</p>")
        return row.id, page.id

    return command(make)


@pytest.fixture
def rows(database, call):
    def of(model, *columns):
        with database.unit(call) as unit:
            return {tuple(row) for row in unit.session.execute(select(*columns))}

    return of


def test_a_second_reading_changes_nothing_and_a_shorter_one_takes_away(command, course, rows):
    container, page = course
    inferred = read(["sum", "number"], [("number", "sum")], ["sum"], page)
    assert command(suggest, container, inferred) == {"concepts": 2, "edges": 1, "coverage": 1}
    assert command(suggest, container, inferred) == {"concepts": 0, "edges": 0, "coverage": 0}
    assert rows(Row, Row.name, Row.standing) == {("Sum", "suggested"), ("Number", "suggested")}
    command(suggest, container, read(["sum"]))
    assert rows(Row, Row.name) == {("Sum",)}
    assert not rows(ConceptEdge, ConceptEdge.kind)
    assert not rows(CoverageRow, CoverageRow.item_id)


def test_what_people_decided_stays(command, course, rows):
    container, page = course
    number = command(service.add_concept, "Number", description="counts")
    inferred = read(["sum", "number", "noise"], [("number", "sum")], ["noise"], page)
    command(suggest, container, inferred)
    names = dict(rows(Row, Row.name, Row.id))
    assert names["Number"] == number
    command(service.remove_concept, names["Noise"])
    command(service.unlink, number, names["Sum"])
    assert command(suggest, container, inferred) == {"concepts": 0, "edges": 0, "coverage": 0}
    assert rows(Row, Row.name, Row.standing, Row.description) == {
        ("Number", "accepted", "counts"),
        ("Sum", "suggested", ""),
        ("Noise", "rejected", ""),
    }
    assert rows(ConceptEdge, ConceptEdge.standing) == {("rejected",)}
    command(suggest, container, read(["sum"]))
    assert ("Noise", "rejected") in rows(Row, Row.name, Row.standing)


def test_what_contradicts_people_is_not_suggested(command, course, rows):
    container, _ = course
    sum_, number = (command(service.add_concept, name) for name in ("Sum", "Number"))
    command(service.link, sum_, number)
    command(suggest, container, read(["sum", "number"], [("number", "sum")]))
    columns = (ConceptEdge.source_id, ConceptEdge.standing)
    assert rows(ConceptEdge, *columns) == {(sum_, "accepted"), (number, "rejected")}


def test_what_is_somebodys_alone_makes_no_concepts(command):
    with pytest.raises(InvalidError):
        command(suggest, command(_owned), Inferred())


def _owned(unit):
    from bloop.accounts.models import User

    user = User(institution_id=unit.institution, name="Ada", role="learner")
    unit.session.add(user)
    unit.session.flush()
    row = content.create_container(unit, title="Mine", kind="notebook")
    row.owner_id, row.audience = user.id, "owner"
    unit.session.flush()
    return row.id
