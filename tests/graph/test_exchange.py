"""A graph goes out and comes in again, in three forms; what is amiss is named, and adds nothing."""

from __future__ import annotations

import io
import json
from functools import partial

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bloop.graph import service
from bloop.graph.cycles import CycleError
from bloop.graph.exchange.document import ConceptData, Document, EdgeData
from bloop.graph.exchange.giving import document_of
from bloop.graph.exchange.service import FORMS, read, take_in, write
from bloop.graph.queries import EDGES, NODES
from bloop.store.errors import ConflictError, InvalidError

WORDS = (
    st.text(
        st.characters(categories=["L", "N", "S", "P"], include_characters=" "),
        min_size=1,
        max_size=20,
    )
    .map(str.strip)
    .filter(bool)
)
CONCEPTS = st.lists(
    st.builds(
        ConceptData,
        id=st.uuids().map(str),
        name=WORDS,
        aliases=st.lists(WORDS, max_size=2),
        description=WORDS.map("about {}".format),
        language=st.sampled_from([None, "en", "de-AT"]),
    ),
    min_size=2,
    max_size=6,
    unique_by=lambda one: one.id,
)


@st.composite
def documents(draw):
    concepts = draw(CONCEPTS)
    ends = st.sampled_from([one.id for one in concepts])
    edge = st.builds(EdgeData, source=ends, target=ends, weight=st.floats(0.1, 1))
    edges = draw(
        st.lists(edge, max_size=5, unique_by=lambda one: (one.kind, one.source, one.target))
    )
    return Document(concepts=concepts, edges=[one for one in edges if one.source != one.target])


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20, deadline=None)
@given(document=documents())
def test_what_goes_out_comes_in_the_same(form, document):
    assert read(form, write(form, document, "Mine")[0]) == document


def test_graphml_is_read_by_networkx(command, chain, concepts, database, call):
    chain("Number", "Sum", "Product")
    document = document_of(partial(database.read_now, call=call))
    graph = nx.read_graphml(io.BytesIO(write("graphml", document, "Mine")[0]))
    names = nx.get_node_attributes(graph, "name")
    assert [names[one] for one in nx.topological_sort(graph)] == ["Number", "Sum", "Product"]
    theirs = io.BytesIO()
    nx.write_graphml(nx.DiGraph([("Number", "Sum")]), theirs)
    assert [one.name for one in read("graphml", theirs.getvalue()).concepts] == ["Number", "Sum"]


@pytest.mark.parametrize("form", FORMS)
def test_taken_in_elsewhere_it_is_the_same_graph_and_twice_changes_nothing(
    command, chain, concepts, database, call, form
):
    chain("Number", "Sum", "Product")
    command(service.link, concepts["Product"], concepts["Number"], "related")
    data, _ = write(form, document_of(partial(database.read_now, call=call)), "Mine")
    assert command(take_in, read(form, data)) == {"concepts": 0, "edges": 0}
    for name in ("Sum", "Product"):
        command(service.remove_concept, concepts[name])
    assert command(take_in, read(form, data)) == {"concepts": 2, "edges": 3}
    assert len(database.read_now(NODES, call)) == 3
    assert len(database.read_now(EDGES, call)) == 3


def test_a_document_that_contradicts_itself_or_what_people_said_adds_nothing(
    command, chain, database, call
):
    chain("Number", "Sum")
    concepts = [{"id": one, "name": one} for one in ("Sum", "Number", "New")]
    turned = {"concepts": concepts, "edges": [{"source": "Sum", "target": "Number"}]}
    with pytest.raises(CycleError, match=r"Number -> Sum -> Number|Sum -> Number -> Sum"):
        command(take_in, read("jsonld", json.dumps(turned).encode()))
    assert {row[1] for row in database.read_now(NODES, call)} == {"Number", "Sum"}


@pytest.mark.parametrize(
    ("form", "data", "said"),
    [
        ("jsonld", b"{", "no JSON"),
        ("jsonld", b"[]", "object is expected"),
        ("jsonld", b'{"concepts": [{"id": "a"}]}', "concepts 0 name"),
        (
            "jsonld",
            b'{"concepts": [], "edges": [{"source": "a", "target": "b"}]}',
            "no concept 'a'",
        ),
        ("case", b"{}", "no CASE package"),
        ("graphml", b"<x/>", "no GraphML"),
        ("graphml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;", "no XML"),
        ("turtle", b"", "form: 'turtle'"),
    ],
)
def test_what_is_amiss_is_named(form, data, said):
    with pytest.raises(InvalidError, match=said):
        read(form, data)


def test_what_a_form_cannot_hold_is_left_out_or_named(command):
    package = {"CFItems": [{"identifier": "a", "fullStatement": "A", "conceptKeywords": 5}]}
    assert read("case", json.dumps(package).encode()).concepts[0].aliases == []
    strange = ConceptData(id="a", name="A", description="a\x0bb\x00")
    document = Document(concepts=[strange])
    assert read("graphml", write("graphml", document, "Mine")[0]).concepts[0].description == "ab"
    other = {"concepts": [{"id": "a", "name": "A", "external": {"odd": "1"}}]}
    with pytest.raises(InvalidError, match="external"):
        read("jsonld", json.dumps(other).encode())
    spaced = Document(concepts=[ConceptData(id="a", name="  Long \u200b name ")])
    command(take_in, spaced)
    with pytest.raises(ConflictError, match="'Long name'"):
        command(service.add_concept, "long name")
