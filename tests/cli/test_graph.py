from __future__ import annotations

import pytest

from tests.cli.conftest import write_cartridge

GOLD = """prerequisite,concept,label
regression,linear regression,1
linear regression,regression,0
First,Second,1
"""


@pytest.fixture
def gold(folder):
    path = folder / "gold.csv"
    path.write_text(GOLD)
    return path


def test_names_are_judged_without_a_hub(bloop, gold):
    said = bloop("graph", "evaluate", "--gold", gold, "--json").json
    assert (said["pairs"], said["positive"], said["embeddings"]) == (3, 2, "")
    assert said["inferred"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "taken": 1}
    assert said["all_positive"]["recall"] == 1.0 and said["cross_validated"] is None
    told = bloop("graph", "evaluate", "--gold", gold).out
    assert "inferred" in told and "all positive" in told and "fitted to no file" in told


def test_a_bad_row_is_named(bloop, gold):
    gold.write_text(GOLD + "a,b,maybe\n")
    said = bloop("graph", "evaluate", "--gold", gold)
    assert said.code == 1
    assert "gold.csv, line 5: the label is 'maybe'" in said.err and "1 or 0" in said.err


def test_a_course_may_be_asked_too(hub_folder, bloop, gold):
    path = write_cartridge(hub_folder / "course.imscc", pages=("First", "Second"))
    course = bloop("import", path, "--json").json["containers"][0]
    said = bloop("graph", "evaluate", "--gold", gold, "--course", course, "--json").json
    assert said["pairs"] == 3
    assert bloop("graph", "evaluate", "--gold", gold, "--course", "?").code == 1
