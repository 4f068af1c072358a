"""What the contract asks of every plugin, and of every provider of payments."""

from __future__ import annotations

from bloop_sdk.testing import Payments, plugin_tests
from bloop_stripe.testing import FakeStripe

BAD = {"secret_key": "sk_test_" + "neverneverneverx"}

TestStripe = plugin_tests(
    "bloop_stripe",
    settings=FakeStripe.settings,
    payments=Payments(make=FakeStripe, bad=BAD),
)
