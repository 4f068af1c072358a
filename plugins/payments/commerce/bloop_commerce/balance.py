"""What is out of balance: money that nobody knows, orders that don't add up, unfounded access."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, or_, select

from bloop_commerce import entitlements, facts, invoices, ledger, orders
from bloop_commerce.money import shown
from bloop_commerce.standing import stand
from bloop_commerce.tables import Access, Cover, Message, Order, Refund, now
from bloop_sdk import Unit, gettext_noop
from bloop_sdk.providers.payments import FactKind

PATIENCE = timedelta(minutes=30)
"""What waits no longer than this is under way."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that somebody has to look at, and what to do; ``order`` is its order's id."""

    kind: str
    subject: str
    words: str
    cure: str = ""
    order: str = ""


def findings(unit: Unit, balances: Sequence[ledger.Balance] | None = None) -> list[Finding]:
    """What is out of balance, as far as it can be told at once.

    ``balances`` is the trial balance, for who has read it.
    """
    sums = ledger.trial_balance(unit) if balances is None else balances
    return [
        *_of_ledger(sums),
        *_of_money(unit),
        *_of_orders(unit),
        *_of_access(unit),
        *_of_calls(unit),
        *_of_invoices(unit),
    ]


def _of_ledger(balances: Sequence[ledger.Balance]) -> Iterator[Finding]:
    sums: dict[str, int] = {}
    for one in balances:
        sums[one.currency] = sums.get(one.currency, 0) + one.amount
    for currency, amount in sums.items():
        if amount:
            words = gettext_noop("the ledger comes to {money}, not to zero")
            cure = gettext_noop("restore it from a backup, and tell us")
            yield Finding("ledger", currency, words.format(money=shown(amount, currency)), cure)


def _of_money(unit: Unit) -> Iterator[Finding]:
    words = gettext_noop("{money} came by {provider} ({id}) for an order that nobody knows")
    for row in facts.unmatched(unit):
        fact = facts.of_row(row)
        if fact.kind is FactKind.CAPTURED and fact.money:
            said = words.format(money=fact.money, provider=row.provider, id=fact.id)
            cure = gettext_noop("look for it at {provider}").format(provider=row.provider)
            yield Finding("unmatched", row.fact_id, said, cure)


def _of_orders(unit: Unit) -> Iterator[Finding]:
    """Orders that don't add up, and refunds of them that nobody has answered."""
    late = (Refund.state == "asked") & (Refund.asked_at < now() - PATIENCE)
    both = select(Order, Refund).outerjoin(Refund, (Refund.order_id == Order.id) & late)
    some = both.where(or_(Order.is_faulty, Refund.id.is_not(None)))
    told = set()
    for order, refund in unit.session.execute(some.order_by(Order.number.desc()).limit(BATCH)):
        number = str(order.number)
        if order.id not in told:
            told.add(order.id)
            for fault in order.faults:
                cure = gettext_noop("give money back, or ask for the rest")
                yield Finding("order", number, fault, cure, order.id)
        if refund is not None:
            words = gettext_noop("a refund of {money} has no answer")
            said = words.format(money=shown(refund.amount, refund.currency))
            cure = gettext_noop("it is asked again each hour")
            yield Finding("refund", number, said, cure, order.id)


def _of_access(unit: Unit) -> Iterator[Finding]:
    covered = exists().where(
        Cover.user_id == Access.user_id,
        Cover.kind == Access.kind,
        Cover.subject_id == Access.subject_id,
    )
    unfounded, late = Access.is_open & ~covered, Access.next_at < now() - PATIENCE
    some = select(Access, unfounded, late).where(or_(Access.trouble != "", unfounded, late))
    for row, is_unfounded, is_late in unit.session.execute(some.limit(BATCH)):
        named = {"user": row.user_id, "subject": row.subject_id}
        if row.trouble:
            words = gettext_noop("{user} is not let into {subject}: {trouble}")
            cure = gettext_noop("give the money back, or what was bought")
            yield Finding("access", row.user_id, words.format(**named, trouble=row.trouble), cure)
        if is_unfounded:
            words = gettext_noop("{user} is in {subject} without any purchase")
            cure = gettext_noop("see that the hourly sweep runs")
            yield Finding("access", row.user_id, words.format(**named), cure)
        if is_late:
            words = gettext_noop("the access of {user} to {subject} should have changed")
            cure = gettext_noop("see that jobs are running")
            yield Finding("access", row.user_id, words.format(**named), cure)


def _of_invoices(unit: Unit) -> Iterator[Finding]:
    for number in invoices.unsigned(unit):
        cure = gettext_noop("set seller_name and seller_address in the plugin's settings")
        yield Finding("invoice", number, gettext_noop("invoices don't say who sells"), cure)


def _of_calls(unit: Unit) -> Iterator[Finding]:
    some = select(Message).where(Message.state == "failed").order_by(Message.received_at.desc())
    for row in unit.session.scalars(some.limit(50)):
        words = gettext_noop("a call of {provider} could not be used: {reason}")
        said = words.format(provider=row.provider, reason=row.reason)
        cure = gettext_noop("what it told of comes by reconciliation")
        yield Finding("call", row.id, said, cure)


def examine(unit: Unit, after: int = 0) -> tuple[list[Finding], int | None]:
    """Compute the orders above a number anew; what differs, and where to go on, if anywhere."""
    some = select(Order).where(Order.number > after).order_by(Order.number).limit(BATCH)
    rows = unit.session.scalars(some).all()
    found = [one for order in rows for one in _compared(unit, order)]
    return found, rows[-1].number if len(rows) == BATCH else None


def _compared(unit: Unit, order: Order) -> Iterator[Finding]:
    stated = facts.of_order(unit, order.id)
    standing = stand(orders.terms_of(order), stated)
    number = str(order.number)
    cure = gettext_noop("`bloop commerce order {number} --refresh`").format(number=number)
    if ledger.differs(unit, order.id, standing):
        words = gettext_noop("its entries are not what its facts say")
        yield Finding("ledger", number, words, cure, order.id)
    if order.state != standing.state:
        words = gettext_noop("it stands as {state}, and its facts say {other}")
        said = words.format(state=order.state, other=standing.state)
        yield Finding("order", number, said, cure, order.id)
    given = entitlements.of_order(unit, order.id)
    spans = [entitlements.to_text(span) for span in standing.spans]
    if (given.spans if given else []) != spans:
        words = gettext_noop("it gives what its facts don't say")
        yield Finding("access", number, words, cure, order.id)
    for user, course in entitlements.unfounded(unit, order.id):
        words = gettext_noop("{user} is in {subject} without a purchase that holds")
        yield Finding("access", number, words.format(user=user, subject=course), cure, order.id)
