"""What the contract asks of every plugin and of every model of mastery."""

from __future__ import annotations

import importlib.util

import pytest

from bloop_sdk.testing import Learners, plugin_tests
from bloop_tracing import fitting

SMALL = {"min_learners": 50, "min_answers": 500, "epochs": 3, "width": 8}


@pytest.fixture(autouse=True)
def _networks(monkeypatch):
    """So few learners are better foretold by counts, but it is networks that the rules are for."""
    monkeypatch.setattr(fitting, "is_worth_it", lambda *_: True)


TestCounts = plugin_tests("bloop_tracing", mastery=Learners(settings={"min_learners": 1000}))

TestNetworks = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs torch: the extra `torch`"
)(plugin_tests("bloop_tracing", mastery=Learners(settings=SMALL)))
