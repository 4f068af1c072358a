"""What the contract asks of every plugin and of every storyboarder."""

from __future__ import annotations

from bloop_sdk.testing import Lessons, plugin_tests

TestOutline = plugin_tests("bloop_outline", storyboarder=Lessons())
