"""A PayPal for each test, whose clock says when."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bloop_paypal.testing import FakePayPal
from plugins.payments.paypal.tests.buying import opened


@pytest.fixture
def paypal():
    made = FakePayPal()
    made.books.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return made


@pytest.fixture
def account(paypal):
    return opened(paypal)
