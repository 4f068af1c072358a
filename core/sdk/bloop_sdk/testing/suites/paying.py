"""One provider of payments and an account for it, fresh for each rig."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from bloop_sdk.errors import BloopError
from bloop_sdk.http import HttpClient
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    ByHandProvider,
    Can,
    Checkout,
    CheckoutLine,
    CheckoutRequest,
    FactKind,
    Interval,
    PaymentFact,
    PaymentProvider,
)
from bloop_sdk.testing.clock import Clock
from bloop_sdk.testing.context import FakeContext, ListLogger, MemoryStore, NoHttp
from bloop_sdk.testing.faults import Faults, Steps
from bloop_sdk.testing.payments import Payments
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import require
from bloop_sdk.testing.suites.case import hosts_of
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase
from bloop_sdk.testing.system import FakeTransport, http_client

BUYER = "zyzzogeton@learner.example"
"""Who pays: it belongs into no log and no error."""

Told = dict[tuple[str, str], PaymentFact]


def order(number: int = 1, *, currency: str = "EUR", unit: int = 4900, **other: Any) -> Any:
    """An order of two lines, three things at ``unit``."""
    price = Money(amount=unit, currency=currency)
    lines = (
        CheckoutLine(title="Waves & tides – Ünïcode 波", unit_price=price, plan="solo"),
        CheckoutLine(title="Seats", unit_price=price, quantity=2),
    )
    discount = other.get("discount", 0)
    given = {
        "order": f"order-{number}",
        "number": f"2026-{number:04}",
        "lines": lines,
        "total": Money(amount=3 * unit - discount, currency=currency),
        "return_url": f"https://hub.example/x/commerce/orders/{number}",
        "cancel_url": "https://hub.example/x/commerce/",
        "email": BUYER,
        "locale": "de",
    }
    return CheckoutRequest(**{**given, **other})


PRICE = Money(amount=900, currency="EUR")
LINE = CheckoutLine(title="All courses", unit_price=PRICE, plan="solo")
TEAM = CheckoutLine(
    title="A team", unit_price=Money(amount=2500, currency="EUR"), quantity=3, plan="team"
)


def monthly(**other: Any) -> Any:
    """An order of a subscription."""
    return order(lines=(LINE,), total=PRICE, interval=Interval.MONTH, **other)


class PaymentCase(ProviderCase[Payments, PaymentProvider]):
    """A provider's class, and what stands for its account."""

    def rig(self) -> Rig:
        """A fresh account."""
        return Rig(self)


class Rig:
    """An account, what may go wrong on the way to it, and who pays."""

    def __init__(self, case: PaymentCase) -> None:
        self.case = case
        self.account: Any = case.subject.make()
        self.clock = Clock()
        self.steps = Steps()
        self.log = ListLogger()
        self.store = MemoryStore()
        self.names: set[str] = set()
        """The checkouts that were made."""
        self.capture: PaymentFact | None = None
        self.subscription = ""
        self.faults: Faults | None = None
        if hasattr(self.account, "answer"):
            self.faults = Faults(FakeTransport(self.account), self.clock, self.steps)

    @property
    def http(self) -> Faults:
        """The way to an account over HTTP; skips where there is none."""
        if self.faults is None:
            pytest.skip("it talks to nobody")
        return self.faults

    def provider(self, **settings: Any) -> Any:
        """A provider as in a process of its own."""
        self.steps.killed = False
        plugin = self.case.plugin
        config = plugin.config({**self.account.settings, **settings})
        http: HttpClient = NoHttp()
        if self.faults is not None:
            hosts = hosts_of(plugin.manifest.network.hosts, config) or None
            http = http_client(self.faults, self.clock, hosts=hosts)
        ctx = FakeContext(
            plugin_id=plugin.manifest.id,
            config=config,
            data_dir=self.case.folder,
            http=http,
            log=self.log,
            store=self.store,
            package=plugin.package,
            steps=self.steps,
        )
        return self.case.make(ctx)

    def offer(self, name: str) -> Any:
        """What the account offers under a name; skips or fails where it does not."""
        require(self.case.subject, self.case.offers, name)
        return getattr(self.account, name)

    def able(self, *abilities: Can) -> None:
        """Skip unless the provider's spec says that it can."""
        can = self.provider().spec().can
        if lacking := [str(one) for one in abilities if one not in can]:
            pytest.skip(f"it cannot {', '.join(lacking)}")

    async def pay(self, checkout: Checkout, request: CheckoutRequest) -> None:
        """Let the buyer pay, and the provider hear of it."""
        provider = self.provider()
        if Can.BY_HAND in provider.spec().can:
            assert isinstance(provider, ByHandProvider), "by_hand, and no ByHandProvider"
            now = datetime.now(UTC)
            await provider.record(checkout.remote_id, request.total, "transfer-1", now)
            return
        self.offer("pay")(checkout)
        if "webhook" in self.case.offers:
            await provider.verify_webhook(self.account.webhook())

    async def paid(self, request: CheckoutRequest, key: str = "pay") -> tuple[Checkout, Told]:
        """A checkout that was paid, and what is so then."""
        checkout = await self.provider().create_checkout(request, f"{key}/checkout")
        await self.pay(checkout, request)
        return checkout, told(await self.provider().settle(checkout.remote_id, f"{key}/settle"))

    async def facts(self, name: str) -> Told:
        """What a fresh provider says of a checkout."""
        return told(await self.provider().fetch(name))

    def expect(self, amounts: Iterable[int], where: str) -> None:
        """Raise ContractError unless this money has moved, in any order."""
        if "moved" in self.case.offers:
            moved = sorted(money.amount for money in self.account.moved())
            hold(moved == sorted(amounts), f"{where}: {moved} was moved, not {sorted(amounts)}")


def told(facts: Sequence[PaymentFact]) -> Told:
    """Facts by what they are about; raises ContractError for what is no sound set of them."""
    found: Told = {}
    for fact in facts:
        key = (str(fact.kind), fact.id)
        hold(fact.id and fact.remote_id, f"a fact without id or remote_id: {fact}")
        hold(key not in found, f"{key} is stated twice in one answer")
        hold(fact.as_of.tzinfo is not None, f"{key}: as_of has no time zone")
        hold(fact.money is None or fact.money.amount >= 0, f"{key}: {fact.money}")
        hold(fact.fee is None or isinstance(fact.fee, Money), f"{key}: its fee is no Money")
        found[key] = fact
    captures = {id_ for kind, id_ in found if kind == FactKind.CAPTURED}
    for (kind, id_), fact in found.items():
        if kind in {FactKind.REFUNDED, FactKind.DISPUTED}:
            hold(fact.about in captures, f"{kind} {id_} is about {fact.about!r}, no capture")
    return found


def of_kind(facts: Told, kind: FactKind) -> list[PaymentFact]:
    """Those of a kind."""
    return [fact for (one, _), fact in facts.items() if one == kind]


def only(facts: Told, kind: FactKind, where: str) -> PaymentFact:
    """The one fact of a kind."""
    found = of_kind(facts, kind)
    hold(len(found) == 1, f"{where}: {len(found)} facts are {kind}, among {sorted(facts)}")
    return found[0]


def same(one: Told, other: Told, where: str) -> None:
    """Raise ContractError unless both state the same; what is read later may be newer."""
    for key in sorted(one.keys() ^ other.keys()):
        raise ContractError(f"{where}: {key} is stated by one alone")
    for key, fact in one.items():
        again = dataclasses.replace(other[key], as_of=fact.as_of)
        hold(again == fact, f"{where}: {fact} became {other[key]}")
        hold(other[key].as_of >= fact.as_of, f"{where}: {key} is as of an earlier time")


async def refused(work: Awaitable[object], error: type[BloopError], where: str) -> BloopError:
    """The error of what must fail; anything else is a broken rule."""
    try:
        found = await work
    except error as err:
        return err
    except Exception as err:
        raise ContractError(
            f"{where}: {type(err).__name__}: {err}; raise {error.__name__}"
        ) from err
    raise ContractError(f"{where}: it is taken: {found!r}"[:400])
