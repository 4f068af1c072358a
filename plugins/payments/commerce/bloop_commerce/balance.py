"""What is out of balance: money that nobody knows, orders that don't add up, unfounded access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import exists, select

from bloop_commerce import entitlements, facts, invoices, ledger, orders, refunds
from bloop_commerce.money import shown
from bloop_commerce.standing import stand
from bloop_commerce.tables import Access, Cover, Message, Order, now
from bloop_sdk import Unit
from bloop_sdk.providers.payments import FactKind

PATIENCE = timedelta(minutes=30)
"""What waits no longer than this is under way."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that somebody has to look at, and what to do."""

    kind: str
    subject: str
    words: str
    cure: str = ""


def findings(unit: Unit) -> list[Finding]:
    """What is out of balance, as far as it can be told at once."""
    return [
        *_of_ledger(unit),
        *_of_money(unit),
        *_of_orders(unit),
        *_of_refunds(unit),
        *_of_access(unit),
        *_of_calls(unit),
        *_of_invoices(unit),
    ]


def _of_ledger(unit: Unit) -> Iterator[Finding]:
    sums: dict[str, int] = {}
    for one in ledger.trial_balance(unit):
        sums[one.currency] = sums.get(one.currency, 0) + one.amount
    for currency, amount in sums.items():
        if amount:
            words = f"the ledger comes to {shown(amount, currency)}, not to zero"
            yield Finding("ledger", currency, words, "restore it from a backup, and tell us")


def _of_money(unit: Unit) -> Iterator[Finding]:
    for row in facts.unmatched(unit):
        fact = facts.of_row(row)
        if fact.kind is FactKind.CAPTURED and fact.money:
            words = (
                f"{fact.money} came by {row.provider} ({fact.id}) for an order that nobody knows"
            )
            yield Finding("unmatched", row.fact_id, words, f"look for it at {row.provider}")


def _of_orders(unit: Unit) -> Iterator[Finding]:
    some = select(Order).where(Order.is_faulty).order_by(Order.number.desc()).limit(BATCH)
    for order in unit.session.scalars(some):
        for fault in order.faults:
            yield Finding("order", str(order.number), fault, "give money back, or ask for the rest")


def _of_refunds(unit: Unit) -> Iterator[Finding]:
    for row in refunds.unfinished(unit):
        if row.asked_at < now() - PATIENCE:
            words = f"a refund of {shown(row.amount, row.currency)} has no answer"
            number = str(orders.one(unit, row.order_id).number)
            yield Finding("refund", number, words, "it is asked again each hour")


def _of_access(unit: Unit) -> Iterator[Finding]:
    some = select(Access).where(Access.trouble != "").limit(BATCH)
    for row in unit.session.scalars(some):
        words = f"{row.user_id} is not let into {row.subject_id}: {row.trouble}"
        yield Finding("access", row.user_id, words, "give the money back, or what was bought")
    covered = exists().where(
        Cover.user_id == Access.user_id,
        Cover.kind == Access.kind,
        Cover.subject_id == Access.subject_id,
    )
    for row in unit.session.scalars(select(Access).where(Access.is_open, ~covered).limit(BATCH)):
        words = f"{row.user_id} is in {row.subject_id} without any purchase"
        yield Finding("access", row.user_id, words, "see that the hourly sweep runs")
    late = select(Access).where(Access.next_at < now() - PATIENCE).limit(BATCH)
    for row in unit.session.scalars(late):
        words = f"the access of {row.user_id} to {row.subject_id} should have changed"
        yield Finding("access", row.user_id, words, "see that jobs are running")


def _of_invoices(unit: Unit) -> Iterator[Finding]:
    for number in invoices.unsigned(unit):
        cure = "set seller_name and seller_address in the plugin's settings"
        yield Finding("invoice", number, "invoices don't say who sells", cure)


def _of_calls(unit: Unit) -> Iterator[Finding]:
    some = select(Message).where(Message.state == "failed").order_by(Message.received_at.desc())
    for row in unit.session.scalars(some.limit(50)):
        words = f"a call of {row.provider} could not be used: {row.reason}"
        yield Finding("call", row.id, words, "what it told of comes by reconciliation")


def examine(unit: Unit, after: int = 0) -> tuple[list[Finding], int | None]:
    """Compute the orders above a number anew; what differs, and where to go on, if anywhere."""
    some = select(Order).where(Order.number > after).order_by(Order.number).limit(BATCH)
    rows = unit.session.scalars(some).all()
    found = [one for order in rows for one in _compared(unit, order)]
    return found, rows[-1].number if len(rows) == BATCH else None


def _compared(unit: Unit, order: Order) -> Iterator[Finding]:
    stated = facts.of_order(unit, order.id)
    standing = stand(orders.terms_of(order), stated)
    cure = f"`bloop commerce order {order.number} --refresh`"
    if ledger.differs(unit, order.id, standing):
        yield Finding("ledger", str(order.number), "its entries are not what its facts say", cure)
    if order.state != standing.state:
        words = f"it stands as {order.state}, and its facts say {standing.state}"
        yield Finding("order", str(order.number), words, cure)
    given = entitlements.of_order(unit, order.id)
    spans = [entitlements.to_text(span) for span in standing.spans]
    if (given.spans if given else []) != spans:
        yield Finding("access", str(order.number), "it gives what its facts don't say", cure)
    for user, course in entitlements.unfounded(unit, order.id):
        words = f"{user} is in {course} without a purchase that holds"
        yield Finding("access", str(order.number), words, cure)
