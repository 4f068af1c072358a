"""Orders: placed at the price of a moment, then standing as their facts say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select

from bloop_commerce import catalogue, coupons, entitlements, facts, invoices, ledger, receipts
from bloop_commerce.books import listed, open_books, parts
from bloop_commerce.facts import Kept
from bloop_commerce.standing import OrderState, Plan, Standing, Stated, Terms, stand
from bloop_commerce.tables import Entitlement, Fact, Invoice, Order, Price, now
from bloop_sdk import NotFoundError, Unit
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind, PaymentFact

_BY_ID = select(Order).where(Order.id.in_(listed("ids"))).order_by(Order.id)
_BY_REF = select(Order.id, Order.provider).where(Order.id.in_(listed("refs")))
_BY_NAME = (
    select(Order.id, Order.remote_id, Order.subscription_id)
    .where(
        Order.provider == bindparam("provider"),
        or_(Order.remote_id.in_(listed("names")), Order.subscription_id.in_(listed("names"))),
    )
    .order_by(Order.number)
)
_WAITING = select(Fact).where(
    Fact.order_id.is_(None),
    Fact.provider.in_(listed("providers")),
    or_(
        Fact.order_ref.in_(listed("orders")),
        Fact.remote_id.in_(listed("names")),
        Fact.about.in_(listed("captures")),
    ),
)
_PRICES = select(Price).where(Price.id.in_(listed("ids")))

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
    """Take facts of a provider; raises MalformedRecordError where one of them can't be so."""
    return take(unit, provider, [facts.sound(fact) for fact in told])


def take(unit: Unit, provider: str, told: Sequence[facts.Sound]) -> list[Order]:
    """Take facts that were checked: keep them, and let the orders that they are about stand anew.

    Each order stands anew once for all of them, so many at once cost less than one after the
    other. The same facts again change nothing.
    """
    open_books(unit)
    changed: list[Fact] = []
    for part in parts(told):
        changed += facts.keep(unit, provider, part, _find_orders)
    touched = {row.order_id for row in changed if row.order_id is not None}
    return _settled(unit, sorted(touched))


def _settled(unit: Unit, ids: Sequence[str]) -> list[Order]:
    """Let orders stand anew, until no fact that nobody knew belongs to them."""
    settled: list[Order] = []
    for part in parts(ids):
        orders = anew = unit.session.scalars(_BY_ID, {"ids": part}).all()
        while anew:
            kept = recompute(unit, anew)
            anew = match(unit, anew, kept)
        settled += orders
    return settled


def again(unit: Unit, id_: str) -> Order:
    """Let an order stand anew, where something was changed by other hands."""
    open_books(unit)
    order = one(unit, id_)
    _settled(unit, [order.id])
    return order


def match(
    unit: Unit, orders: Sequence[Order], kept: Mapping[str, Sequence[Kept]]
) -> Sequence[Order]:
    """Give orders the facts that came before it was known whose they are; those that got some.

    ``kept`` are the facts that the orders have already.
    """
    owners: dict[str, str] = {}
    abouts: dict[str, str] = {}
    for order in orders:
        for name in filter(None, (order.remote_id, order.subscription_id)):
            owners.setdefault(name, order.id)
        for one_ in (one_.stated.fact for one_ in kept.get(order.id, ())):
            if one_.kind is FactKind.CAPTURED:
                abouts.setdefault(one_.id, order.id)
    providers = {order.id: order.provider for order in orders}
    asked = {
        "providers": sorted(set(providers.values())),
        "orders": list(providers),
        "names": list(owners),
        "captures": list(abouts),
    }
    matched = set()
    for row in unit.session.scalars(_WAITING, asked):
        named = row.order_ref if row.order_ref in providers else None
        id_ = named or owners.get(row.remote_id) or abouts.get(row.about)
        if id_ is not None and providers[id_] == row.provider:
            row.order_id = id_
            matched.add(id_)
    unit.session.flush()
    return [order for order in orders if order.id in matched]


def _find_orders(unit: Unit, provider: str, rows: Sequence[Fact]) -> None:
    """Say which orders facts are about: by the seller's name, the provider's, or a capture."""
    if refs := {row.order_ref[:36] for row in rows if row.order_ref}:
        by_ref = unit.session.execute(_BY_REF, {"refs": list(refs)})
        found = {one_.id for one_ in by_ref if provider in {one_.provider, facts.OWN}}
        for row in rows:
            row.order_id = row.order_ref[:36] if row.order_ref[:36] in found else None
    if names := {row.remote_id for row in rows if row.remote_id and row.order_id is None}:
        owners: dict[str, str] = {}
        asked = {"provider": provider, "names": list(names)}
        for id_, *own_names in unit.session.execute(_BY_NAME, asked):
            for name in filter(None, own_names):
                owners.setdefault(name, id_)
        for row in rows:
            row.order_id = row.order_id or owners.get(row.remote_id)
    _find_by_captures(unit, provider, rows)


def _find_by_captures(unit: Unit, provider: str, rows: Sequence[Fact]) -> None:
    abouts = {row.about for row in rows if row.about and row.order_id is None}
    if not abouts:
        return
    captured = str(FactKind.CAPTURED)
    some = select(Fact.fact_id, Fact.order_id).where(
        Fact.provider == provider, Fact.kind == captured, Fact.fact_id.in_(abouts)
    )
    owners = {row.fact_id: row.order_id for row in unit.session.execute(some)}
    # What comes at once with its capture finds it here.
    owners |= {row.fact_id: row.order_id for row in rows if row.kind == captured}
    for row in rows:
        row.order_id = row.order_id or owners.get(row.about)


def recompute(unit: Unit, orders: Sequence[Order]) -> dict[str, list[Kept]]:
    """Let orders stand as their facts say: state and sums, books, access, coupon, what is told.

    Gives those facts by the orders' ids.
    """
    ids = [order.id for order in orders]
    kept = facts.of_orders(unit, ids)
    _know_plans(unit, orders, kept)
    stands = [(order, *_stand(order, kept.get(order.id, ()))) for order in orders]
    ledger.write(unit, ((order.id, stated, standing) for order, stated, standing in stands))
    entitlements.apply(unit, [(order, standing) for order, _, standing in stands])
    papers = invoices.Papers(unit, ids)
    told: list[str] = []
    for order, stated, standing in stands:
        before = _note(order, standing)
        _say(unit, order, before)
        coupons.follow(unit, order, before["state"])
        papers.follow(order, terms_of(order), stated)
        numbers = papers.numbers(order.id)
        told += receipts.follow(unit, order, before["state"], kept.get(order.id, ()), numbers)
    unit.session.flush()
    if told:
        facts.note_told(unit, told)
    return kept


def _stand(order: Order, kept: Iterable[Kept]) -> tuple[list[Stated], Standing]:
    stated = [one.stated for one in kept]
    for fact in (one.fact for one in stated):
        if fact.kind is FactKind.SUBSCRIPTION:
            order.subscription_id = fact.id
    return stated, stand(terms_of(order), stated)


def _note(order: Order, standing: Standing) -> dict[str, Any]:
    """Write down how an order stands; what was written before."""
    before = {name: getattr(order, name) for name in _TOLD}
    for name in _TOLD:
        setattr(order, name, getattr(standing, name))
    order.state, order.faults = str(standing.state), list(standing.faults)
    order.is_faulty = bool(standing.faults)
    order.version += 1
    order.changed_at = now()
    return before


def _know_plans(unit: Unit, orders: Sequence[Order], kept: Mapping[str, Sequence[Kept]]) -> None:
    """Note what is given under plans that buyers have changed to on the provider's own page."""
    unknown = {order.id: _unknown_plans(order, kept.get(order.id, ())) for order in orders}
    names = sorted({plan[:36] for plans in unknown.values() for plan in plans})
    if not names:
        return
    prices = {row.id: row for row in unit.session.scalars(_PRICES, {"ids": names})}
    for order in orders:
        for plan in sorted(unknown[order.id]):
            if (price := prices.get(plan[:36])) is not None:
                product = catalogue.product(unit, price.product_id)
                order.plans = order.plans | {plan: catalogue.plan_of(product, price)}


def _unknown_plans(order: Order, kept: Iterable[Kept]) -> set[str]:
    if order.interval is None:
        return set()
    told = (one.stated.fact.subscription for one in kept)
    return {one.plan for one in told if one is not None} - {"", *order.plans}


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
    kept = facts.of_orders(unit, [order.id])
    while match(unit, [order], kept):
        kept = recompute(unit, [order])
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


def unpaid(unit: Unit, provider: str, remote_id: str) -> Order | None:
    """The order that a provider calls so, where nothing has come of it yet."""
    states = [str(one) for one in (OrderState.OPEN, OrderState.FAILED)]
    some = select(Order).where(
        Order.provider == provider, Order.remote_id == remote_id, Order.state.in_(states)
    )
    return unit.session.scalars(some.limit(1)).first()


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


MOST_BUYERS = 200


def newest(
    unit: Unit, state: str = "", before: int | None = None, limit: int = 100, search: str = ""
) -> Sequence[Order]:
    """The institution's orders, the newest first; of one state, below a number.

    ``search`` finds an order by its number, the number of a paper, how its provider calls it, a
    part of what was bought, or who bought it: an id, or a part of a name or an e-mail address, of
    the first :data:`MOST_BUYERS` people who are called so.
    """
    some = select(Order)
    if state:
        some = some.where(Order.state == state)
    if search:
        some = some.where(_found(unit, search))
    if before is not None:
        some = some.where(Order.number < before)
    return unit.session.scalars(some.order_by(Order.number.desc()).limit(limit)).all()


def _found(unit: Unit, search: str) -> ColumnElement[bool]:
    people = unit.find_people(search, limit=MOST_BUYERS) if len(search) > 1 else ()
    paper = select(Invoice.order_id).where(Invoice.number == search[:20].upper())
    ways = [
        Order.title.icontains(search, autoescape=True),
        Order.remote_id == search,
        Order.buyer_id.in_([search, *people]),
        Order.id == search,
        Order.id.in_(paper),
    ]
    # A larger number is none that an order could have.
    if search.isascii() and search.isdigit() and len(search) < 10:
        ways.append(Order.number == int(search))
    return or_(*ways)


def with_given(unit: Unit, id_: str) -> tuple[Order, Entitlement | None]:
    """An order and what it gives, if it ever gave anything; raises NotFoundError."""
    both = select(Order, Entitlement).outerjoin(Entitlement, Entitlement.order_id == Order.id)
    found = unit.session.execute(both.where(Order.id == id_[:36])).one_or_none()
    if found is None:
        raise NotFoundError("no such order", cure="see your purchases")
    return found[0], found[1]


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
