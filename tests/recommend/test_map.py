"""The concept map: the page and the API show the same, and to each what they may see."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from html import unescape
from itertools import pairwise

import pytest

from bloop.graph.live import Graph
from bloop.graph.names import key_of
from bloop.graph.snapshot import Edge, EdgeKind, Snapshot
from bloop.graph.writing import CONCEPT, EDGE, NAME, Writing
from bloop.learning.answers import Given, record
from bloop.learning.map.picture import MOST, Scope, Standing, around, picture
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.web.map_drawing import length, sheet, wrapped
from bloop_sdk import Role
from tests.recommend.test_routes import call, come, database, hub  # noqa: F401 - fixtures
from tests.support.database import make_system_call

on_sqlite = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
API = "/api/v1/graph/map"
NODE = re.compile(r'<a href="/concepts/([^"]+)" class="node([^"]*)" aria-label="([^"]+)"')
LISTED = re.compile(r'<li><a href="/concepts/([^"]+)">')
AT_MOST = 6
"""Reads of a map, whatever is on it."""


@pytest.fixture
def chemistry(lesson, chain, concepts):
    """A course of six concepts, one of them that only drafts teach; their quizzes."""
    chain("Atom", "Bond", "Molecule", "Reaction")
    chain("Atom", "Molecule")
    chain("Charge", "Bond")
    lesson("Draft", "Secret", published=False)
    names = ("Atom", "Charge", "Bond", "Molecule", "Reaction")
    return {name: lesson(f"Quiz {name}", name, role="assesses") for name in names}


@pytest.fixture
def asked(hub, monkeypatch):  # noqa: F811
    """The names of the reads that were made."""
    names = []
    read = hub.database._reader.rows

    async def counted(statement, institution, parameters):
        if statement.name.startswith(("content.", "graph.", "learning.")):
            names.append(statement.name)
        return await read(statement, institution, parameters)

    monkeypatch.setattr(hub.database._reader, "rows", counted)
    return names


def given(quiz, score, times=1, days=0):
    at = utcnow() - timedelta(days=days)
    return [Given(item=quiz, key=new_id(), score=score, at=at) for _ in range(times)]


async def shown(client, **of):
    """What the API gives, and that the page shows the very same."""
    found = (await client.get(API, params=of)).json()
    page = (await client.get("/map", params=of, headers={"accept": "text/html"})).text
    nodes = [(id_, set(flags.split())) for id_, flags, _ in NODE.findall(page)]
    told = [
        (
            one["id"],
            {one["state"], *(flag for flag in ("next", "goal") if one[flag])}
            | ({"on-way"} if one["on_way"] else set())
            | ({"here"} if of.get("concept") == one["id"] else set()),
        )
        for one in found["nodes"]
    ]
    assert nodes == [(id_, flags - {None}) for id_, flags in told]
    assert LISTED.findall(page) == [one["id"] for one in found["nodes"]]
    lines = re.findall(r'<path class="edge([^"]*)" d="[^"]+" marker', page)
    assert sorted("on-way" in line for line in lines) == sorted(
        one["on_way"] for one in found["edges"]
    )
    for one, (_, _, label) in zip(found["nodes"], NODE.findall(page), strict=True):
        assert unescape(label).partition(":")[0] == one["name"]
    return found, page


@on_sqlite
async def test_the_page_draws_what_the_api_tells(
    come,  # noqa: F811
    command,
    chemistry,
    concepts,
    course,
    asked,
):
    lea, id_ = come(Role.LEARNER)
    command(record, id_, given(chemistry["Atom"], 1.0, times=4))
    command(record, id_, given(chemistry["Charge"], 1.0, times=4, days=60))
    command(record, id_, given(chemistry["Bond"], 0.0))
    name = {id_: name for name, id_ in concepts.items()}

    found, page = await shown(lea, course=course)
    by_name = {one["name"]: one for one in found["nodes"]}
    assert list(by_name) == ["Atom", "Charge", "Bond", "Molecule", "Reaction"]
    assert {one: node["state"] for one, node in by_name.items()} == {
        "Atom": "known",
        "Charge": "due",
        "Bond": "started",
        "Molecule": "unknown",
        "Reaction": "unknown",
    }
    assert [one["name"] for one in found["nodes"] if one["next"]] == ["Bond"]
    # That an atom comes before a molecule follows from the others.
    assert {(name[one["source"]], name[one["target"]]) for one in found["edges"]} == {
        ("Atom", "Bond"),
        ("Charge", "Bond"),
        ("Bond", "Molecule"),
        ("Molecule", "Reaction"),
    }
    assert 'Bond</a> <span class="quiet">begun, next for you</span>' in page
    assert "style=" not in page

    goal = f"/api/v1/account/goals/concept/{concepts['Molecule']}"
    assert (await lea.put(goal, json={"by": None})).status_code == 200
    for of in ({}, {"course": course}, {"concept": concepts["Bond"]}):
        asked.clear()
        assert (await lea.get("/map", params=of)).status_code == 200
        assert 1 < len(asked) <= AT_MOST, asked
    found, page = await shown(lea)
    assert (found["scope"]["kind"], found["scope"]["name"]) == ("goal", "Molecule")
    assert [one["name"] for one in found["nodes"] if one["on_way"]] == ["Bond", "Molecule"]
    assert [name[one["source"]] for one in found["edges"] if one["on_way"]] == ["Bond"]
    assert "Molecule: not begun, a goal of yours" in page
    found, _ = await shown(lea, concept=concepts["Bond"], levels=1)
    assert {one["name"] for one in found["nodes"]} == {"Atom", "Charge", "Bond", "Molecule"}
    found, _ = await shown(lea, course=course)
    assert [one["name"] for one in found["nodes"] if one["goal"]] == ["Molecule"]


@on_sqlite
async def test_what_somebody_may_not_see_is_not_on_it(
    come,  # noqa: F811
    command,
    chemistry,
    concepts,
    course,
    hub,  # noqa: F811
):
    lea, id_ = come(Role.LEARNER)
    teacher, _ = come(Role.EDUCATOR)
    command(record, id_, given(chemistry["Atom"], 1.0, times=4))
    found, _ = await shown(teacher, course=course)
    assert "Secret" in {one["name"] for one in found["nodes"]}
    assert {one["state"] for one in found["nodes"]} == {"unknown"}
    for path in (API, "/map"):
        for wrong in ({"course": "x"}, {"concept": "x"}, {"goal": "x"}):
            assert (await lea.get(path, params=wrong)).status_code == 404
        for wrong in ({"course": course, "goal": "x"}, {"levels": 7}, {"levels": "many"}):
            assert (await lea.get(path, params=wrong)).status_code == 422
    made = await lea.post("/api/v1/account/keys", json={"name": "x", "scopes": ["graph:read"]})
    lea.headers["authorization"] = f"Bearer {made.json()['key']}"
    narrow = (await lea.get(API, params={"concept": concepts["Bond"]})).json()
    assert {(one["state"], one["next"], one["on_way"]) for one in narrow["nodes"]} == {
        (None, False, False)
    }


def chained(count):
    """A graph of a long chain of concepts with parts."""
    ids = [f"c{at:04}" for at in range(count)]
    edges = [Edge(EdgeKind.PREREQUISITE, a, b) for a, b in pairwise(ids)]
    parts = [f"p{at:04}" for at in range(count)]
    edges += [Edge(EdgeKind.PART_OF, part, ids[at]) for at, part in enumerate(parts)]
    names = {one: f"What is called {one} <here>" for one in [*ids, *parts]}
    return Graph(Snapshot.build(3, names, edges), names)


def test_a_large_map_says_what_it_leaves_out():
    graph = chained(200)
    own = Standing({f"c{at:04}": 0.9 for at in range(100)}, frozenset({"c0007"}))
    scope = Scope("all", None, None, list(graph.names))
    found = picture(graph, scope, ["c0150"], own)
    ids = [one["id"] for one in found["nodes"]]
    assert len(ids) == MOST
    assert {f"c{at:04}" for at in range(100, 151)} <= set(ids)
    assert [one["id"] for one in found["nodes"] if one["next"]] == ["c0100"]
    assert {one["folded"] for one in found["nodes"]} == {1}
    assert (found["folded"], found["left_out"]) == (MOST, 400 - 2 * MOST)
    # What led through those that are left out leads on.
    assert len(found["edges"]) == MOST - 1
    drawn = sheet(found, str, mirrored=False)
    mirrored = sheet(found, str, mirrored=True)
    assert len(drawn.marks) == MOST
    for one, other in zip(drawn.marks, mirrored.marks, strict=True):
        assert one.x + other.x + drawn.box["width"] == drawn.width
    close = around(graph, "c0100", 1)
    assert set(close.concepts) == {"c0099", "c0100", "c0101", "p0100"}


@on_sqlite
async def test_a_large_page_is_small(hub, come, command, course):  # noqa: F811
    lea, _ = come(Role.LEARNER)

    def make(unit):
        writing, said = Writing(unit, "import"), {"origin": "imported", "standing": "accepted"}
        ids = [writing.new_concept() for _ in range(140)]
        for at, one in enumerate(ids):
            name = f"Concept of number {at}"
            writing.put(CONCEPT, (one,), said | {"confidence": 1.0, "name": name})
            writing.put(NAME, (key_of(name),), {"concept_id": one, "name": name})
            for before in (at - 1, at - 5, at - 9):
                if before >= 0:
                    edge = (one, "prerequisite", ids[before])
                    writing.put(EDGE, edge, said | {"confidence": 1.0})
        writing.finish()

    command(make, as_=make_system_call(hub.institution))
    found, page = await shown(lea)
    assert (found["scope"]["kind"], len(found["nodes"])) == ("all", MOST)
    assert f"{140 - MOST} more are left out" in page
    assert len(gzip.compress(page.encode())) < 60_000


def test_names_are_cut_to_two_lines_that_fit():
    for name in ("Bond", "Simple harmonic motion", "Gleichgewichtskonstante"):
        lines, cut = wrapped(name, 148)
        assert not cut
        assert "".join(lines).replace("-", "").replace(" ", "") == name.replace(" ", "")
    for name in (
        "Ω" * 99,
        "光合作用" * 9,
        "The law of the conservation of the energy of all things",
    ):
        lines, cut = wrapped(name, 148)
        assert cut and len(lines) == 2
        assert lines[1].endswith("…")
        assert all(length(line) <= 148 for line in lines)
