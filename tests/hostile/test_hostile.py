"""The worst plugins in the world: each costs its own feature, or one process that comes back."""

from __future__ import annotations

import contextlib
import http.client
import re

import pytest

from tests.hostile.cases import AT_RUN_TIME, AT_START, FEATURE
from tests.hostile.outcome import outcome_of
from tests.hostile.served import served

pytestmark = pytest.mark.slow
by_id = {"ids": lambda case: case.id}


@pytest.fixture(scope="module")
def enduring(tmp_path_factory):
    """A hub with every plugin that may cost its own feature at most."""
    with served(tmp_path_factory.mktemp("enduring") / "hub", FEATURE) as hub:
        yield hub, hub.pid()


@pytest.fixture(scope="module")
def restarted(tmp_path_factory):
    """A hub whose process died of one plugin after the other as it started."""
    with served(tmp_path_factory.mktemp("restarted") / "hub", AT_START) as hub:
        yield hub


@pytest.fixture(scope="module")
def mortal(tmp_path_factory):
    """A hub with every plugin that may cost a process later on."""
    with served(tmp_path_factory.mktemp("mortal") / "hub", AT_RUN_TIME) as hub:
        yield hub


@pytest.mark.parametrize("case", FEATURE, **by_id)
def test_it_costs_its_own_feature(enduring, case):
    hub, pid = enduring
    outcome = outcome_of(hub, case)
    assert outcome.pid == pid, hub.said()[-3000:]
    if case.status is not None:
        assert outcome.status == case.status, outcome.text
    assert outcome.state == case.state, outcome
    assert re.search(case.words, outcome.words), outcome.words
    # Where it says nothing of itself, nothing has to be done.
    assert outcome.cure or not outcome.words


@pytest.mark.parametrize("case", AT_START, **by_id)
def test_a_start_that_died_of_it_goes_on_without_it(restarted, case):
    outcome = outcome_of(restarted, case)
    assert outcome.state == "load_failed", outcome
    assert re.search(r"process \d+ died in ", outcome.words), outcome.words
    assert re.search(case.words, outcome.words), outcome.words
    assert outcome.cure


@pytest.mark.parametrize("case", AT_RUN_TIME, **by_id)
def test_it_costs_one_process_which_comes_back_without_it(mortal, case):
    before = mortal.pid()
    outcome = outcome_of(mortal, case)
    if case.id == "e_kill":
        # The first one may have been the system's or somebody's: it is tried once more.
        assert outcome.state == "ready"
        outcome = outcome_of(mortal, case)
    assert outcome.pid != before
    assert mortal.process.poll() is None
    assert re.search(r"process \d+ died in ", outcome.words), outcome.words
    assert re.search(case.words, outcome.words), outcome.words
    # What was switched off by hand needs none.
    assert outcome.cure or outcome.state == "disabled"


def test_no_plugin_answers_in_the_place_of_another(enduring):
    hub, _ = enduring
    port, token = hub.client.base_url.port, hub.client.headers["authorization"]

    def get(path, headers):
        # Unlike httpx, it sends the path as it is.
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        with contextlib.closing(connection):
            return answer.status, answer.read().decode()

    operator = {"authorization": token}
    for path in ("/api/v1/containers", "/api/v1/containers/", "/x/u_other/../../api/v1/containers"):
        assert "mine" not in get(path, operator)[1], path
    assert '"items"' in get("/api/v1/containers", operator)[1]
    for path in ("/x/cartridge/go", "//", "/x//", "/x/%2F/", "/x/u_other%2Fx/cartridge/go%2F"):
        status, text = get(path, operator)
        assert (status, "mine" in text) == (404, False), path
    assert get("/x/u_other/x/cartridge/go", operator) == (200, '"mine"'), "its own place is its own"


def test_the_doctor_names_culprit_cause_and_cure(enduring):
    hub, _ = enduring
    found = hub.doctor()
    assert found["cartridge"]["healthy"]
    for case in FEATURE:
        if case.state != "ready":
            assert found[case.id]["state"] == case.state
            assert found[case.id]["reason"] and found[case.id]["cure"], case.id
