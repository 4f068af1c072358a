"""Facts as they are kept: each thing once, by the statement that holds of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NewType, TypeAlias

from sqlalchemy import bindparam, select, update

from bloop_commerce.books import listed
from bloop_commerce.money import LARGEST, currency_of
from bloop_commerce.standing import Stated
from bloop_commerce.tables import Fact, now
from bloop_sdk import MalformedRecordError, Unit, UnsupportedError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    FactKind,
    PaymentFact,
    Period,
    Subscription,
    SubscriptionStatus,
)

AHEAD = timedelta(minutes=10)
"""Clocks differ; what is stated of a later moment is not believed."""
OWN = "commerce"
"""Who states what needs no provider: that a free order was placed, that nobody pays one."""
LONGEST = 255
LATEST_YEAR = 3000


def check(fact: PaymentFact) -> None:
    """Raise MalformedRecordError for a fact that can't be so, whoever states it."""
    names = (fact.id, fact.remote_id, fact.about, fact.order)
    if not fact.id or any(len(name) > LONGEST for name in names):
        raise MalformedRecordError(f"a {fact.kind} without a name of 1 to {LONGEST} characters")
    # PostgreSQL keeps none.
    if any("\0" in text for text in (*names, fact.reason)):
        raise MalformedRecordError(f"a {fact.kind} whose text holds a NUL")
    _check_times(fact)
    _check_money(fact)


Sound = NewType("Sound", PaymentFact)
"""A fact that was checked: what is kept asks for these, so that each is looked at once."""


def sound(fact: PaymentFact) -> Sound:
    """A fact that may be so; raises MalformedRecordError as :func:`check` does."""
    check(fact)
    return Sound(fact)


def parted(told: Iterable[PaymentFact]) -> tuple[list[Sound], list[MalformedRecordError]]:
    """The facts that may be so, and what is wrong with the others: one stops none of the rest."""
    good, wrong = list[Sound](), list[MalformedRecordError]()
    for fact in told:
        try:
            good.append(sound(fact))
        except MalformedRecordError as err:
            wrong.append(err)
    return good, wrong


def _check_times(fact: PaymentFact) -> None:
    if fact.as_of.tzinfo is None or fact.as_of > now() + AHEAD:
        raise MalformedRecordError(
            f"{fact.kind} {fact.id} is of the future: {fact.as_of}", cure="set both clocks"
        )
    told = fact.subscription
    for period in filter(None, (fact.period, told.period if told else None)):
        edges = (period.start, period.end)
        # What follows from a period may lie a while after it.
        if any(one.tzinfo is None or one.year > LATEST_YEAR for one in edges):
            raise MalformedRecordError(f"{fact.kind} {fact.id}: there is no such time: {period}")


def _check_money(fact: PaymentFact) -> None:
    for money in filter(None, (fact.money, fact.fee)):
        try:
            currency_of(money.currency)
        except UnsupportedError as err:
            raise MalformedRecordError(f"{fact.kind} {fact.id}: {err.message}") from None
    amount = fact.money.amount if fact.money else 0
    if not 0 <= fact.tax <= amount <= LARGEST:
        raise MalformedRecordError(
            f"{fact.kind} {fact.id}: {amount}, of it {fact.tax} tax, can't be"
        )
    # A fee that is given back is below zero.
    if fact.fee is not None and abs(fact.fee.amount) > LARGEST:
        raise MalformedRecordError(f"{fact.kind} {fact.id}: no such fee: {fact.fee.amount}")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stated, as it is kept, and whether its buyer was told of it."""

    id: str
    stated: Stated
    is_told: bool


def keep(
    unit: Unit,
    provider: str,
    facts: Iterable[Sound],
    find_orders: Callable[[Unit, str, Sequence[Fact]], None],
) -> list[Fact]:
    """Keep facts; the rows of those that are new, or say something else than before.

    What was told before costs a part of one look-up by keys. ``find_orders`` gives facts of a
    provider their ``order_id``, as far as it can be told now whose they are.
    """
    told: dict[_Name, list[PaymentFact]] = {}
    for fact in facts:
        told.setdefault((str(fact.kind), fact.id), []).append(fact)
    if not told:
        return []
    known = _known(unit, provider, told)
    renewed = [
        known[name].id
        for name, some in told.items()
        if name in known and any(_says_more(known[name], one) for one in some)
    ]
    changed = _renewed(unit, renewed, told) if renewed else []
    changed += [_made(unit, provider, some) for name, some in told.items() if name not in known]
    find_orders(unit, provider, [row for row in changed if row.order_id is None])
    unit.session.add_all(changed)
    unit.session.flush()
    return changed


_Name: TypeAlias = tuple[str, str]
"""A fact's kind and id."""
_COLUMNS = (
    Fact.id, Fact.provider, Fact.kind, Fact.fact_id, Fact.order_id, Fact.order_ref,
    Fact.remote_id, Fact.about, Fact.as_of, Fact.since, Fact.body, Fact.told_at,
)  # fmt: skip
"""A row's columns, read without an object of it, which would cost most of the time."""

_NAMED = select(*_COLUMNS).where(
    Fact.provider == bindparam("provider"),
    Fact.kind.in_(listed("kinds")),
    Fact.fact_id.in_(listed("ids")),
)
_OF_ORDERS = (
    select(*_COLUMNS)
    .where(Fact.order_id.in_(listed("orders")))
    .order_by(Fact.as_of, Fact.kind, Fact.fact_id)
)


def _known(unit: Unit, provider: str, names: Iterable[_Name]) -> dict[_Name, Any]:
    kinds, ids = (sorted(set(each)) for each in zip(*names, strict=True))
    named = {"provider": provider, "kinds": kinds, "ids": ids}
    return {(row.kind, row.fact_id): row for row in unit.session.execute(_NAMED, named)}


def _renewed(
    unit: Unit, ids: Sequence[str], told: Mapping[_Name, Sequence[PaymentFact]]
) -> list[Fact]:
    rows = list(unit.session.scalars(select(Fact).where(Fact.id.in_(ids))))
    for row in rows:
        for one in told[row.kind, row.fact_id]:
            _renew(row, one)
    return rows


def _made(unit: Unit, provider: str, some: Sequence[PaymentFact]) -> Fact:
    first, *others = some
    row = Fact(
        institution_id=unit.institution,
        provider=provider,
        kind=str(first.kind),
        fact_id=first.id,
        since=first.as_of,
    )
    _write(row, first)
    for one in others:
        _renew(row, one)
    return row


def _renew(row: Fact, fact: PaymentFact) -> None:
    """Let the later statement hold; of two at the same moment, the one that sorts last."""
    row.since = min(row.since, fact.as_of)
    if _is_later(row, fact):
        _write(row, fact)


def _says_more(row: Any, fact: PaymentFact) -> bool:
    return fact.as_of < row.since or _is_later(row, fact)


def _is_later(row: Any, fact: PaymentFact) -> bool:
    if fact.as_of != row.as_of:
        return bool(fact.as_of > row.as_of)
    names = (fact.order, fact.remote_id, fact.about)
    if names == (row.order_ref, row.remote_id, row.about) and to_json(fact) == row.body:
        return False
    return _rank(fact) > _rank(of_row(row))


def _rank(fact: PaymentFact) -> tuple[datetime, bool, str]:
    names = [fact.order, fact.remote_id, fact.about, to_json(fact)]
    # Of one moment, who knows the fee knows more: providers may book it after the payment.
    return fact.as_of, fact.fee is not None, json.dumps(names, sort_keys=True)


def _write(row: Fact, fact: PaymentFact) -> None:
    row.order_ref, row.remote_id, row.about = fact.order, fact.remote_id, fact.about
    row.as_of, row.body = fact.as_of, to_json(fact)


def of_orders(unit: Unit, orders: Sequence[str]) -> dict[str, list[Kept]]:
    """All that is stated of some orders, in the order of time; those without facts are left out."""
    found: dict[str, list[Kept]] = {}
    for row in unit.session.execute(_OF_ORDERS, {"orders": orders}):
        kept = Kept(row.id, stated(row), row.told_at is not None)
        found.setdefault(row.order_id or "", []).append(kept)
    return found


def of_order(unit: Unit, order: str) -> list[Stated]:
    """All that is stated of an order."""
    return [one.stated for one in of_orders(unit, [order]).get(order, [])]


def rows_of_order(unit: Unit, order: str) -> Sequence[Fact]:
    """The same as it is kept, in the order of time."""
    some = select(Fact).where(Fact.order_id == order)
    return unit.session.scalars(some.order_by(Fact.as_of, Fact.kind, Fact.fact_id)).all()


def stated(row: Any) -> Stated:
    """A fact, who states it, and since when."""
    return Stated(row.provider, of_row(row), row.since)


def note_told(unit: Unit, ids: Sequence[str]) -> None:
    """Note that buyers were told of some facts."""
    noted = update(Fact).where(Fact.id.in_(ids)).values(told_at=now())
    unit.session.execute(noted, execution_options={"synchronize_session": False})


def unmatched(unit: Unit, limit: int = 100) -> Sequence[Fact]:
    """Facts about orders that nobody knows, the newest first."""
    some = select(Fact).where(Fact.order_id.is_(None))
    return unit.session.scalars(some.order_by(Fact.seen_at.desc(), Fact.id).limit(limit)).all()


def to_json(fact: PaymentFact) -> dict[str, Any]:
    """What has no column of its own, as it is kept."""
    made: dict[str, Any] = {}
    for name in ("tax", "reason"):
        if value := getattr(fact, name):
            made[name] = value
    if fact.money is not None:
        made |= {"amount": fact.money.amount, "currency": fact.money.currency.upper()}
    if fact.fee is not None:
        made["fee"] = {"amount": fact.fee.amount, "currency": fact.fee.currency.upper()}
    if fact.period is not None:
        made["period"] = _times(fact.period)
    if (told := fact.subscription) is not None:
        period = _times(told.period) if told.period else None
        made["subscription"] = {
            "status": str(told.status),
            "period": period,
            "ends": told.ends,
            "plan": told.plan,
            "quantity": told.quantity,
        }
    return made


def of_row(row: Any) -> PaymentFact:
    """The fact that a row keeps: of the table, or of its columns."""
    body = row.body
    money = None
    if "amount" in body:
        money = Money(amount=body["amount"], currency=body["currency"])
    told = body.get("subscription")
    return PaymentFact(
        kind=FactKind(row.kind),
        id=row.fact_id,
        remote_id=row.remote_id,
        as_of=row.as_of,
        order=row.order_ref,
        money=money,
        tax=body.get("tax", 0),
        fee=Money(**body["fee"]) if "fee" in body else None,
        about=row.about,
        reason=body.get("reason", ""),
        period=_period(body.get("period")),
        subscription=_subscription(told) if told else None,
    )


def _subscription(told: dict[str, Any]) -> Subscription:
    return Subscription(
        status=SubscriptionStatus(told["status"]),
        period=_period(told["period"]),
        ends=told["ends"],
        plan=told["plan"],
        quantity=told["quantity"],
    )


def _times(period: Period) -> list[str]:
    return [period.start.isoformat(), period.end.isoformat()]


def _period(times: list[str] | None) -> Period | None:
    if times is None:
        return None
    start, end = map(datetime.fromisoformat, times)
    return Period(start=start, end=end)
