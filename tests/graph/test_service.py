"""What educators do to the graph: a name is one concept's, no circle is written, undo works."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.content import service as content
from bloop.graph import history, service
from bloop.graph.cycles import CycleError
from bloop.graph.models import ConceptEdge, GraphState, GraphVersion
from bloop.graph.queries import ALIASES, CONCEPTS_OF_ITEM, EDGES_OF, NAMED
from bloop.graph.writing import EDGE, Writing
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import OutboxEvent
from bloop.store.statements import to_dicts


def suggest(unit, source, target, confidence=0.6):
    writing = Writing(unit, "suggest")
    said = {"origin": "inferred", "standing": "suggested", "confidence": confidence}
    writing.put(EDGE, (target, "prerequisite", source), said)
    writing.finish()


@pytest.fixture
def edges(database, call):
    def of(*names, standing=("accepted", "suggested")):
        with database.unit(call) as unit:
            rows = unit.session.scalars(select(ConceptEdge)).all()
            return {
                (row.source_id, row.target_id): row.standing
                for row in rows
                if row.standing in standing
            }

    return of


def test_a_name_leads_to_one_concept_however_it_is_written(command, concepts):
    acid = concepts["Acid"]
    with pytest.raises(ConflictError, match="there is a concept 'Acid'"):
        command(service.add_concept, "  ACID ")
    command(service.change_concept, acid, {"aliases": ["Säure", "H+ donor"]})
    with pytest.raises(ConflictError, match="'säure' is a name of the concept 'Acid'"):
        command(service.add_concept, "Base", aliases=["säure"])
    with pytest.raises(NotFoundError):
        command(service.change_concept, "nobody", {"name": "x"})
    for bad in ("", "  ", "a\x00b", "x" * 201):
        with pytest.raises(InvalidError):
            command(service.add_concept, bad)
    assert command(service.add_concept, "C++") != command(service.add_concept, "C#")


def test_aliases_are_replaced_and_found_by_their_beginning(command, concepts, database, call):
    acid = concepts["Acid"]
    command(service.change_concept, acid, {"aliases": ["Säure", "H+ donor"]})
    command(service.change_concept, acid, {"name": "Acids", "aliases": ["Säure"]})
    names = [row[0] for row in database.read_now(ALIASES, call, id=acid)]
    assert names == ["Acids", "Säure"]
    rows = database.read_now(NAMED, call, low="sä", high="sä\U0010ffff", limit=5)
    assert [(one["id"], one["matched"]) for one in to_dicts(NAMED, rows)] == [(acid, "Säure")]


def test_no_circle_of_prerequisites_is_written_and_the_answer_names_it(command, concepts, chain):
    chain("Number", "Sum", "Product", "Power")
    with pytest.raises(CycleError, match="Number -> Sum -> Product -> Power -> Number") as met:
        command(service.link, concepts["Power"], concepts["Number"])
    assert met.value.cycle[0] == met.value.cycle[-1]
    with pytest.raises(InvalidError, match="no edge to itself"):
        command(service.link, concepts["Sum"], concepts["Sum"])
    command(service.link, concepts["Power"], concepts["Number"], "related")
    command(service.link, concepts["Power"], concepts["Number"], "part_of")


def test_an_inferred_prerequisite_gives_way_to_one_that_somebody_says(
    command, concepts, chain, edges
):
    chain("Number", "Sum")
    command(suggest, concepts["Sum"], concepts["Product"], 0.9)
    command(suggest, concepts["Product"], concepts["Power"], 0.3)
    command(service.link, concepts["Power"], concepts["Number"])
    weak = (concepts["Product"], concepts["Power"])
    assert weak not in edges()
    assert edges(standing=("rejected",)) == {weak: "rejected"}
    assert (concepts["Sum"], concepts["Product"]) in edges()


def test_undo_brings_back_what_gave_way_and_undoing_that_takes_it_away_again(
    command, concepts, chain, edges
):
    chain("Number", "Sum")
    command(suggest, concepts["Sum"], concepts["Power"])
    before = edges()
    command(service.link, concepts["Power"], concepts["Number"])
    after = edges()
    assert after != before

    def last(unit):
        return unit.session.scalar(select(GraphState.version))

    assert command(history.undo, command(last)) == command(last)
    assert edges() == before
    command(history.undo, command(last))
    assert edges() == after


def test_undo_is_refused_where_something_was_changed_since(command, concepts):
    acid = concepts["Acid"]
    command(service.change_concept, acid, {"description": "sour"})
    command(service.change_concept, acid, {"description": "sour things"})
    with pytest.raises(ConflictError, match="the concept Acid was changed since"):
        command(history.undo, 2)
    command(history.undo, 3)
    command(history.undo, 2)
    with pytest.raises(NotFoundError):
        command(history.undo, 77)


def test_what_is_merged_gives_its_names_edges_and_content(
    command, concepts, chain, edges, database, call
):
    chain("Number", "Sum", "Product")
    chain("Number", "Addition", "Sum")
    chain("Addition", "Series")
    item = command(_page)
    command(service.cover, item, concepts["Addition"])
    command(service.merge_concepts, concepts["Addition"], concepts["Sum"])
    assert set(edges()) == {
        (concepts["Number"], concepts["Sum"]),
        (concepts["Sum"], concepts["Product"]),
        (concepts["Sum"], concepts["Series"]),
    }
    names = [row[0] for row in database.read_now(ALIASES, call, id=concepts["Sum"])]
    assert names == ["Addition", "Sum"]
    covered = to_dicts(CONCEPTS_OF_ITEM, database.read_now(CONCEPTS_OF_ITEM, call, id=item))
    assert [one["concept"] for one in covered] == [concepts["Sum"]]
    with pytest.raises(NotFoundError) as met:
        command(service.change_concept, concepts["Addition"], {"name": "x"})
    assert concepts["Sum"] in str(met.value.cure)


def test_a_merge_that_would_close_a_circle_changes_nothing(command, concepts, chain, edges):
    chain("Number", "Sum", "Product")
    before = edges()
    with pytest.raises(CycleError):
        command(service.merge_concepts, concepts["Product"], concepts["Number"])
    assert edges() == before


def _page(unit):
    course = content.create_container(unit, title="Numbers")
    return content.create_item(unit, course.id, kind="page", title="Sums", html="<p>x</p>").id


def test_suggestions_are_accepted_and_rejected_together(command, concepts, edges):
    a, b, c = (concepts[name] for name in "abc")
    command(suggest, a, b)
    command(suggest, b, c)
    changed = command(
        service.review,
        accept=[("edge", (b, "prerequisite", a))],
        reject=[("concept", (c,))],
    )
    assert changed == 3  # The edge, the concept, and the edge to it.
    assert edges() == {(a, b): "accepted"}
    with pytest.raises(NotFoundError):
        command(service.review, accept=[("edge", (a, "prerequisite", c))])
    assert command(service.add_concept, "C") == c  # Said anew, it is there again.


def test_what_changes_nothing_is_no_version(command, concepts, chain, database, call):
    chain("a", "b")

    def versions(unit):
        return len(unit.session.scalars(select(GraphVersion.version)).all())

    def told(unit):
        topic = OutboxEvent.topic == "learning.graph_changed"
        return len(unit.session.scalars(select(OutboxEvent.id).where(topic)).all())

    before = command(versions)
    assert before == command(told)
    command(service.link, concepts["a"], concepts["b"])
    assert command(versions) == before
    rows = to_dicts(EDGES_OF, database.read_now(EDGES_OF, call, id=concepts["a"], limit=9))
    assert [(one["source_name"], one["target_name"]) for one in rows] == [("a", "b")]


def test_a_name_finds_its_concept_and_one_that_was_rejected_is_taken_up_again(command, concepts):
    number = concepts["Number"]
    assert command(service.concept_called, " NUMBER") == number
    command(service.remove_concept, number)
    assert command(service.concept_called, "number") == number
    assert command(service.concept_called, "New") not in {number, None}
