"""A PayPal in memory, for tests of whoever takes payments by it.

account = FakePayPal()
http = http_client(FakeTransport(account))
ctx = FakeContext(config=PayPalConfig(**account.settings), http=http)
provider = PayPalProvider(ctx)
account.pay(checkout := await provider.create_checkout(request, "key"))
facts = await provider.settle(checkout.remote_id, "key/settle")

Each module names the pages of PayPal's documentation that it follows. Where they are silent, it
answers as little as a client needs.
"""

from __future__ import annotations

from bloop_paypal.testing.account import FakePayPal

__all__ = ["FakePayPal"]
