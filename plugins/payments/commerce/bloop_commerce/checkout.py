"""Buying: an order is placed and committed, then its provider is asked to take the money.

Each call to a provider has a key that is made of the order's id: whatever is lost on the way, the
same call again moves no money twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import func, or_, select

from bloop_commerce import catalogue, coupons, facts, orders
from bloop_commerce.asked import about
from bloop_commerce.base import new_id
from bloop_commerce.books import open_books
from bloop_commerce.money import LARGEST
from bloop_commerce.standing import OrderState
from bloop_commerce.tables import Order, Price, Product, now
from bloop_sdk import (
    CallContext,
    ConfigError,
    NotFoundError,
    PreconditionFailedError,
    PrincipalKind,
    Unit,
    UnsupportedError,
    gettext_noop,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    Can,
    CheckoutLine,
    CheckoutRequest,
    FactKind,
    Interval,
    PaymentFact,
    PaymentSpec,
)

MOST_PIECES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to buy, and in which language they are told of it.

    ``expected`` is the total that they were shown, if any. What is wanted again with the same
    ``once`` is one order.
    """

    product: str
    currency: str
    country: str = ""
    quantity: int = 1
    coupon: str = ""
    provider: str = ""
    expected: int | None = None
    language: str = "en"
    once: str = ""


async def buy(ctx: CallContext, wanted: Wanted) -> Order:
    """Place an order for the caller; one that costs nothing is theirs at once."""
    if ctx.call.principal.kind is not PrincipalKind.USER:
        raise UnsupportedError(
            gettext_noop("only a person can buy"), cure=gettext_noop("log in as who is to have it")
        )
    provider = await choose(ctx, wanted)
    return await ctx.transaction(place, ctx.call.principal.id, wanted, provider)


async def choose(ctx: CallContext, wanted: Wanted) -> str:
    """The plugin that takes the money: the one that was named, else the first that can."""
    product = await ctx.read(catalogue.product, wanted.product)
    offers = await ctx.providers.offers("payments")
    for offer in offers:
        if wanted.provider not in {"", offer.plugin_id}:
            continue
        try:
            provider = await ctx.providers.get("payments", offer.plugin_id)
        except ConfigError:
            # One that is not set up keeps nobody from paying by another.
            if wanted.provider:
                raise
            continue
        if fits(provider.spec(), product, wanted.currency):
            return offer.plugin_id
        if wanted.provider:
            raise UnsupportedError(
                gettext_noop("{name} can't take the money for this").format(name=offer.name)
            )
    if wanted.provider:
        raise NotFoundError(
            gettext_noop("nobody takes payments by {name}").format(name=wanted.provider[:40])
        )
    return ""


def fits(spec: PaymentSpec, product: Product, currency: str) -> bool:
    """Whether a provider can take the money for a product."""
    needed = set()
    if product.interval is not None:
        needed.add(Can.SUBSCRIBE)
        if product.trial_days:
            needed.add(Can.TRIAL)
    return needed <= spec.can and (not spec.currencies or currency in spec.currencies)


def place(unit: Unit, buyer: str, wanted: Wanted, provider: str) -> Order:
    """Place an order at the price of this moment, with the next number.

    Raises UnsupportedError for what is not for sale so, PreconditionFailedError where the price is
    no more what they were shown, or the coupon is used up.
    """
    books = open_books(unit)
    id_ = _id_of(unit, buyer, wanted)
    if wanted.once and (placed := unit.session.get(Order, id_)) is not None:
        return placed
    product = _sold(unit, wanted)
    price = catalogue.price_for(unit, product.id, wanted.currency, wanted.country)
    trial_days = _trial(unit, buyer, product)
    if trial_days and (begun := _begun(unit, buyer, product)) is not None:
        return _gone_on_with(begun, price, provider)
    amount, discount, coupon = price.amount * wanted.quantity, 0, None
    if amount > LARGEST:
        raise UnsupportedError(
            gettext_noop("this is more than anybody can pay at once"),
            cure=gettext_noop("buy less of it"),
        )
    if wanted.coupon:
        with about("coupon"):
            coupon = coupons.held(unit, wanted.coupon)
            discount = coupons.discount(coupon, product, amount, price.currency)
    if wanted.expected is not None and wanted.expected != amount - discount:
        raise PreconditionFailedError(
            gettext_noop("the price has changed meanwhile"),
            cure=gettext_noop("look at it again, then order"),
        )
    if coupon is not None:
        with about("coupon"):
            coupons.take(coupon)
    is_free = amount - discount == 0
    if not (is_free or provider):
        raise UnsupportedError(
            gettext_noop("nobody takes payments for this here"),
            cure=gettext_noop("an admin can switch on a payment plugin"),
        )
    books.orders += 1
    order = Order(
        id=id_,
        institution_id=unit.institution,
        number=books.orders,
        buyer_id=buyer,
        product_id=product.id,
        title=product.title,
        kind=product.kind,
        quantity=wanted.quantity,
        days=product.days,
        currency=price.currency,
        country=wanted.country,
        language=wanted.language,
        unit_amount=price.amount,
        discount=discount,
        total=amount - discount,
        coupon_id=coupon.id if coupon else None,
        interval=product.interval,
        trial_days=trial_days,
        grace_days=product.grace_days,
        plan=price.id,
        plans={price.id: catalogue.plan_of(product, price)},
        provider=facts.OWN if is_free else provider,
    )
    unit.session.add(order)
    unit.session.flush()
    unit.audit("commerce.ordered", f"order:{order.id}", {"number": order.number})
    if is_free:
        orders.state_own(unit, order, FactKind.CAPTURED)
    return order


def _id_of(unit: Unit, buyer: str, wanted: Wanted) -> str:
    """Of the order: the same for the same form of the same buyer, however often it is sent."""
    if not wanted.once:
        return new_id()
    told = [unit.institution, buyer, *(str(one) for one in astuple(wanted))]
    return str(uuid5(NAMESPACE_OID, json.dumps(told)))


def _sold(unit: Unit, wanted: Wanted) -> Product:
    product = catalogue.product(unit, wanted.product)
    if not product.on_sale:
        raise UnsupportedError(gettext_noop("this is not for sale any more"))
    most = MOST_PIECES if product.kind == "seats" else 1
    with about("quantity"):
        if not 1 <= wanted.quantity <= most:
            raise UnsupportedError(
                gettext_noop("of this, one can buy 1 to {most}").format(most=most)
            )
    return product


def _trial(unit: Unit, buyer: str, product: Product) -> int:
    """The days of a trial: everybody tries a product once."""
    if not product.trial_days:
        return 0
    tried = (
        select(func.count())
        .select_from(Order)
        .where(
            Order.buyer_id == buyer,
            Order.product_id == product.id,
            Order.trial_days > 0,
            Order.state.not_in([str(OrderState.OPEN), str(OrderState.EXPIRED)]),
        )
    )
    return 0 if unit.session.scalar(tried) else product.trial_days


def _begun(unit: Unit, buyer: str, product: Product) -> Order | None:
    """An order with a trial of this that its buyer has placed, and can still confirm."""
    some = select(Order).where(
        Order.buyer_id == buyer,
        Order.product_id == product.id,
        Order.trial_days > 0,
        Order.state == str(OrderState.OPEN),
        or_(Order.expires_at.is_(None), Order.expires_at > now()),
    )
    return unit.session.scalar(some.order_by(Order.number).limit(1))


def _gone_on_with(begun: Order, price: Price, provider: str) -> Order:
    """The order that holds the buyer's only trial, where it is for what is wanted now."""
    if (begun.plan, begun.provider) == (price.id, provider):
        return begun
    raise PreconditionFailedError(
        gettext_noop("order {number} holds your trial of this, and waits to be confirmed").format(
            number=begun.number
        ),
        cure=gettext_noop("go on with it under My purchases, or order again once it has expired"),
    )


async def start(ctx: CallContext, order: Order, address: str, locale: str = "") -> Order:
    """Have the provider start an order's checkout, or find the one that it has started.

    ``address`` is that of the plugin's pages as the buyer's browser sees it. Raises what the
    provider raises; after RetriableError the same call again is safe.
    """
    if order.provider == facts.OWN or order.remote_id is not None:
        return order
    provider = await ctx.providers.get("payments", order.provider)
    page = f"{address}/purchases/{order.id}"
    request = CheckoutRequest(
        order=order.id,
        number=reference_of(order),
        lines=(
            CheckoutLine(
                title=order.title,
                unit_price=Money(amount=order.unit_amount, currency=order.currency),
                quantity=order.quantity,
                plan=order.plan if order.interval else "",
            ),
        ),
        total=Money(amount=order.total, currency=order.currency),
        discount=order.discount,
        return_url=f"{page}/back",
        cancel_url=page,
        interval=Interval(order.interval) if order.interval else None,
        trial_days=order.trial_days,
        locale=locale or order.language,
    )
    made = await provider.create_checkout(request, key(order, "checkout"))
    return await ctx.transaction(
        orders.started,
        order.id,
        remote_id=made.remote_id,
        url=made.url,
        instructions=made.instructions,
        expires_at=made.expires_at,
    )


async def settle(ctx: CallContext, order: Order) -> Order:
    """Take the money of a checkout that its buyer has agreed to, and learn how it stands."""
    if order.provider == facts.OWN or order.remote_id is None:
        return order
    provider = await ctx.providers.get("payments", order.provider)
    told = await provider.settle(order.remote_id, key(order, "settle"))
    return await learned(ctx, order, told)


async def refresh(ctx: CallContext, order: Order) -> Order:
    """Learn from the provider how an order stands."""
    if order.provider == facts.OWN or order.remote_id is None:
        return order
    provider = await ctx.providers.get("payments", order.provider)
    told = list(await provider.fetch(order.remote_id))
    if order.subscription_id and order.subscription_id != order.remote_id:
        told += await provider.fetch(order.subscription_id)
    return await learned(ctx, order, told)


async def learned(ctx: CallContext, order: Order, told: Sequence[PaymentFact]) -> Order:
    """An order as it stands with these facts."""
    await ctx.transaction(orders.learn, order.provider, told)
    return await ctx.read(orders.one, order.id)


def key(order: Order, step: str) -> str:
    """The idempotency key of a step of an order."""
    return f"bloop-{order.id}-{step}"


def reference_of(order: Order) -> str:
    """What people and banks call an order: like no other in an account that sells elsewhere too."""
    return f"{order.number}-{order.id[:6]}"
