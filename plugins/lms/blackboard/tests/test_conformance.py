"""The contract's own suite, against the site in memory."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_blackboard import GOOD, FakeBlackboard

from bloop_sdk.testing import System, plugin_tests

TestBlackboard = plugin_tests(
    "bloop_blackboard",
    settings=GOOD,
    lms=System(
        make=FakeBlackboard,
        good=GOOD,
        bad={**GOOD, "application_secret": "never valid"},
        expired={**GOOD, "refresh_token": "valid once"},
        without={
            "write": "Blackboard is read only here",
            "webhook": "Blackboard's REST API sends no webhooks",
        },
    ),
)
