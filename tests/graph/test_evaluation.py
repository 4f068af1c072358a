"""The inference of prerequisites against labelled pairs: reading them, and the figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bloop.graph.evaluation import (
    ByGraph,
    Pair,
    chance,
    cross_validated,
    evaluate,
    figures,
    names_of,
    read_gold,
)
from bloop.graph.inference import Course, Edge, Inferred
from bloop.graph.inference.course import PREREQUISITE, Concept
from bloop.graph.inference.pairs import Names, score
from bloop_sdk import MalformedRecordError

GOLD = Path(__file__).with_name("gold.csv")
HEAD = "prerequisite,concept,label\n"


@pytest.fixture
def gold(tmp_path):
    def write(text):
        path = tmp_path / "gold.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_columns_may_stand_in_any_order_and_beside_others(gold):
    text = "\ufeffLabel;Concept;who;Prerequisite\r\n1;Tree;ann;Graph\r\n\r\n0;Graph;ben;Tree\r\n"
    assert read_gold(gold(text)) == [
        Pair("Graph", "Tree", True, 2),
        Pair("Tree", "Graph", False, 4),
    ]


def test_spreadsheets_write_it_in_their_own_ways(gold):
    text = 'sep=;\r\n"PREREQUISITE";Concept ; LABEL\r\n"Set; or class";Map;Yes\r\nMap;Set;no\r\n'
    pairs = [Pair("Set; or class", "Map", True, 3), Pair("Map", "Set", False, 4)]
    for data in (text.encode(), text.encode("utf-16"), text.replace("\r\n", "\r").encode()):
        assert read_gold(gold(data)) == pairs
    with pytest.raises(MalformedRecordError, match="line 3: the label is 'maybe'"):
        read_gold(gold(text.replace("Yes", "maybe")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: there is no column prerequisite, concept, label"),
        ("prerequisite,label\na,1\n", "line 1: there is no column concept"),
        (HEAD, "it has no pairs"),
        (HEAD + "a,b,1\na,b,2\n", "line 3: the label is '2'"),
        (HEAD + "a,,1\n", "line 2: concept is empty"),
        (HEAD + "a,b,1,0\n", "line 2: it has more values than columns"),
        (HEAD + f"a,{'b' * 501},1\n", "line 2: concept is too long"),
        (HEAD.encode() + b"a,b,1\n\xff\xfe,b,1\n", "line 3: it is not in UTF-8"),
        (HEAD + 'a,"b,1\n', "gold.csv, line"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(gold, text, message):
    with pytest.raises(MalformedRecordError, match=r"gold\.csv") as refused:
        read_gold(gold(text))
    assert message in refused.value.message and refused.value.cure


def test_figures_are_those_of_the_definition():
    labels = [True, True, True, False, False]
    some = figures([True, True, False, True, False], labels)
    assert (some.precision, some.recall, some.f1) == (0.6667, 0.6667, 0.6667)
    none = figures([False] * 5, labels)
    assert (none.precision, none.recall, none.f1, none.taken) == (0, 0, 0, 0)
    lucky = chance(2, labels)
    assert (lucky.precision, lucky.recall) == (0.6, 0.4)


def test_the_inference_beats_chance_and_taking_all_and_fits_nothing():
    pairs = read_gold(GOLD)
    report = evaluate(pairs)
    assert report.inferred.f1 > 0.6 > report.all_positive.f1 - 0.05
    assert report.inferred.f1 > report.all_positive.f1 > report.chance.f1
    assert report.without_levels.precision > report.chance.precision
    turned = [Pair(one.prerequisite, one.concept, not one.label, one.line) for one in pairs]
    assert evaluate(turned).inferred.taken == report.inferred.taken


def test_direction_matters():
    names = Names(["function", "linear function", "derivative", "integral_(mathematics)"])

    def sure(first, second):
        return score(names.features(first, second))

    assert sure("function", "linear function") > 0.5 > sure("linear function", "function")
    assert sure("derivative", "integral_(mathematics)") > sure(
        "integral_(mathematics)", "derivative"
    )


def test_learning_from_the_labels_is_tried_on_others_than_it_learned_from():
    pairs = read_gold(GOLD)
    names = Names(names_of(pairs))
    features = [names.features(one.prerequisite, one.concept) for one in pairs]
    known = cross_validated(features, [one.label for one in pairs])
    assert known is not None and known.f1 > 0.6
    assert cross_validated(features[:12], [one.label for one in pairs[:12]]) is None


def test_what_cannot_be_right_is_told():
    pairs = [Pair("a", "b", True, 2), Pair("a", "b", False, 3), Pair("b", "a", True, 4)]
    assert len(evaluate(pairs).notes) == 2
    twice = evaluate([Pair("A", "b", True, 1), *pairs, Pair("c", "C", False, 9)])
    assert (twice.pairs, twice.positive, len(twice.notes)) == (4, 2, 4)


def test_a_courses_graph_answers_for_the_names_that_it_knows():
    def concept(name):
        aliases = ("Schwebung", "résonance") if name == "beat" else ()
        return Concept(key=name, name=name, aliases=aliases, confidence=0.9, evidence=())

    def edge(source, target):
        return Edge(
            kind=PREREQUISITE, source=source, target=target, weight=1, confidence=0.8, evidence=()
        )

    known = Inferred(
        concepts=tuple(map(concept, ("wave", "beat", "chord"))),
        edges=(edge("wave", "beat"), edge("beat", "chord")),
    )
    told = ByGraph(Course(language="en"), known)
    assert told("Waves", "chord") == pytest.approx(0.64)
    assert told("chord", "wave") == 0
    assert told("wave", "harbour") is None
    assert told("WAVES", "schwebung") == told("wave", "Resonance") == 0.8
    pairs = [Pair("wave", "chord", True, 2), Pair("wave", "harbour", False, 3)]
    report = evaluate(pairs, course=told)
    assert (report.inferred.taken, report.from_course) == (1, 1)
    assert (report.unknown, report.unknown_names) == (1, ("harbour",))
