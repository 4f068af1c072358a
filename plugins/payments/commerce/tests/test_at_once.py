"""Many at once on PostgreSQL: buyers, facts, calls, refunds and seats, and each law after each.

``BLOOP_LAWS=500`` tries more.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import till as tills
from hypothesis import HealthCheck, Phase, settings
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

from bloop_sdk import PreconditionFailedError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind
from plugins.payments.commerce.tests.test_hub import (  # noqa: F401 - fixtures are found by name
    course_of,
    hub,
    installed,
    sees,
    sell,
    shop,
    user_of,
)

TRIES = int(os.environ.get("BLOOP_LAWS", "0"))
BUYERS, SEATS, COUPONS = 4, 2, 2
PRICE = 4900
SOME = st.lists(st.integers(0, 50), min_size=2, max_size=4)
NUMBERS = itertools.count(1)


class AtOnce(RuleBasedStateMachine):
    """Each rule has some do something in the same moment, in a transaction and a thread each."""

    hub, shop, loop = None, None, None

    def run(self, *works):
        """What works come to that are begun together: results, or what they were refused with."""

        async def together():
            return await asyncio.gather(*works, return_exceptions=True)

        found = asyncio.run_coroutine_threadsafe(together(), self.loop).result()
        for one in found:
            # Nobody is refused but by a rule of the shop.
            if isinstance(one, BaseException) and not isinstance(one, PreconditionFailedError):
                raise one
        return found

    def do(self, work, *args, **kwargs):
        return self.shop.transaction(work, *args, **kwargs)

    def read(self, work, *args):
        return self.run(self.shop.read(work, *args))[0]

    @initialize()
    def open(self):
        from bloop_commerce import coupons

        tills.TILL.clear()
        self.till, self.turn = tills.TILL, next(NUMBERS)
        # Captures of the shops before are in the same books.
        self.till.counter = itertools.count(10**6 * self.turn)
        of_hub = self.hub.database.run
        self.course, *self.people = self.run(
            of_hub(course_of, self.hub),
            *(of_hub(user_of, self.hub, f"p{self.turn}-{n}") for n in range(BUYERS)),
        )
        self.single, self.bundle = self.run(
            sell(self.shop, courses=[self.course]),
            sell(self.shop, courses=[self.course], kind="seats", seats=SEATS),
        )
        self.code = f"HALF{self.turn}"
        self.run(self.do(coupons.make, self.code, percent=50, most=COUPONS))
        self.placed, self.told, self.come, self.events = {}, [], [], 0

    def order(self, number):
        return [*self.placed][number % len(self.placed)]

    # People.

    @rule(who=SOME, bundle=st.booleans(), coupon=st.booleans())
    def buy(self, who, bundle, coupon):
        from bloop_commerce import checkout

        product = self.bundle if bundle else self.single
        wanted = checkout.Wanted(
            product=product, currency="EUR", coupon=self.code if coupon else ""
        )
        users = [self.people[n % BUYERS] for n in who]
        made = self.run(*(self.do(checkout.place, user, wanted, "till") for user in users))
        made = [one for one in made if not isinstance(one, Exception)]
        assert coupon or len(made) == len(users)
        started = self.run(*(checkout.start(self.shop, one, "https://hub.example") for one in made))
        self.placed |= {one.id: one.remote_id for one in started}

    @precondition(lambda self: self.placed)
    @rule(which=st.integers(0, 50), amounts=st.lists(st.sampled_from([900, 2000, None]), min_size=2,
                                                     max_size=3))  # fmt: skip
    def give_back(self, which, amounts):
        from bloop_commerce import refunds

        id_ = self.order(which)
        before = sum(self.left(id_).values())
        asked = self.run(*(self.do(refunds.ask, id_, "admin", amount=n) for n in amounts))
        made = [one for some in asked if isinstance(some, list) for one in some]
        rows = [self.read(refunds.one, one) for one in made]
        assert sum(row.amount for row in rows) == before - sum(self.left(id_).values()) <= before
        # Who asked and the job that looks after them, each for itself.
        self.run(*(refunds.give_back(self.shop, one) for one in made * 2))
        back = [self.fact_of(self.read(refunds.one, one)) for one in made]
        self.told += (back := [one for one in back if one is not None])
        self.come += back

    def left(self, id_):
        from bloop_commerce import orders, refunds

        return self.read(lambda unit: refunds.left_of(unit, orders.one(unit, id_)))

    def fact_of(self, row):
        """What the till says of money that went back; None where its office had given back more."""
        if row.state == "done":
            return self.till.facts["refunded", row.fact_id]
        gone = [one for one in self.till.facts.values() if one.about == row.capture]
        gone = sum(one.money.amount for one in gone if one.kind is FactKind.REFUNDED)
        paid = self.till.facts["captured", row.capture].money.amount
        assert (row.state, row.amount > paid - gone) == ("refused", True)
        return None

    @precondition(lambda self: self.placed)
    @rule(which=st.integers(0, 50), who=SOME)
    def seat(self, which, who):
        from bloop_commerce import entitlements, orders, seats

        id_ = self.order(which)
        if self.read(orders.one, id_).kind != "seats":
            return
        self.run(*(self.do(seats.assign, id_, self.people[n % BUYERS]) for n in who))
        assert len(self.read(entitlements.seated, id_)) <= SEATS

    # The till.

    @precondition(lambda self: self.placed)
    @rule(which=SOME, part=st.sampled_from([1, 1, 2]))
    def pay(self, which, part):
        for number in which:
            remote_id = self.placed[self.order(number)]
            total = self.till.checkouts[remote_id]["total"].amount
            self.told.append(self.till.pay(remote_id, total // part, fee=9))

    @precondition(lambda self: self.told)
    @rule(which=st.integers(0, 50), kind=st.sampled_from(["disputed", "refunded", "dispute_lost"]))
    def take_back(self, which, kind):
        paid = [one for one in self.told if one.kind is FactKind.CAPTURED]
        one = paid[which % len(paid)]
        amount = one.money.amount // 3 if kind == "refunded" else None
        self.told.append(self.till.told(FactKind(kind), one, amount))

    @precondition(lambda self: any(one.kind is FactKind.DISPUTED for one in self.told))
    @rule(which=st.integers(0, 50))
    def win(self, which):
        disputes = [one for one in self.told if one.kind is FactKind.DISPUTED]
        won = disputes[which % len(disputes)]
        self.told.append(self.till.state(replace(won, kind=FactKind.DISPUTE_WON)))

    @precondition(lambda self: self.told)
    @rule(which=st.integers(0, 50), fee=st.integers(0, 20))
    def revise(self, which, fee):
        one = self.told[which % len(self.told)]
        said = replace(one, fee=Money(amount=fee, currency="EUR"), as_of=datetime.now(UTC))
        self.told.append(self.till.state(said))

    @precondition(lambda self: self.told)
    @rule(which=st.lists(SOME, min_size=2, max_size=4))
    def deliver(self, which):
        """Threads learn facts of the same orders, some of them the same facts."""
        from bloop_commerce import orders

        some = [[self.told[n % len(self.told)] for n in numbers] for numbers in which]
        self.run(*(self.do(orders.learn, "till", told) for told in some))
        self.come += itertools.chain(*some)

    @precondition(lambda self: self.placed)
    @rule(which=st.integers(0, 50), threads=st.integers(2, 4))
    def arrive(self, which, threads):
        """What nobody knew yet comes to some at once, and each of it to all of them."""
        from bloop_commerce import orders

        paid = self.till.pay(self.placed[self.order(which)], 700)
        told = [paid, self.till.told(FactKind.REFUNDED, paid, 70)]
        some = [told, *([one] for one in told * 2)][:threads]
        self.run(*(self.do(orders.learn, "till", facts) for facts in some))
        self.told += told
        self.come += itertools.chain(*some)

    @precondition(lambda self: self.told)
    @rule(which=SOME, copies=st.integers(2, 3), waits=st.booleans())
    def call(self, which, copies, waits):
        """A call comes some times in the same moment, or a job meets it meanwhile."""
        from bloop_commerce import hooks

        # What the till says of a thing is what holds of it by now.
        some = [self.told[n % len(self.told)] for n in which]
        some = [self.till.facts[one.kind, one.id] for one in some]
        self.events += 1
        given = tills.signed(f"e{self.turn}-{self.events}", some)
        kept = self.run(*(self.do(hooks.keep, "till", *given) for _ in range(copies)))
        if waits:
            ids = [one.id for one in kept]
            heard = self.run(*(hooks.hear_all(self.shop, ids) for _ in range(2)))
            states = [*heard[0].values()]
            assert heard[0].keys() == heard[1].keys()
        else:
            states = self.run(*(hooks.hear(self.shop, one) for one in kept))
        assert sorted(states) == ["applied", *["duplicate"] * (copies - 1)]
        self.come += some

    # Laws.

    @invariant()
    def books_come_to_zero_and_numbers_have_no_gaps(self):
        if not hasattr(self, "come"):
            return
        from bloop_commerce import ledger
        from bloop_commerce.tables import Coupon, Invoice, Order

        assert sum(one.amount for one in self.read(ledger.trial_balance)) == 0

        def counts(unit):
            papers = list(unit.session.execute(select(Invoice.kind, Invoice.count)))
            numbers = list(unit.session.scalars(select(Order.number)))
            coupon = unit.session.scalars(select(Coupon).where(Coupon.code == self.code)).one()
            held = select(Order.id).where(Order.coupon_id == coupon.id)
            return papers, numbers, coupon.used, len(unit.session.scalars(held).all())

        papers, numbers, used, held = self.read(counts)
        for kind in ("invoice", "credit"):
            own = sorted(count for name, count in papers if name == kind)
            assert own == [*range(1, len(own) + 1)]
        assert sorted(numbers) == [*range(1, len(numbers) + 1)]
        assert used == held <= COUPONS

    @invariant()
    def orders_stand_as_one_look_at_all_that_has_come_says(self):
        if not hasattr(self, "come"):
            return
        covered = set()
        for id_, remote_id in self.placed.items():
            covered |= self.compared(id_, remote_id)
        let_in = self.run(*(sees(self.hub, user, self.course) for user in self.people))
        assert {user for user, is_in in zip(self.people, let_in, strict=True) if is_in} == covered

    def compared(self, id_, remote_id):
        """Compare an order; whom it lets in."""
        from bloop_commerce import balance, entitlements, orders
        from bloop_commerce.facts import _rank
        from bloop_commerce.standing import Stated, stand

        best, since = {}, {}
        for one in (one for one in self.come if one.remote_id == remote_id):
            key = (one.kind, one.id)
            best[key] = max(best.get(key, one), one, key=_rank)
            since[key] = min(since.get(key, one.as_of), one.as_of)
        own = [Stated("till", one, since[key]) for key, one in best.items()]

        def kept(unit):
            order = orders.one(unit, id_)
            given = entitlements.of_order(unit, id_)
            spans = given.spans if given else []
            return order, spans, entitlements.seated(unit, id_), [*balance._compared(unit, order)]

        order, spans, seated, differs = self.read(kept)
        found = stand(orders.terms_of(order), own)
        assert (order.state, order.captured, order.refunded) == (
            found.state, found.captured, found.refunded,
        )  # fmt: skip
        assert spans == [*map(entitlements.to_text, found.spans)]
        assert differs == []
        if not spans:
            return set()
        return set(seated) if order.kind == "seats" else {order.buyer_id}


@pytest.mark.timeout(3600 if TRIES else 120)
@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
async def test_whatever_is_done_at_once_keeps_each_law(hub, shop):  # noqa: F811 - see above
    AtOnce.hub, AtOnce.shop, AtOnce.loop = hub, shop, asyncio.get_running_loop()
    # To make a failure small would take minutes.
    phases = [one for one in Phase if one not in {Phase.shrink, Phase.explain}]
    tries = settings(
        max_examples=TRIES or 3,
        stateful_step_count=30 if TRIES else 8,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, AtOnce, settings=tries)
