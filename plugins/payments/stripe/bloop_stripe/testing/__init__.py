"""A Stripe in memory, for tests of whoever takes payments by it.

account = FakeStripe()
http = http_client(FakeTransport(account))
ctx = FakeContext(config=StripeConfig(**account.settings), http=http)
account.pay(await StripeProvider(ctx).create_checkout(request, "key"))
"""

from __future__ import annotations

from bloop_stripe.testing.account import FakeStripe

__all__ = ["FakeStripe"]
