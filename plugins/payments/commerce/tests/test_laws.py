"""What must always hold of payments, whatever comes, how often and in which order.

``BLOOP_LAWS=500`` tries more.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import till as tills
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from bloop_commerce import entitlements, facts, ledger, orders
from bloop_commerce.standing import Plan, Span, Stated, Terms, merged, stand
from bloop_commerce.tables import Cover
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    FactKind,
    PaymentFact,
    Period,
    Subscription,
    SubscriptionStatus,
)
from conftest import Shop

TRIES = int(os.environ.get("BLOOP_LAWS", "0"))
START = datetime(2026, 1, 1, tzinfo=UTC)
PLANS = {"p": Plan(("c1",)), "q": Plan(("c2",), 3)}

times = st.integers(0, 40).map(lambda days: START + timedelta(days=days))
names = st.sampled_from(["a", "b", "c"])
periods = st.none() | st.builds(
    lambda start, days: Period(start=start, end=start + timedelta(days=days)),
    times,
    st.integers(0, 31),
)


@st.composite
def a_fact(draw):
    """Any fact of one order, sensible or not."""
    kind = draw(st.sampled_from(FactKind))
    money, amount = None, draw(st.sampled_from([0, 100, 250, 500]))
    if kind not in {FactKind.SUBSCRIPTION, FactKind.EXPIRED, FactKind.FAILED}:
        money = Money(amount=amount, currency=draw(st.sampled_from(["EUR", "EUR", "EUR", "JPY"])))
    told = None
    if kind is FactKind.SUBSCRIPTION:
        told = Subscription(
            status=draw(st.sampled_from(SubscriptionStatus)),
            period=draw(periods),
            ends=draw(st.booleans()),
            plan=draw(st.sampled_from(["", "p", "q", "unknown"])),
        )
    return PaymentFact(
        kind=kind,
        id=draw(names),
        remote_id="r",
        as_of=draw(times),
        money=money,
        tax=draw(st.integers(0, amount)) if money else 0,
        fee=draw(st.none() | st.integers(-5, 20).map(lambda n: Money(amount=n, currency="USD"))),
        about=draw(st.sampled_from(["", "a", "b", "c", "x"])) if money else "",
        period=draw(periods) if kind is FactKind.CAPTURED else None,
        subscription=told,
    )


def known(told):
    """Facts as they are kept: each thing once."""
    best = {}
    for one in told:
        key = (one.kind, one.id)
        best[key] = max(best.get(key, one), one, key=facts._rank)
    return [Stated("till", one, one.as_of) for one in best.values()]


terms = st.builds(
    Terms,
    total=st.sampled_from([0, 100, 500]),
    currency=st.just("EUR"),
    plan=st.just("p"),
    plans=st.just(PLANS),
    repeats=st.booleans(),
    days=st.sampled_from([None, 30]),
    grace_days=st.sampled_from([0, 7]),
)


@settings(max_examples=TRIES or 25)
@given(terms, st.lists(a_fact(), max_size=8), st.randoms(use_true_random=False))
def test_nothing_depends_on_how_facts_are_read_and_each_booking_is_zero(agreed, told, random):
    stated = known(told)
    found = stand(agreed, stated)
    for lines in found.bookings.values():
        for currency in {currency for _, currency in lines}:
            assert sum(n for (_, other), n in lines.items() if other == currency) == 0
    random.shuffle(stated)
    assert stand(agreed, stated) == found
    ends = [span.end for span in found.spans]
    assert all(end is None or span.start < end for span, end in zip(found.spans, ends, strict=True))
    assert list(found.spans) == merged(found.spans)


@settings(max_examples=TRIES or 25)
@given(terms, st.lists(a_fact(), max_size=6))
def test_what_takes_all_back_ends_access_and_nothing_older_revives_it(agreed, told):
    for how in (FactKind.REFUNDED, FactKind.DISPUTED, FactKind.DISPUTE_LOST):
        stated = [
            one
            for one in known(told)
            if one.fact.kind is not FactKind.DISPUTE_WON
            # A trial is not paid for, so no payment that is taken back ends it.
            and not (one.fact.subscription and one.fact.subscription.status == "trialing")
        ]
        paid = [one.fact for one in stated if one.fact.kind is FactKind.CAPTURED]
        back = [
            replace(one, kind=how, id=f"back-{one.id}", about=one.id, period=None, tax=0)
            for one in paid
        ]
        gone = [*stated, *(Stated("till", one, one.as_of) for one in back)]
        assert stand(agreed, gone).spans == ()
        older = [replace(one, as_of=one.as_of - timedelta(days=1), fee=None) for one in paid]
        again = known([*older, *(one.fact for one in gone), *older])
        assert stand(agreed, again).spans == ()


def some_time(days):
    return datetime.now(UTC) - timedelta(days=days)


class Deliveries(RuleBasedStateMachine):
    """A till at which much happens, and facts that come twice, late, in any order, or not yet.

    Whatever has come, what is kept is what one look at all of that says.
    """

    @initialize()
    def place(self):
        tills.TILL.clear()
        self.till = tills.TILL
        self.shop = Shop(self.till)
        offers = (
            {"courses": ["c1", "c2"]},
            {"courses": ["c2"], "days": 30},
            {"courses": ["c2", "c3"], "kind": "subscription", "interval": "month", "grace_days": 3},
        )
        self.placed = []
        for number, offer in enumerate(offers):
            id_ = self.shop.place(self.shop.sell(**offer))
            remote_id = f"r{number}"
            # Of one nobody has said yet how the till calls it.
            if number != 1:
                self.start(id_, remote_id)
            order = self.shop.order(id_)
            self.till.checkouts[remote_id] = {
                "order": "" if number == 1 else id_,
                "total": Money(amount=order.total, currency="EUR"),
                "plan": order.plan,
                "subscription": "s2" if number == 2 else None,
            }
            self.placed.append((id_, remote_id))
        self.told, self.come = [], []

    def start(self, id_, remote_id):
        self.shop.run(
            orders.started, id_, remote_id=remote_id, url="", instructions="", expires_at=None
        )

    def captures(self):
        return [one for one in self.told if one.kind is FactKind.CAPTURED]

    @rule(number=st.integers(0, 2), days=st.integers(1, 60), part=st.sampled_from([1, 1, 2]))
    def pay(self, number, days, part):
        at = some_time(days)
        period = Period(start=at, end=at + timedelta(days=30)) if number == 2 else None
        self.told.append(
            self.till.pay(self.placed[number][1], 4900 // part, period=period, at=at, fee=9)
        )

    @precondition(lambda self: self.captures())
    @rule(data=st.data(), share=st.sampled_from([1, 1, 3]))
    def take_back(self, data, share):
        paid = data.draw(st.sampled_from(self.captures()))
        kind = data.draw(
            st.sampled_from([FactKind.REFUNDED, FactKind.DISPUTED, FactKind.DISPUTE_LOST])
        )
        self.told.append(self.till.told(kind, paid, paid.money.amount // share))

    @precondition(lambda self: any(one.kind is FactKind.DISPUTED for one in self.told))
    @rule(data=st.data(), kind=st.sampled_from([FactKind.DISPUTE_WON, FactKind.DISPUTE_LOST]))
    def decide(self, data, kind):
        disputes = [one for one in self.told if one.kind is FactKind.DISPUTED]
        self.told.append(replace(data.draw(st.sampled_from(disputes)), kind=kind))

    @rule(status=st.sampled_from(SubscriptionStatus), days=st.integers(0, 40), ends=st.booleans())
    def renew(self, status, days, ends):
        at = some_time(days)
        period = Period(start=at, end=at + timedelta(days=30))
        self.told.append(self.till.renewed("r2", status, period, at, ends=ends))

    @precondition(lambda self: self.told)
    @rule(data=st.data(), fee=st.integers(0, 20), hours=st.sampled_from([-1, 0, 1]))
    def revise(self, data, fee, hours):
        one = data.draw(st.sampled_from(self.told))
        if one.as_of + timedelta(hours=hours) < datetime.now(UTC):
            self.told.append(
                replace(
                    one,
                    fee=Money(amount=fee, currency="EUR"),
                    as_of=one.as_of + timedelta(hours=hours),
                )
            )

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def deliver(self, data):
        some = data.draw(st.lists(st.sampled_from(self.told), min_size=1, max_size=4))
        self.come += some
        self.shop.learn(*some)

    @rule()
    def name(self):
        self.start(*self.placed[1])

    @invariant()
    def books_come_to_zero(self):
        if hasattr(self, "come"):
            assert sum(self.shop.sums().values()) == 0

    def teardown(self):
        if not hasattr(self, "come"):
            return
        self.start(*self.placed[1])
        self.check(self.come)
        self.shop.learn(*reversed(self.told))
        self.check(self.told)

    def check(self, told):
        """Compare what is kept with what one look at all that has come says."""
        kept = known(told)
        earliest = {}
        for one in told:
            key = (one.kind, one.id)
            earliest[key] = min(earliest.get(key, one.as_of), one.as_of)
        covering = {}
        for id_, remote_id in self.placed:
            own = [
                Stated("till", one.fact, earliest[one.fact.kind, one.fact.id])
                for one in kept
                if one.fact.remote_id == remote_id
            ]
            order = self.shop.order(id_)
            found = stand(orders.terms_of(order), own)
            assert order.state == found.state
            assert self.booked(id_) == {key: dict(lines) for key, lines in found.bookings.items()}
            given = self.shop.read(entitlements.of_order, id_)
            assert (given.spans if given else []) == [*map(entitlements.to_text, found.spans)]
            for course in found.courses:
                covering.setdefault(course, []).extend(found.spans)
        now = datetime.now(UTC)
        assert self.shop.courses() == {
            course for course, spans in covering.items() if any(one.holds(now) for one in spans)
        }

    def booked(self, id_):
        sums = {}
        for entry, line in self.shop.read(ledger.of_order, id_):
            of = sums.setdefault((entry.provider, entry.kind, entry.fact_id), {})
            key = (line.account, line.currency)
            of[key] = of.get(key, 0) + line.amount
        sums = {key: {one: n for one, n in of.items() if n} for key, of in sums.items()}
        return {key: of for key, of in sums.items() if of}


def test_whatever_comes_twice_late_and_in_any_order_comes_to_the_same():
    # To make a failure small would take minutes.
    phases = [one for one in Phase if one not in {Phase.shrink, Phase.explain}]
    tries = settings(max_examples=TRIES or 6, stateful_step_count=14, phases=phases)
    run_state_machine_as_test(Deliveries, settings=tries)


@settings(max_examples=TRIES or 25)
@given(st.lists(st.tuples(times, st.none() | st.integers(0, 20)), max_size=6), times)
def test_merged_times_hold_the_same_moments(pairs, moment):
    spans = [Span(at, None if n is None else at + timedelta(days=n)) for at, n in pairs]
    found = merged(spans)
    assert any(one.holds(moment) for one in found) == any(one.holds(moment) for one in spans)


def test_a_cover_is_of_who_bought(shop):
    shop.place(shop.sell(0), user="eve")
    shop.place(shop.sell(0), user="ada")
    assert shop.courses("eve") == shop.courses("ada") == {"c1"}
    assert len(shop.read(lambda unit: unit.session.scalars(select(Cover)).all())) == 2
