"""Orders: placed at the price of a moment, then standing as their facts say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select

from bloop_commerce import catalogue, coupons, entitlements, facts, invoices, ledger, receipts
from bloop_commerce.books import open_books
from bloop_commerce.standing import OrderState, Plan, Standing, Stated, Terms, stand
from bloop_commerce.tables import Fact, Order, Price, now
from bloop_sdk import NotFoundError, Unit
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind, PaymentFact

FORGOTTEN = timedelta(hours=1)
"""An order for which no checkout was ever started is let go of after so long."""
LATE = timedelta(days=3)
"""One that could have been paid until some day is let go of so long after it."""


def terms_of(order: Order) -> Terms:
    """What was agreed."""
    return Terms(
        total=order.total,
        currency=order.currency,
        plan=order.plan,
        plans={
            plan: Plan(tuple(given["courses"]), given["seats"], tuple(given.get("items", ())))
            for plan, given in order.plans.items()
        },
        quantity=order.quantity,
        repeats=order.interval is not None,
        days=order.days,
        grace_days=order.grace_days,
    )


def learn(unit: Unit, provider: str, told: Iterable[PaymentFact]) -> list[Order]:
    """Take facts of a provider: keep them, and let the orders that they are about stand anew.

    The same facts again change nothing. Raises MalformedRecordError for one that can't be so.
    """
    open_books(unit)
    changed = facts.keep(unit, provider, told, _order_of)
    touched = {row.order_id for row in changed if row.order_id is not None}
    return [_settled(unit, one(unit, id_)) for id_ in sorted(touched)]


def _settled(unit: Unit, order: Order) -> Order:
    """Let an order stand anew, until no fact that nobody knew belongs to it."""
    while True:
        recompute(unit, order)
        if not match(unit, order):
            return order


def again(unit: Unit, id_: str) -> Order:
    """Let an order stand anew, where something was changed by other hands."""
    open_books(unit)
    return _settled(unit, one(unit, id_))


def match(unit: Unit, order: Order) -> int:
    """Give an order the facts that came before it was known whose they are; how many."""
    names = [name for name in (order.remote_id, order.subscription_id) if name]
    about = select(Fact.fact_id).where(
        Fact.order_id == order.id, Fact.kind == str(FactKind.CAPTURED)
    )
    waiting = select(Fact).where(
        Fact.order_id.is_(None),
        Fact.provider == order.provider,
        or_(
            Fact.order_ref == order.id,
            Fact.remote_id.in_(names),
            Fact.about.in_(about),
        ),
    )
    rows = unit.session.scalars(waiting).all()
    for row in rows:
        row.order_id = order.id
    return len(rows)


def _order_of(unit: Unit, row: Fact) -> str | None:
    """Which order a fact is about: by the seller's name of it, the provider's, or its capture."""
    own = select(Order.id)
    if row.provider != facts.OWN:
        own = own.where(Order.provider == row.provider)
    remote, about = row.remote_id, row.about
    if row.order_ref and (found := unit.session.scalar(own.where(Order.id == row.order_ref[:36]))):
        return found
    known = own.where(or_(Order.remote_id == remote, Order.subscription_id == remote))
    if remote and (found := unit.session.scalar(known.order_by(Order.number).limit(1))):
        return found
    capture = select(Fact.order_id).where(
        Fact.provider == row.provider,
        Fact.kind == str(FactKind.CAPTURED),
        Fact.fact_id == about,
    )
    return unit.session.scalar(capture) if about else None


def recompute(unit: Unit, order: Order) -> Standing:
    """Let an order stand as its facts say: state and sums, books, access, coupon, what is told."""
    stated = facts.of_order(unit, order.id)
    _know_plans(unit, order, stated)
    terms = terms_of(order)
    standing = stand(terms, stated)
    for one_ in (one_.fact for one_ in stated if one_.fact.kind is FactKind.SUBSCRIPTION):
        order.subscription_id = one_.id
    ledger.write(unit, order.id, stated, standing)
    entitlements.apply(unit, order, standing)
    before = {name: getattr(order, name) for name in _TOLD}
    for name in _TOLD:
        setattr(order, name, getattr(standing, name))
    order.state, order.faults = str(standing.state), list(standing.faults)
    order.is_faulty = bool(standing.faults)
    order.version += 1
    order.changed_at = now()
    _say(unit, order, before)
    coupons.follow(unit, order, before["state"])
    invoices.follow(unit, order, terms, stated)
    receipts.follow(unit, order, before["state"])
    unit.session.flush()
    return standing


def _know_plans(unit: Unit, order: Order, stated: Iterable[Stated]) -> None:
    """Note what is given under a plan that the buyer has changed to on the provider's own page."""
    told = (one.fact.subscription for one in stated if one.fact.subscription is not None)
    for plan in {one.plan for one in told} - {"", *order.plans}:
        price = unit.session.scalar(select(Price).where(Price.id == plan[:36]))
        if price is not None and order.interval is not None:
            product = catalogue.product(unit, price.product_id)
            order.plans = order.plans | {plan: catalogue.plan_of(product, price)}


_TOLD = ("state", "captured", "refunded", "disputed", "tax")


def _say(unit: Unit, order: Order, before: dict[str, Any]) -> None:
    """Say what has moved."""
    for name, topic in (
        ("captured", "payment.received"),
        ("refunded", "payment.refunded"),
        ("disputed", "payment.disputed"),
    ):
        moved = getattr(order, name) - before[name]
        if moved > 0:
            payload = {"id": order.id, "amount": moved, "currency": order.currency}
            unit.emit(topic, f"order:{order.id}", payload)
    if order.state == OrderState.FAILED and before["state"] != OrderState.FAILED:
        payload = {"id": order.id, "amount": order.total, "currency": order.currency}
        unit.emit("payment.failed", f"order:{order.id}", payload)


def started(
    unit: Unit, id_: str, *, remote_id: str, url: str, instructions: str, expires_at: Any
) -> Order:
    """Note how the provider calls an order, and take what it has told of it before."""
    open_books(unit)
    order = one(unit, id_)
    order.remote_id, order.checkout_url = remote_id, url
    order.instructions, order.expires_at = instructions, expires_at
    unit.session.flush()
    while match(unit, order):
        recompute(unit, order)
    return order


def state_own(unit: Unit, order: Order, kind: FactKind, reason: str = "", about: str = "") -> None:
    """State what needs no provider: of a free order that it counts, of an unpaid one that it ended.

    The time is the order's own, so that stating it again changes nothing.
    """
    fact = PaymentFact(
        kind=kind,
        id=order.id,
        remote_id="",
        order=order.id,
        as_of=order.created_at,
        money=None if kind is FactKind.EXPIRED else Money(amount=0, currency=order.currency),
        about=about,
        reason=reason,
    )
    learn(unit, facts.OWN, [fact])


def one(unit: Unit, id_: str) -> Order:
    """An order by its id; raises NotFoundError."""
    found = unit.session.scalar(select(Order).where(Order.id == id_[:36]))
    if found is None:
        raise NotFoundError("no such order", cure="see your purchases")
    return found


def by_number(unit: Unit, number: int) -> Order:
    """An order by its number; raises NotFoundError."""
    found = unit.session.scalar(select(Order).where(Order.number == number))
    if found is None:
        raise NotFoundError(f"no order has the number {number}")
    return found


def of_buyer(unit: Unit, buyer: str, limit: int = 100) -> Sequence[Order]:
    """Somebody's orders, the newest first."""
    mine = select(Order).where(Order.buyer_id == buyer)
    return unit.session.scalars(mine.order_by(Order.number.desc()).limit(limit)).all()


def newest(
    unit: Unit, state: str = "", before: int | None = None, limit: int = 100
) -> Sequence[Order]:
    """The institution's orders, the newest first; of one state, below a number."""
    some = select(Order)
    if state:
        some = some.where(Order.state == state)
    if before is not None:
        some = some.where(Order.number < before)
    return unit.session.scalars(some.order_by(Order.number.desc()).limit(limit)).all()


def counts(unit: Unit) -> dict[str, int]:
    """How many orders are in each state."""
    some = select(Order.state, func.count()).group_by(Order.state)
    return dict(list(unit.session.execute(some)))


def forget_unpaid(unit: Unit) -> int:
    """Let go of orders that nobody pays any more; how many. Who pays one after all has it."""
    open_books(unit)
    never_started = Order.remote_id.is_(None) & (Order.created_at < now() - FORGOTTEN)
    some = select(Order).where(
        Order.state.in_([str(OrderState.OPEN), str(OrderState.FAILED)]),
        or_(never_started, Order.expires_at < now() - LATE),
    )
    rows = unit.session.scalars(some.limit(500)).all()
    for order in rows:
        state_own(unit, order, FactKind.EXPIRED, "nobody has paid it in time")
    return len(rows)
