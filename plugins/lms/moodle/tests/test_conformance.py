"""What the contract asks of every plugin and every course provider, of a Moodle in memory."""

from __future__ import annotations

from bloop_sdk.testing import plugin_tests
from plugins.lms.moodle.tests.fake_moodle import GOOD_SETTINGS, system

TestMoodle = plugin_tests("bloop_moodle", settings=GOOD_SETTINGS, lms=system())
