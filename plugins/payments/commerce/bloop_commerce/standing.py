"""How an order stands, computed from what was agreed and the set of its facts. No I/O, no clock.

The order in which facts came, how often, and what was computed before play no part: so any
repetition, order and concurrency of one set of facts comes to the same.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bloop_commerce.booking import Key, Lines, bookings, last_ends
from bloop_sdk import gettext_noop
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    FactKind,
    PaymentFact,
    Period,
    Subscription,
    SubscriptionStatus,
)


class OrderState(enum.StrEnum):
    """How an order stands. ``SHORT``: what came is not what was agreed."""

    OPEN = "open"
    FAILED = "failed"
    EXPIRED = "expired"
    SHORT = "short"
    PAID = "paid"
    TRIALING = "trialing"
    PAST_DUE = "past_due"
    ENDED = "ended"
    REFUNDED = "refunded"
    DISPUTED = "disputed"
    CHARGED_BACK = "charged_back"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """``[start, end)``; an end of None is never."""

    start: datetime
    end: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether a moment is in it."""
        return self.start <= moment and (self.end is None or moment < self.end)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one piece gives: courses, single items, and seats where it is a bundle."""

    courses: tuple[str, ...]
    seats: int = 0
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What was agreed when the order was placed.

    ``plans`` holds what is given under ``plan``, and under each that a subscription may change to.
    """

    total: int
    currency: str
    plan: str
    plans: Mapping[str, Plan]
    quantity: int = 1
    repeats: bool = False
    days: int | None = None
    grace_days: int = 0


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact, who states it, and the earliest time of which it was stated."""

    provider: str
    fact: PaymentFact
    since: datetime

    @property
    def key(self) -> Key:
        """What it is a statement of."""
        return self.provider, str(self.fact.kind), self.fact.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What follows from the facts: state, sums in the order's currency, access and bookings."""

    state: OrderState
    captured: int
    refunded: int
    disputed: int
    tax: int
    courses: tuple[str, ...]
    items: tuple[str, ...]
    seats: int
    spans: tuple[Span, ...]
    bookings: Mapping[Key, Lines]
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Capture:
    """A capture, and what became of it."""

    fact: PaymentFact
    since: datetime
    refunded: int = 0
    back: list[tuple[datetime, int]] = field(default_factory=list)
    is_refunded: bool = False
    is_disputed: bool = False
    is_lost: bool = False

    @property
    def amount(self) -> int:
        """Minor units that came."""
        return amount_of(self.fact)

    @property
    def stands(self) -> bool:
        """Whether anything of it is left here."""
        return not (self.is_disputed or self.is_lost or self.is_refunded)

    def give_back(self, amount: int, at: datetime) -> int:
        """Take a refund, as far as something is left; what is over."""
        taken = min(amount, self.amount - self.refunded)
        self.refunded += taken
        self.back.append((max(at, self.since), taken))
        self.is_refunded = self.refunded >= self.amount
        return amount - taken


@dataclass(frozen=True, slots=True)
class _Known:
    """An order's facts, sorted: nothing depends on how they were read."""

    terms: Terms
    stated: Sequence[Stated]
    captures: Sequence[Capture] = field(default_factory=list)
    subscription: Subscription | None = None

    def of(self, *kinds: FactKind) -> list[PaymentFact]:
        """The facts of some kinds in the order's currency, or without money."""
        return [
            one.fact
            for one in self.stated
            if one.fact.kind in kinds
            and (one.fact.money is None or one.fact.money.currency == self.terms.currency)
        ]


def stand(terms: Terms, stated: Iterable[Stated]) -> Standing:
    """How an order stands by all its facts."""
    facts = sorted(stated, key=lambda one: (one.since, one.key))
    known = _Known(terms, facts, captures(facts), _subscription(facts))
    spans = tuple(_repeated(known) if terms.repeats else _bought(known))
    renewed = known.subscription
    plan = terms.plans.get(renewed.plan if renewed else "") or terms.plans[terms.plan]
    quantity = renewed.quantity if renewed else terms.quantity
    captured, refunded = known.of(FactKind.CAPTURED), known.of(FactKind.REFUNDED)
    return Standing(
        state=_state(known, spans),
        captured=sum(map(amount_of, captured)),
        refunded=sum(map(amount_of, refunded)),
        disputed=sum(one.amount for one in _own(known) if one.is_disputed or one.is_lost),
        tax=sum(one.tax for one in captured) - sum(one.tax for one in refunded),
        courses=plan.courses,
        items=plan.items,
        seats=plan.seats * max(0, quantity),
        spans=spans,
        bookings=bookings([(one.key, one.fact) for one in facts]),
        faults=tuple(_faults(known)),
    )


def captures(facts: Sequence[Stated]) -> list[Capture]:
    """The captures of an order, with what went back of each."""
    found = [Capture(one.fact, one.since) for one in facts if one.fact.kind is FactKind.CAPTURED]
    by_id = {one.fact.id: one for one in found}
    for refund in (one for one in facts if one.fact.kind is FactKind.REFUNDED):
        fact = refund.fact
        # Of what it is about where that is known, else of the first that has something left.
        named = [by_id[fact.about]] if fact.about in by_id else found
        left = amount_of(fact)
        for one in named:
            if currency_of(one.fact) == currency_of(fact):
                left = one.give_back(left, refund.since)
    for id_, is_lost in _disputes(facts).items():
        about = {one.fact.about for one in facts if one.fact.id == id_ and one.fact.about}
        # One about nothing that is known may be about anything: no access on its account.
        for one in [by_id[name] for name in about if name in by_id] or found:
            one.is_lost |= is_lost
            one.is_disputed |= not is_lost
    return found


def _disputes(facts: Sequence[Stated]) -> dict[str, bool]:
    """The disputes that took money and did not give it back: whether they are lost for good.

    One that has ended may be appealed against, and then ends otherwise: its later end holds.
    """
    opened = {one.fact.id for one in facts if one.fact.kind is FactKind.DISPUTED}
    ends = last_ends((one.fact.id, one.fact) for one in facts)
    lost = {id_ for id_, end in ends.items() if end.kind is FactKind.DISPUTE_LOST}
    return {id_: id_ in lost for id_ in sorted((opened - ends.keys()) | lost)}


def _subscription(facts: Sequence[Stated]) -> Subscription | None:
    """How the order's subscription stands; of several, the one that was stated last."""
    some = [one.fact for one in facts if one.fact.subscription is not None]
    return max(some, key=lambda one: (one.as_of, one.id)).subscription if some else None


def _own(known: _Known) -> list[Capture]:
    return [one for one in known.captures if currency_of(one.fact) == known.terms.currency]


def _bought(known: _Known) -> Iterator[Span]:
    """The time of a single purchase: from the moment when all that was agreed had come.

    It may have come in parts, and a part of it may go back: it ends where nothing of it is left.
    """
    came = [one for one in _own(known) if not (one.is_disputed or one.is_lost)]
    moves = [(one.since, False, one.amount) for one in came]
    moves += [(at, True, -amount) for one in came for at, amount in one.back]
    left, begun = 0, None
    for at, is_back, amount in sorted(moves):
        left += amount
        if is_back and left <= 0:
            begun = None
        elif begun is None and not is_back and left >= known.terms.total:
            begun = at
    if begun is not None:
        days = known.terms.days
        yield Span(begun, None if days is None else begun + timedelta(days=days))


def _repeated(known: _Known) -> Sequence[Span]:
    """The times of a subscription: what was paid, its trial, and grace as long as it goes on."""
    now = known.subscription
    paid = [_period(one, now) for one in _own(known) if one.stands]
    if now and now.status is SubscriptionStatus.TRIALING:
        paid.append(_span(now.period))
    spans = merged([one for one in paid if one])
    goes_on = now is None or not (now.ends or now.status is SubscriptionStatus.ENDED)
    if not spans or not goes_on:
        return spans
    last = spans[-1]
    assert last.end is not None, "what is paid for has an end"
    # Who has the newest payment taken back is owed no grace for the one before.
    for one in _own(known):
        period = _period(one, now)
        if not one.stands and (period is None or period.end is None or period.end > last.end):
            return spans
    return [*spans[:-1], Span(last.start, last.end + timedelta(days=known.terms.grace_days))]


def _period(capture: Capture, now: Subscription | None) -> Span | None:
    """What a capture pays for: what it says, else the time that the subscription is in."""
    return _span(capture.fact.period or (now.period if now else None))


def _span(period: Period | None) -> Span | None:
    """A period as a span; one that ends as it begins, as of what was ended at once, is none."""
    return Span(period.start, period.end) if period and period.start < period.end else None


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same times with as few spans as can be, sorted."""
    made: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.start, one.end is None, one.end or one.start)):
        last = made[-1] if made else None
        if last is None or (last.end is not None and span.start > last.end):
            made.append(span)
        elif last.end is not None and (span.end is None or span.end > last.end):
            made[-1] = Span(last.start, span.end)
    return made


def _state(known: _Known, spans: Sequence[Span]) -> OrderState:
    now = known.subscription
    if known.terms.repeats and now is not None:
        if now.status is SubscriptionStatus.ENDED:
            return _taken_back(known) or OrderState.ENDED
        if now.status is SubscriptionStatus.PAST_DUE:
            return _taken_back(known) or OrderState.PAST_DUE
        if spans and now.status is SubscriptionStatus.TRIALING:
            return OrderState.TRIALING
    if spans:
        return _newest_taken(known) if known.terms.repeats else OrderState.PAID
    if found := _taken_back(known):
        return found
    if known.captures:
        return OrderState.SHORT
    if known.of(FactKind.EXPIRED):
        return OrderState.EXPIRED
    return OrderState.FAILED if known.of(FactKind.FAILED) else OrderState.OPEN


def _newest_taken(known: _Known) -> OrderState:
    """Of a subscription with paid times left: whether its newest payment was taken back."""
    newest = max(_own(known), key=lambda one: (one.since, one.fact.id), default=None)
    if newest is not None and not newest.stands:
        return _taken_back(known) or OrderState.PAID
    return OrderState.PAID


def _taken_back(known: _Known) -> OrderState | None:
    """Why money that came is not here any more, if that is why."""
    if any(one.is_disputed for one in known.captures) or (
        not known.captures and known.of(FactKind.DISPUTED)
    ):
        return OrderState.DISPUTED
    if any(one.is_lost for one in known.captures):
        return OrderState.CHARGED_BACK
    if any(one.is_refunded for one in known.captures):
        return OrderState.REFUNDED
    return None


def _faults(known: _Known) -> Iterator[str]:
    """What somebody has to look at."""
    yield from _wrong_money(known)
    for fact in known.of(FactKind.DISPUTE_LOST, FactKind.DISPUTE_WON):
        if fact.id not in {one.id for one in known.of(FactKind.DISPUTED)}:
            yield gettext_noop("dispute {id} has ended, and nobody told of its beginning").format(
                id=fact.id
            )
    for fact in known.of(FactKind.REFUNDED):
        if not amount_of(fact) and known.terms.total:
            yield gettext_noop("refund {id} did not come through").format(id=fact.id)
    gone = sum(map(amount_of, known.of(FactKind.REFUNDED)))
    if gone > sum(map(amount_of, known.of(FactKind.CAPTURED))):
        yield gettext_noop("more was given back than came")


def _wrong_money(known: _Known) -> Iterator[str]:
    """What came, where it is not what was agreed."""
    terms, currency = known.terms, known.terms.currency
    for one in known.captures:
        if currency_of(one.fact) != currency:
            yield gettext_noop("{money} came, and the order is in {currency}").format(
                money=one.fact.money, currency=currency
            )
    standing = [one for one in _own(known) if one.stands]
    came = sum(one.amount for one in standing)
    if terms.repeats or not came:
        return
    # Who adds tax takes more than was agreed, and says how much of it is tax.
    untaxed = came - sum(one.fact.tax for one in standing)
    agreed = Money(amount=terms.total, currency=currency)
    if came < terms.total:
        money = Money(amount=came, currency=currency)
        yield gettext_noop("{money} came in all, and {agreed} was agreed").format(
            money=money, agreed=agreed
        )
    elif untaxed > terms.total:
        money = Money(amount=untaxed, currency=currency)
        yield gettext_noop("{money} came before tax, and {agreed} was agreed").format(
            money=money, agreed=agreed
        )


def amount_of(fact: PaymentFact) -> int:
    """A fact's minor units; 0 where no money moved."""
    return fact.money.amount if fact.money else 0


def currency_of(fact: PaymentFact) -> str:
    """A fact's currency; empty where no money moved."""
    return fact.money.currency if fact.money else ""
