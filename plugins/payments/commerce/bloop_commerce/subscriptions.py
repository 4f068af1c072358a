"""Subscriptions: ended with their period, changed to another price, paid in another way."""

from __future__ import annotations

from bloop_commerce import catalogue, checkout, orders
from bloop_commerce.books import open_books
from bloop_commerce.tables import Order, Price, Product
from bloop_sdk import CallContext, PreconditionFailedError, Unit, UnsupportedError, gettext_noop
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import Can, CheckoutLine, SubscriptionProvider


async def cancel(ctx: CallContext, order: Order, *, at_period_end: bool = True) -> Order:
    """End an order's subscription, with the time that is paid or now."""
    subscription = _subscription(order)
    provider = await _provider(ctx, order)
    # A later version is another decision: who went on meanwhile can end it once more.
    step = f"cancel-{'then' if at_period_end else 'now'}-{order.version}"
    told = await provider.cancel(
        subscription, checkout.key(order, step), at_period_end=at_period_end
    )
    await ctx.transaction(_note, order, "commerce.subscription_ended", {"then": at_period_end})
    return await checkout.learned(ctx, order, told)


async def change(ctx: CallContext, order: Order, price: str, quantity: int) -> Order:
    """Have an order's subscription go on with another price, or for another number of seats."""
    subscription = _subscription(order)
    provider = await _provider(ctx, order)
    if Can.CHANGE_PLAN not in provider.spec().can:
        raise UnsupportedError(
            gettext_noop("{provider} can't change a subscription").format(provider=order.provider),
            cure=gettext_noop("end it"),
        )
    if not 1 <= quantity <= checkout.MOST_PIECES:
        raise UnsupportedError(f"a quantity is from 1 to {checkout.MOST_PIECES}")
    found, title = await ctx.transaction(_planned, order.id, price)
    line = CheckoutLine(
        title=title,
        unit_price=Money(amount=found.amount, currency=found.currency),
        quantity=quantity,
        plan=found.id,
    )
    step = f"plan-{found.id}-{quantity}-{order.version}"
    told = await provider.change_plan(subscription, line, checkout.key(order, step))
    return await checkout.learned(ctx, order, told)


def plans(unit: Unit, order: Order) -> list[tuple[Product, Price]]:
    """What a subscription may change to: what is sold for the same time in the same currency."""
    if order.interval is None:
        return []
    rows = [one for one in catalogue.products(unit) if one.interval == order.interval]
    prices = catalogue.prices_of(unit, [one.id for one in rows])
    return [
        (row, price)
        for row in rows
        for price in prices[row.id]
        if price.currency == order.currency
        and price.country in {"", order.country}
        and price.id != order.plan
    ]


def _planned(unit: Unit, order_id: str, price_id: str) -> tuple[Price, str]:
    """Let an order know what it gives under another price, before the provider tells of it."""
    open_books(unit)
    order = orders.one(unit, order_id)
    found = catalogue.price(unit, price_id)
    product = catalogue.product(unit, found.product_id)
    if not product.on_sale or product.interval is None or found.ended_at is not None:
        raise UnsupportedError(gettext_noop("this price is of no subscription that is for sale"))
    if product.interval != order.interval:
        # Providers keep the time from payment to payment: another price is paid as often as before.
        raise PreconditionFailedError(
            f"the subscription is paid by the {order.interval}",
            cure=gettext_noop("take a price of that time, or end it and subscribe anew"),
        )
    if found.currency != order.currency:
        raise PreconditionFailedError(
            f"the subscription is paid in {order.currency}",
            cure=gettext_noop("take a price in that currency"),
        )
    order.plans = order.plans | {found.id: catalogue.plan_of(product, found)}
    unit.session.flush()
    unit.audit("commerce.plan_asked", f"order:{order.id}", {"price": found.id})
    return found, product.title


async def portal(ctx: CallContext, order: Order, address: str) -> str:
    """Where the buyer changes cards and finds the provider's papers."""
    subscription = _subscription(order)
    provider = await _provider(ctx, order)
    if Can.PORTAL not in provider.spec().can:
        raise UnsupportedError(
            gettext_noop("{provider} has no such page").format(provider=order.provider)
        )
    return await provider.portal(subscription, f"{address}/purchases/{order.id}")


async def _provider(ctx: CallContext, order: Order) -> SubscriptionProvider:
    found = await ctx.providers.get("payments", order.provider)
    if not isinstance(found, SubscriptionProvider):
        raise UnsupportedError(
            gettext_noop("{provider} has no subscriptions that could be changed here").format(
                provider=order.provider
            )
        )
    return found


def _note(unit: Unit, order: Order, action: str, detail: dict[str, bool]) -> None:
    unit.audit(action, f"order:{order.id}", dict(detail))


def _subscription(order: Order) -> str:
    if order.interval is None or order.subscription_id is None:
        raise PreconditionFailedError(gettext_noop("this order has no subscription that goes on"))
    return order.subscription_id
