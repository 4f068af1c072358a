"""For tests of payments: what stands for a provider's account, and for the buyers who pay into it.

TestMine = plugin_tests("bloop_mine", payments=Payments(FakeMine, bad={"key": "wrong"}))

A ``FakeMine`` is made anew for each test, and behaves as the vendor's documentation says. Where it
has ``answer``, as a :class:`bloop_sdk.testing.FakeSystem` has, the provider's ``ctx.http`` leads
there. What rules need beyond it, it offers as methods of the names in
:data:`bloop_sdk.testing.system.OFFERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bloop_sdk.providers.payments import Checkout

_OFFERS = ("pay", "moved", "decline", "expire", "dispute", "renew", "webhook", "stranger")


class FakeAccount(Protocol):
    """What stands for an account with a provider of payments."""

    settings: Mapping[str, Any]
    """The plugin's settings, with which it is reached."""

    def pay(self, checkout: Checkout) -> None:
        """Be the buyer, who pays. Not needed where an operator notes what has come."""
        ...


@dataclass(frozen=True, kw_only=True)
class Payments:
    """A provider of payments in tests; ``make`` is a class.

    ``bad`` are the settings of a credential that is refused. ``without`` says of each offer that is
    lacking, and of each rule that can't hold, why.
    """

    make: Callable[[], Any]
    bad: Mapping[str, Any] | None = None
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def offers(self) -> set[str]:
        """What it offers of :data:`bloop_sdk.testing.system.OFFERS`."""
        found = {name for name in _OFFERS if hasattr(self.make, name)}
        return found | ({"bad"} if self.bad is not None else set())
