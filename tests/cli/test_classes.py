"""`bloop learning progress` and its neighbours, and `bloop certificates`."""

from __future__ import annotations

import csv
import io

from bloop.graph.service import add_concept, cover
from tests.cli.test_enrolments import ada, course, unit  # noqa: F401 - fixtures


def test_a_class_is_looked_at_steered_and_certified(bloop, course, ada, unit):  # noqa: F811
    bloop("content", "enrol", course, ada)
    asked = bloop("certificates", "set", course, "--dry-run", "--json").json
    assert (asked["saved"], [one["met"] for one in asked["items"]]) == (False, [False])
    assert bloop("certificates", "list", "--json").json["items"] == []
    assert "0 of 1 learners can get it now" in bloop("certificates", "set", course).out
    assert bloop("certificates", "list", "--json").json["items"][0]["id"] == course
    assert bloop("certificates", "earned", course, "--json").json["items"] == []
    assert bloop("certificates", "end", course).code == 0
    assert bloop("certificates", "set", course, "--lesson", "gone").code == 1

    [tree] = bloop("content", "tree", course, "--json").json["items"]
    item = next(node["item"] for node in tree["nodes"][0]["children"])
    with unit() as u:
        cover(u, item, add_concept(u, "Salt"), "teaches")
    told = bloop("learning", "progress", course, "--json").json
    assert [(one["name"], one["done"], one["lessons"]) for one in told["learners"]] == [
        ("Ada", 0, 2)
    ]
    assert [(one["name"], one["silent"]) for one in told["concepts"]] == [("Salt", 1)]
    assert "never" in bloop("learning", "progress", course).out
    rows = list(csv.DictReader(io.StringIO(bloop("learning", "progress", course, "--csv").out)))
    assert rows[0]["name"] == "Ada"
    assert bloop("learning", "progress", course, "--sort", "x").code == 1
    lacking = bloop("learning", "gaps", "salt", "--course", course, "--json").json
    assert (lacking["items"][0]["ready"], lacking["items"][0]["lessons"][0]["item"]) == (1, item)
    assert bloop("learning", "steer", item, "pin").out == "before: nothing\n"
    assert bloop("learning", "rules", course, "--json").json["items"][0]["act"] == "pin"
    assert bloop("learning", "preview", course, ada, "--json").code == 0
    assert bloop("learning", "steer", item, "none").out == "before: pin 0\n"
