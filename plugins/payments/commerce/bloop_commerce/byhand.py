"""Money that nobody tells of: an operator has seen it on the account, and says so."""

from __future__ import annotations

from datetime import datetime

from bloop_commerce import checkout
from bloop_commerce.facts import AHEAD
from bloop_commerce.tables import Order, now
from bloop_sdk import CallContext, PreconditionFailedError, Unit, UnsupportedError, gettext_noop
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import ByHandProvider, Can


async def record(
    ctx: CallContext, order: Order, *, amount: int | None, reference: str, received_at: datetime
) -> Order:
    """Note money that has come for an order, by default all of it; a reference counts once."""
    provider = await ctx.providers.get("payments", order.provider)
    if Can.BY_HAND not in provider.spec().can:
        raise UnsupportedError(
            gettext_noop("{provider} tells by itself what has come").format(provider=order.provider)
        )
    if not isinstance(provider, ByHandProvider):
        raise UnsupportedError(f"what came by {order.provider} can't be noted here")
    if order.remote_id is None:
        raise PreconditionFailedError(gettext_noop("nobody was told yet where to pay this order"))
    if not reference or len(reference) > 140:
        raise UnsupportedError(gettext_noop("a payment has a reference of 1 to 140 characters"))
    if received_at.tzinfo is None or received_at > now() + AHEAD:
        raise UnsupportedError(gettext_noop("money comes in the past, at a time with its zone"))
    money = Money(amount=order.total if amount is None else amount, currency=order.currency)
    fact = await provider.record(order.remote_id, money, reference, received_at)
    await ctx.transaction(_note, order.id, money, reference)
    return await checkout.learned(ctx, order, [fact])


def _note(unit: Unit, order: str, money: Money, reference: str) -> None:
    detail = {"amount": money.amount, "currency": money.currency, "reference": reference}
    unit.audit("commerce.paid_by_hand", f"order:{order}", detail)
