"""What the contract asks of every plugin and of every model of mastery."""

from __future__ import annotations

from bloop_sdk.testing import Learners, plugin_tests

TestTracing = plugin_tests(
    "bloop_tracing",
    mastery=Learners(settings={"min_learners": 50, "min_answers": 500, "epochs": 3, "width": 8}),
)
