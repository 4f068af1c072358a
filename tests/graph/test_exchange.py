"""A graph goes out and comes in again, in three forms; what is amiss is named, and adds nothing."""

from __future__ import annotations

import io
import json
from functools import partial
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bloop.graph import service
from bloop.graph.cycles import CycleError
from bloop.graph.exchange import service as exchange
from bloop.graph.exchange.document import ConceptData, Document, EdgeData
from bloop.graph.exchange.giving import document_of
from bloop.graph.exchange.service import FORMS, import_document, read, take_in, write
from bloop.graph.queries import EDGES, NODES
from bloop.store.errors import ConflictError, InvalidError, NotFoundError

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
    ids = [one.id for one in concepts]
    pairs = st.lists(st.sampled_from(range(len(ids))), min_size=2, max_size=2).map(sorted)
    edge = st.builds(
        lambda pair, weight: EdgeData(source=ids[pair[0]], target=ids[pair[1]], weight=weight),
        pairs,
        st.floats(0.1, 1),
    )
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


def of_one(number=1, **values):
    """JSON-LD of a concept, or the same again and again."""
    return json.dumps({"concepts": [{"id": "a", "name": "A", **values}] * number}).encode()


LAUGHS = (
    b"<!DOCTYPE a [<!ENTITY l0 'ha'>"
    + b"".join(b"<!ENTITY l%d '%s'>" % (at, b"&l%d;" % (at - 1) * 10) for at in range(1, 12))
    + b"]><graphml xmlns='http://graphml.graphdrawing.org/xmlns'><graph><node id='&l11;'/></graph>"
    + b"</graphml>"
)


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
        ("graphml", LAUGHS, "DOCTYPE|no XML"),
        ("graphml", b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "DOCTYPE"),
        ("jsonld", b'{"concepts": ' + b"[" * 100_000, "no JSON"),
        ("jsonld", of_one(description="a\0"), "concepts 0: it holds a NUL"),
        ("jsonld", of_one(id="a\0"), "concepts 0: it holds a NUL"),
        ("jsonld", of_one(description="\ud800"), "concepts 0 description"),
        ("jsonld", of_one(aliases=["b"] * 100_000), "aliases: at most 1000"),
        ("jsonld", of_one(name="n" * 10**6), "concepts 0 name"),
        ("jsonld", of_one(number=50_001), "concepts: at most 50000"),
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


def test_a_circle_within_a_document_is_named_before_anything_is_looked_up():
    concepts = [{"id": one, "name": f"the {one}"} for one in "abc"]
    edges = [{"source": one, "target": other} for one, other in ("ab", "bc", "ca")]
    data = json.dumps({"concepts": concepts, "edges": edges}).encode()
    with pytest.raises(CycleError, match="the a -> the b -> the c -> the a"):
        read("jsonld", data)


def test_a_name_is_the_same_with_marks_that_nobody_sees(command, concepts):
    shown = concepts["Right\u202eto\u2066 left\u00ad"]
    with pytest.raises(ConflictError, match="'Rightto left'"):
        command(service.add_concept, "RIGHTTO LEFT")
    for text in ("a\0b", "a\ud800b"):
        with pytest.raises(NotFoundError):
            command(service.remove_concept, text)
        with pytest.raises(InvalidError, match="NUL"):
            command(service.add_concept, text)
        with pytest.raises(InvalidError, match="description: it holds a NUL"):
            command(service.change_concept, shown, {"description": text})


LARGE = Document(
    concepts=[ConceptData(id=one, name=f"the {one}") for one in "abcdefgh"],
    edges=[EdgeData(source=one, target=other) for one, other in pairwise("abcdefgh")],
)


@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_large_document_goes_in_by_parts_whoever_else_writes_or_dies(
    command, concepts, database, call, monkeypatch, at
):
    monkeypatch.setattr(exchange, "ROWS_AT_ONCE", 4)
    parts = []

    def told(done, total, message):
        if message == "rows written":
            parts.append(done)
            if len(parts) == at + 1:
                command(service.add_concept, "Meanwhile")
            elif len(parts) == at + 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_document(database, call, LARGE, told)
    assert 0 < len(database.read_now(NODES, call)) <= 9
    import_document(database, call, LARGE)
    assert len(database.read_now(NODES, call)) == 9
    assert len(database.read_now(EDGES, call)) == 7
    assert import_document(database, call, LARGE) == {"concepts": 0, "edges": 0}


def test_a_large_document_that_contradicts_people_adds_nothing(
    command, chain, concepts, database, call, monkeypatch
):
    monkeypatch.setattr(exchange, "ROWS_AT_ONCE", 4)
    chain("the h", "the a")
    with pytest.raises(CycleError, match="the h -> the a"):
        import_document(database, call, LARGE)
    assert len(database.read_now(NODES, call)) == 2
    command(service.unlink, concepts["the h"], concepts["the a"])
    assert import_document(database, call, LARGE) == {"concepts": 6, "edges": 7}
