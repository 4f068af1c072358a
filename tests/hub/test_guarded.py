"""What a plugin is lent of another one's provider."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bloop.hub.guarded import guarded
from bloop.kernel.breaker import Breakers
from bloop.kernel.calls import Calls
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    ByHandProvider,
    Can,
    FactKind,
    PaymentFact,
    PaymentProvider,
    PaymentSpec,
    SubscriptionProvider,
)

NAMES = ("check", "create_checkout", "settle", "refund", "fetch", "changed", "verify_webhook")


class Till:
    """A provider of payments, and nothing besides."""

    def spec(self):
        return PaymentSpec(can=frozenset({Can.BY_HAND}))

    def __getattr__(self, name):
        if name in NAMES:
            return lambda *_args, **_kwargs: None
        raise AttributeError(name)


class Books(Till):
    """One that is told by hand what has come."""

    async def record(self, remote_id, money, reference, received_at):
        return PaymentFact(
            kind=FactKind.CAPTURED,
            id=reference,
            remote_id=remote_id,
            as_of=received_at,
            money=money,
        )


@pytest.fixture
def lend():
    """Lends a provider as one plugin gets it of another."""
    handle = SimpleNamespace(plugin_id="till", capability="payments")
    calls = Calls(Breakers())
    calls.admit("till", "till")
    return lambda provider: guarded(provider, handle, calls, "home")


def test_a_provider_has_what_its_capability_names_and_nothing_else(lend):
    till = lend(Till())
    assert isinstance(till, PaymentProvider)
    assert till.spec().can == {Can.BY_HAND}
    assert not isinstance(till, ByHandProvider)
    assert not hasattr(till, "record")


async def test_what_a_provider_follows_besides_is_lent_and_guarded_too(lend):
    books = lend(Books())
    assert isinstance(books, ByHandProvider)
    assert not isinstance(books, SubscriptionProvider)
    money, at = Money(amount=4900, currency="EUR"), datetime(2026, 3, 1, tzinfo=UTC)
    fact = await books.record("o1", money, "line 3", at)
    assert (fact.id, fact.money) == ("line 3", money)


async def test_an_answer_of_which_nothing_is_declared_is_any():
    """Of a ``memoryview[float]`` Python 3.11 to 3.13 cannot tell the class."""
    handle = SimpleNamespace(plugin_id="words", capability="embedding")
    calls = Calls(Breakers())
    calls.admit("words", "words")

    class Words:
        dimension, version = 1, "words-1"

        async def embed(self, texts):
            return memoryview(bytes(4 * len(texts))).cast("f", (len(texts), 1))

    lent = guarded(Words(), handle, calls, "home")
    assert (await lent.embed(["a", "b"])).tolist() == [[0.0], [0.0]]
    assert lent.version == "words-1"
