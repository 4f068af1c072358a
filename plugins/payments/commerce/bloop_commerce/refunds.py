"""Giving money back: decided in one transaction, then asked of the provider until it has answered.

What was decided counts against its capture from that moment on, so that many at once never give
back more than came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bloop_commerce import facts, orders
from bloop_commerce.books import open_books
from bloop_commerce.standing import Capture, Standing, Stated, captures, stand
from bloop_commerce.tables import Order, Refund, now
from bloop_sdk import (
    AuthError,
    CallContext,
    FatalError,
    JobContext,
    NotFoundError,
    PreconditionFailedError,
    Unit,
    UnsupportedError,
    gettext_noop,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind, PaymentFact

SOON = 60.0
"""Seconds after which a job looks whether who asked has got it done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a refund would do: ``money`` goes back, ``left`` stays, ``ends_access`` at once.

    ``version`` is the order's, over which it is asked for.
    """

    order: Order
    money: Money
    left: Money
    ends_access: bool
    version: int


def preview(unit: Unit, order_id: str, amount: int | None = None) -> Preview:
    """What giving back an amount of an order would do, or all that is left; nothing is changed.

    Raises PreconditionFailedError where less is left.
    """
    order = orders.one(unit, order_id)
    stated = facts.of_order(unit, order.id)
    if order.provider == facts.OWN:
        wanted, left, parts = 0, 0, {order.id: 0}
    else:
        found = left_by(order, stated, of_order(unit, order.id))
        wanted = _wanted(order, found, amount)
        left, parts = sum(found.values()) - wanted, _parts(found, wanted)
    before, after = (
        stand(orders.terms_of(order), one) for one in (stated, [*stated, *_back(order, parts)])
    )
    at = now()
    return Preview(
        order=order,
        money=Money(amount=wanted, currency=order.currency),
        left=Money(amount=left, currency=order.currency),
        ends_access=_holds(before, at) and not _holds(after, at),
        version=order.version,
    )


def _holds(standing: Standing, at: datetime) -> bool:
    return any(span.holds(at) for span in standing.spans)


def _back(order: Order, parts: Mapping[str, int]) -> Iterator[Stated]:
    """The facts that would come of it."""
    at = now()
    for capture, amount in parts.items():
        fact = PaymentFact(
            kind=FactKind.REFUNDED,
            id=f"preview-{capture}",
            remote_id=order.remote_id or "",
            order=order.id,
            as_of=at,
            money=Money(amount=amount, currency=order.currency),
            about=capture,
        )
        yield Stated(order.provider, fact, at)


def ask(
    unit: Unit,
    order_id: str,
    by: str,
    *,
    amount: int | None = None,
    reason: str = "",
    version: int | None = None,
) -> list[str]:
    """Decide to give back an amount of an order, or all that is left; the ids of its parts.

    The newest captures go first. Raises PreconditionFailedError where less is left, or the order is
    at another ``version`` than whoever decided has seen.
    """
    open_books(unit)
    order = orders.one(unit, order_id)
    if version is not None and version != order.version:
        raise PreconditionFailedError(
            gettext_noop("something has happened to this order meanwhile"),
            cure=gettext_noop("look at it again, then decide"),
        )
    if order.provider == facts.OWN:
        if amount:
            raise PreconditionFailedError(gettext_noop("nothing was paid for this order"))
        orders.state_own(unit, order, FactKind.REFUNDED, reason[:300], about=order.id)
        unit.audit("commerce.refunded", f"order:{order.id}", {"amount": 0})
        return []
    left = left_of(unit, order)
    wanted = _wanted(order, left, amount)
    made = [
        _asked(unit, order, capture, part, by, reason[:300])
        for capture, part in _parts(left, wanted).items()
    ]
    detail = {"amount": sum(one.amount for one in made), "currency": order.currency}
    unit.audit("commerce.refund_asked", f"order:{order.id}", detail)
    return [one.id for one in made]


def _wanted(order: Order, left: Mapping[str, int], amount: int | None) -> int:
    """How much goes back; raises PreconditionFailedError where that is not there."""
    most = Money(amount=sum(left.values()), currency=order.currency)
    wanted = most.amount if amount is None else amount
    if not 0 < wanted <= most.amount:
        money = Money(amount=wanted, currency=order.currency)
        raise PreconditionFailedError(
            gettext_noop("{money} can't be given back").format(money=money),
            cure=gettext_noop("{most} is left of what came").format(most=most),
        )
    return wanted


def _parts(left: Mapping[str, int], wanted: int) -> dict[str, int]:
    """How much goes back of which capture."""
    parts: dict[str, int] = {}
    for capture, amount in left.items():
        if part := min(wanted, amount):
            parts[capture] = part
            wanted -= part
    return parts


def _asked(unit: Unit, order: Order, capture: str, amount: int, by: str, reason: str) -> Refund:
    row = Refund(
        institution_id=unit.institution,
        order_id=order.id,
        capture=capture,
        amount=amount,
        currency=order.currency,
        reason=reason,
        asked_by=by,
        state="asked",
        error="",
    )
    unit.session.add(row)
    unit.session.flush()
    unit.enqueue("refund", {"refund": row.id}, key=f"refund/{row.id}", delay=SOON)
    return row


def left_of(unit: Unit, order: Order) -> dict[str, int]:
    """What is left of an order's captures, the newest first, less what is being given back."""
    return left_by(order, facts.of_order(unit, order.id), of_order(unit, order.id))


def left_by(order: Order, stated: Iterable[Stated], asked: Iterable[Refund]) -> dict[str, int]:
    """The same of what is known of an order: its facts, and its refunds."""
    found, pending = captures(sorted(stated, key=lambda one: (one.since, one.key))), _pending(asked)
    return {
        one.fact.id: max(0, _left(one) - pending.get(one.fact.id, 0))
        for one in reversed(found)
        if one.fact.money is not None and one.fact.money.currency == order.currency
    }


def _left(capture: Capture) -> int:
    held = capture.is_disputed or capture.is_lost
    return 0 if held else capture.amount - capture.refunded


def _pending(asked: Iterable[Refund]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in asked:
        if row.state == "asked":
            sums[row.capture] = sums.get(row.capture, 0) + row.amount
    return sums


def of_order(unit: Unit, order: str) -> Sequence[Refund]:
    """What was decided to give back of an order, in its order."""
    some = select(Refund).where(Refund.order_id == order)
    return unit.session.scalars(some.order_by(Refund.asked_at, Refund.id)).all()


def unfinished(unit: Unit) -> Sequence[Refund]:
    """What was decided, and no provider has answered."""
    return unit.session.scalars(select(Refund).where(Refund.state == "asked")).all()


def one(unit: Unit, id_: str) -> Refund:
    """A refund by its id; raises NotFoundError."""
    found = unit.session.scalar(select(Refund).where(Refund.id == id_[:36]))
    if found is None:
        raise NotFoundError("no such refund")
    return found


async def give_back(ctx: CallContext, id_: str) -> None:
    """Have the provider give back what was decided, once; again does no harm.

    Raises RetriableError where nobody knows whether it did, and what it says where it does not.
    """
    row = await ctx.read(one, id_)
    if row.state != "asked":
        return
    order = await ctx.read(orders.one, row.order_id)
    provider = await ctx.providers.get("payments", order.provider)
    money = Money(amount=row.amount, currency=row.currency)
    try:
        fact = await provider.refund(row.capture, money, f"bloop-{row.id}", reason=row.reason)
    except (PreconditionFailedError, UnsupportedError, NotFoundError) as err:
        await ctx.transaction(_refused, id_, str(err))
        raise
    await ctx.transaction(_done, id_, order.provider, fact)


def _done(unit: Unit, id_: str, provider: str, fact: PaymentFact) -> None:
    open_books(unit)
    orders.learn(unit, provider, [fact])
    row = one(unit, id_)
    row.state, row.fact_id, row.error = "done", fact.id, ""


def _refused(unit: Unit, id_: str, error: str) -> None:
    open_books(unit)
    row = one(unit, id_)
    row.state, row.error = "refused", error[:500]


async def refund(ctx: JobContext, payload: dict[str, str]) -> dict[str, str]:
    """The job that gets done what whoever asked has not."""
    try:
        await give_back(ctx, payload["refund"])
    except (FatalError, AuthError) as err:
        return {"refused": str(err)}
    return {}
