"""What holds for every ``payments`` provider: checkouts, what is so of them, money back."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bloop_sdk._protocols import protocol_faults
from bloop_sdk.errors import (
    AuthError,
    FatalError,
    NotFoundError,
    PreconditionFailedError,
    UnsupportedError,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    ByHandProvider,
    Can,
    CheckoutRequest,
    FactKind,
    Interval,
    PaymentFact,
    SubscriptionProvider,
)
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.paying import (
    PaymentCase,
    Rig,
    Told,
    of_kind,
    only,
    order,
    refused,
    same,
    told,
)

PAYMENTS = Suite("`payments`", PaymentCase)

MINUTE = timedelta(minutes=1)


@PAYMENTS.rule()
async def specification(case: PaymentCase) -> None:
    """What it can is said without I/O, does not change, and it has the methods for it."""
    rig = case.rig()
    provider = rig.provider()
    spec = provider.spec()
    hold(provider.spec() == spec, "spec() gives something else the second time")
    hold(rig.steps.count == 0, "spec() talks to somebody; it must not")
    for ability, protocol in (
        (Can.SUBSCRIBE, SubscriptionProvider),
        (Can.BY_HAND, ByHandProvider),
    ):
        if ability in spec.can:
            faults = list(protocol_faults(protocol, provider))
            hold(not faults, f"it can {ability}, but {'; '.join(faults)}")


@PAYMENTS.rule()
async def check_with_good_credentials(case: PaymentCase) -> None:
    """A good credential passes the check, which names the account and sees nothing missing."""
    result = await case.rig().provider().check()
    hold(result.account, "check() names no account")
    hold(not result.missing, f"check() misses {', '.join(result.missing)} with good settings")


@PAYMENTS.rule("bad")
async def check_with_bad_credentials(case: PaymentCase) -> None:
    """A credential that was never valid fails the check with AuthError, which has a cure."""
    provider = case.rig().provider(**dict(case.subject.bad or {}))
    err = await refused(provider.check(), AuthError, "check() with bad credentials")
    hold(err.cure, f"check() with bad credentials: {err.message!r} has no cure")


@PAYMENTS.rule()
async def a_checkout(case: PaymentCase) -> None:
    """A checkout has a name, and a page or words for the buyer; nothing is paid by it."""
    rig = case.rig()
    found = await rig.provider().create_checkout(order(), "one")
    hold(found.remote_id, "a checkout has no remote_id")
    page = found.url.startswith(("https://", "http://"))
    hold(page or found.instructions, "a checkout has neither a page nor instructions")
    facts = await rig.facts(found.remote_id)
    hold(not of_kind(facts, FactKind.CAPTURED), "a checkout that nobody paid is captured")
    rig.expect([], "a checkout")


@PAYMENTS.rule()
async def the_same_key(case: PaymentCase) -> None:
    """The same key gives the same checkout, from another process too, and it is paid once."""
    rig = case.rig()
    first, again = [await rig.provider().create_checkout(order(), "one") for _ in range(2)]
    hold(first.remote_id == again.remote_id, "the same key gives another checkout")
    hold(first.url == again.url, "the same key gives another page")
    other = await rig.provider().create_checkout(order(2), "two")
    hold(other.remote_id != first.remote_id, "two keys give one checkout")
    await rig.pay(again, order())
    facts = told(await rig.provider().settle(first.remote_id, "one/settle"))
    only(facts, FactKind.CAPTURED, "a checkout that was made twice")
    rig.expect([of_kind(facts, FactKind.CAPTURED)[0].money.amount], "a checkout made twice")  # type: ignore[union-attr]


@PAYMENTS.rule()
async def another_order_under_a_key(case: PaymentCase) -> None:
    """A key that was used for another order is refused with PreconditionFailedError."""
    rig = case.rig()
    await rig.provider().create_checkout(order(), "one")
    for other in (order(unit=4800), order(2)):
        again = rig.provider().create_checkout(other, "one")
        await refused(again, PreconditionFailedError, "another order under a key")


def money_of(fact: PaymentFact) -> Money:
    """What moved; raises ContractError where the fact does not say."""
    hold(fact.money, f"{fact.kind} {fact.id} says no amount")
    assert fact.money is not None
    return fact.money


async def captured(rig: Rig, request: CheckoutRequest, key: str = "pay") -> PaymentFact:
    """The capture of an order that was paid."""
    checkout, facts = await rig.paid(request, key)
    fact = only(facts, FactKind.CAPTURED, "an order that was paid")
    money = money_of(fact)
    hold(fact.order == request.order, f"{request.order} became {fact.order!r}")
    hold(fact.remote_id == checkout.remote_id, f"{checkout.remote_id} became {fact.remote_id}")
    hold(money.currency == request.total.currency, f"{request.total} became {money}")
    due = request.total.amount
    hold(money.amount - fact.tax == due, f"{request.total} became {money}, {fact.tax} of it tax")
    return fact


@PAYMENTS.rule()
async def a_payment(case: PaymentCase) -> None:
    """What was paid is captured once: the order's own total, with its id, and the tax beside it."""
    rig = case.rig()
    fact = await captured(rig, order())
    rig.expect([money_of(fact).amount], "an order that was paid")


@PAYMENTS.rule()
async def a_discount(case: PaymentCase) -> None:
    """A discount is taken off what is paid."""
    rig = case.rig()
    fact = await captured(rig, order(discount=1200))
    rig.expect([money_of(fact).amount], "an order with a discount")


@PAYMENTS.rule()
async def currencies(case: PaymentCase) -> None:
    """Amounts are in the currency's own minor unit, whether that has no digits or three."""
    rig = case.rig()
    known = rig.provider().spec().currencies
    chosen = [one for one in ("JPY", "KWD", "ISK") if not known or one in known]
    if not chosen:
        pytest.skip(f"it takes only {', '.join(sorted(known))}")
    for number, currency in enumerate(chosen, 1):
        await captured(rig, order(number, currency=currency, unit=5120), currency)


@PAYMENTS.rule()
async def settled_again(case: PaymentCase) -> None:
    """Settling once more, with the same key or another, takes no more and says the same."""
    rig = case.rig()
    checkout, facts = await rig.paid(order())
    for key in ("pay/settle", "another"):
        again = told(await rig.provider().settle(checkout.remote_id, key))
        same(facts, again, f"settled again with the key {key!r}")
    rig.expect([money_of(only(facts, FactKind.CAPTURED, "paid")).amount], "settled three times")


@PAYMENTS.rule()
async def facts_stay(case: PaymentCase) -> None:
    """What is so is said alike each time, by another process too."""
    rig = case.rig()
    checkout, facts = await rig.paid(order())
    for _ in range(2):
        same(facts, await rig.facts(checkout.remote_id), "fetched again")


@PAYMENTS.rule()
async def unknown_names(case: PaymentCase) -> None:
    """What there is not is NotFoundError."""
    rig = case.rig()
    await rig.paid(order())
    provider = rig.provider()
    for name in ("no-such-checkout", "../secrets", ""):
        await refused(provider.fetch(name), NotFoundError, f"fetch({name!r})")
        await refused(provider.settle(name, "key"), NotFoundError, f"settle({name!r})")


@PAYMENTS.rule("decline")
async def a_decline(case: PaymentCase) -> None:
    """A payment that was declined is no money, and the buyer may try again."""
    rig = case.rig()
    checkout = await rig.provider().create_checkout(order(), "one")
    rig.offer("decline")(checkout)
    facts = await rig.facts(checkout.remote_id)
    hold(not of_kind(facts, FactKind.CAPTURED), "a payment that was declined is captured")
    hold(of_kind(facts, FactKind.FAILED), "nothing says that a payment was declined")
    rig.expect([], "a payment that was declined")
    await rig.pay(checkout, order())
    facts = told(await rig.provider().settle(checkout.remote_id, "one/settle"))
    only(facts, FactKind.CAPTURED, "paid after it was declined")


@PAYMENTS.rule("expire")
async def an_expiry(case: PaymentCase) -> None:
    """A checkout that can be paid no more is said to have expired."""
    rig = case.rig()
    checkout = await rig.provider().create_checkout(order(), "one")
    rig.offer("expire")(checkout)
    facts = await rig.facts(checkout.remote_id)
    only(facts, FactKind.EXPIRED, "a checkout that has expired")
    same(facts, await rig.facts(checkout.remote_id), "fetched again")


@PAYMENTS.rule("dispute")
async def a_dispute(case: PaymentCase) -> None:
    """A dispute, and how it ended, has its own id, its capture and its amount."""
    for outcome, kind in (
        ("open", None),
        ("won", FactKind.DISPUTE_WON),
        ("lost", FactKind.DISPUTE_LOST),
    ):
        rig = case.rig()
        capture = await captured(rig, order())
        rig.offer("dispute")(capture.id, outcome)
        facts = await rig.facts(capture.remote_id)
        fact = only(facts, FactKind.DISPUTED, f"a dispute that is {outcome}")
        hold(fact.about == capture.id, f"a dispute is about {fact.about!r}")
        hold(money_of(fact) == money_of(capture), f"{capture.money} is disputed as {fact.money}")
        ends = [*of_kind(facts, FactKind.DISPUTE_WON), *of_kind(facts, FactKind.DISPUTE_LOST)]
        found = [(end.kind, end.id, end.about) for end in ends]
        hold(
            found == ([(kind, fact.id, capture.id)] if kind else []),
            f"a dispute that is {outcome} ends as {found}",
        )
        same(facts, await rig.facts(capture.remote_id), "fetched again")


async def _gives_back(rig: Rig, capture: PaymentFact, amount: int, key: str) -> PaymentFact:
    money = Money(amount=amount, currency=money_of(capture).currency)
    fact: PaymentFact = await rig.provider().refund(capture.id, money, key, reason="asked for")
    hold(fact.kind is FactKind.REFUNDED, f"refund() states {fact.kind}")
    hold(fact.money == money, f"refund() of {money} states {fact.money}")
    hold(fact.about == capture.id, f"refund() states something about {fact.about!r}")
    hold(fact.order == capture.order, f"refund() states something of order {fact.order!r}")
    return fact


async def _stated(rig: Rig, capture: PaymentFact, refunds: list[PaymentFact]) -> None:
    facts = await rig.facts(capture.remote_id)
    found: Told = told([*of_kind(facts, FactKind.REFUNDED), capture])
    same(told([*refunds, capture]), found, "fetched after refund()")
    amounts = [-money_of(one).amount for one in refunds]
    rig.expect([money_of(capture).amount, *amounts], "after refund()")


@PAYMENTS.rule()
async def money_back(case: PaymentCase) -> None:
    """The whole is given back, and stated as it is fetched afterwards."""
    rig = case.rig()
    rig.able(Can.REFUND)
    capture = await captured(rig, order())
    refund = await _gives_back(rig, capture, money_of(capture).amount, "back")
    await _stated(rig, capture, [refund])


@PAYMENTS.rule()
async def some_money_back(case: PaymentCase) -> None:
    """Parts are given back, and never more than is left; where there are none, it says so."""
    rig = case.rig()
    rig.able(Can.REFUND)
    capture = await captured(rig, order())
    whole = money_of(capture).amount
    if Can.REFUND_PART not in rig.provider().spec().can:
        part = rig.provider().refund(capture.id, Money(amount=1, currency="EUR"), "part")
        await refused(part, UnsupportedError, "a part where only the whole can be given back")
        rig.expect([whole], "a part that was refused")
        return
    refunds = [await _gives_back(rig, capture, 1000, f"part/{n}") for n in range(2)]
    for number, more in enumerate((whole, whole - 1999)):
        again = rig.provider().refund(capture.id, Money(amount=more, currency="EUR"), f"m/{number}")
        await refused(again, PreconditionFailedError, f"{more} back of {whole - 2000}")
    refunds.append(await _gives_back(rig, capture, whole - 2000, "rest"))
    again = rig.provider().refund(capture.id, Money(amount=1, currency="EUR"), "one more")
    await refused(again, PreconditionFailedError, "money back where none is left")
    await _stated(rig, capture, refunds)


@PAYMENTS.rule()
async def money_back_once(case: PaymentCase) -> None:
    """The same key gives back once, and states the same; with another amount it is refused."""
    rig = case.rig()
    rig.able(Can.REFUND, Can.REFUND_PART)
    capture = await captured(rig, order())
    first = await _gives_back(rig, capture, 1000, "back")
    again = await _gives_back(rig, capture, 1000, "back")
    same(told([first, capture]), told([again, capture]), "refund() with the same key")
    other = rig.provider().refund(capture.id, Money(amount=900, currency="EUR"), "back")
    await refused(other, PreconditionFailedError, "another amount under a key")
    await _stated(rig, capture, [first])


@PAYMENTS.rule()
async def no_money_back(case: PaymentCase) -> None:
    """What is nothing, less, of another currency or of no capture is not given back."""
    rig = case.rig()
    capture = await captured(rig, order())
    provider = rig.provider()
    if Can.REFUND not in provider.spec().can:
        asked = provider.refund(capture.id, money_of(capture), "back")
        await refused(asked, UnsupportedError, "refund() where the spec has none")
        return
    for amount, currency in ((0, "EUR"), (-100, "EUR"), (100, "USD"), (10**12, "EUR")):
        asked = provider.refund(capture.id, Money(amount=amount, currency=currency), f"{amount}")
        await refused(asked, FatalError, f"refund() of {amount} {currency}")
    for name in ("no-such-capture", ""):
        asked = provider.refund(name, Money(amount=100, currency="EUR"), "unknown")
        await refused(asked, NotFoundError, f"refund() of the capture {name!r}")
    rig.expect([money_of(capture).amount], "refunds that were refused")


@PAYMENTS.rule()
async def what_has_changed(case: PaymentCase) -> None:
    """All that something happened to is named once, and its facts can be fetched by the name."""
    rig = case.rig()
    since = datetime.now(UTC) - MINUTE
    captures = [await captured(rig, order(n), f"pay/{n}") for n in range(1, 4)]
    expected = {("captured", capture.id) for capture in captures}
    provider = rig.provider()
    if Can.REFUND in provider.spec().can:
        money = money_of(captures[0])
        refund = await provider.refund(captures[0].id, money, "back")
        expected.add(("refunded", refund.id))
    names = [name async for name in rig.provider().changed(since)]
    hold(len(names) == len(set(names)), f"changed() names something twice: {names}")
    found: set[tuple[str, str]] = set()
    for name in names:
        facts = await rig.facts(name)
        found |= facts.keys()
        orders = {fact.order for fact in facts.values()}
        hold(len(orders) <= 1, f"fetch({name!r}) gives facts of {sorted(orders)}")
    hold(expected <= found, f"changed() leads to no {sorted(expected - found)}")
    later = [name async for name in rig.provider().changed(datetime.now(UTC) + 60 * MINUTE)]
    hold(not later, f"changed() names {later} of the time to come")


@PAYMENTS.rule()
async def no_subscriptions(case: PaymentCase) -> None:
    """Where the spec has no subscriptions, an order of one is UnsupportedError."""
    rig = case.rig()
    if Can.SUBSCRIBE in rig.provider().spec().can:
        pytest.skip("it has subscriptions")
    asked = dataclasses.replace(order(), interval=Interval.MONTH)
    await refused(
        rig.provider().create_checkout(asked, "one"), UnsupportedError, "an order of a subscription"
    )
