"""What the contract asks of every plugin and every LMS, of a small Canvas."""

from __future__ import annotations

from bloop_sdk.testing import System, plugin_tests
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.fake_course import ADDRESS, LEAST
from plugins.lms.canvas.tests.live_events import published

GOOD = {
    "base_url": ADDRESS,
    "token": "good",
    "live_events": True,
    "live_event_keys": published(),
}

TestCanvas = plugin_tests(
    "bloop_canvas",
    settings={"base_url": ADDRESS},
    lms=System(
        make=lambda: FakeCanvas(LEAST),
        good=GOOD,
        bad={**GOOD, "token": "never valid"},
        expired={**GOOD, "token": "valid once"},
    ),
)
