"""Coupons: who holds one, and never more than there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from bloop_commerce.asked import about
from bloop_commerce.books import open_books
from bloop_commerce.money import LARGEST, currency_of
from bloop_commerce.standing import OrderState
from bloop_commerce.tables import Coupon, Order, Product, now
from bloop_sdk import (
    NotFoundError,
    PreconditionFailedError,
    Unit,
    UnsupportedError,
    gettext_noop,
)

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{2,39}")
GONE = frozenset({OrderState.EXPIRED})
"""An order in such a state pays no more, and holds no coupon."""


def code_of(text: str) -> str:
    """A code as it is kept: capitals; raises UnsupportedError for what is none."""
    code = text.strip().upper()
    if not _CODE.fullmatch(code):
        raise UnsupportedError(
            gettext_noop("this is no code of a coupon"),
            cure=gettext_noop("3 to 40 letters A to Z, digits, - and _"),
        )
    return code


def make(
    unit: Unit,
    code: str,
    *,
    percent: int | None = None,
    amount: int | None = None,
    currency: str | None = None,
    product: str | None = None,
    most: int | None = None,
    until: datetime | None = None,
) -> Coupon:
    """Make a coupon; raises UnsupportedError for one that makes no sense, or is there already."""
    open_books(unit)
    with about("code"):
        code = code_of(code)
        if find(unit, code) is not None:
            raise UnsupportedError(
                gettext_noop("there is a coupon {code} already").format(code=code),
                cure=gettext_noop("take another code"),
            )
    if (percent is None) == (amount is None):
        raise UnsupportedError(
            gettext_noop("a coupon takes off a percentage or an amount: say one of both")
        )
    with about("percent"):
        if percent is not None and not 1 <= percent <= 100:
            raise UnsupportedError(gettext_noop("a percentage is from 1 to 100"))
    with about("amount"):
        if amount is not None and not 1 <= amount <= LARGEST:
            raise UnsupportedError(
                gettext_noop("an amount is from 1 to {most}").format(most=LARGEST)
            )
    with about("most"):
        if most is not None and most < 1:
            raise UnsupportedError(gettext_noop("a coupon is for one at least"))
    made = Coupon(
        institution_id=unit.institution,
        code=code,
        percent=percent,
        amount=amount,
        currency=None if amount is None else currency_of(currency),
        product_id=product,
        most=most,
        until=until,
        used=0,
    )
    unit.session.add(made)
    unit.session.flush()
    unit.audit("commerce.coupon_made", f"coupon:{made.id}", {"code": code})
    return made


def find(unit: Unit, code: str) -> Coupon | None:
    """A coupon by its code."""
    return unit.session.scalar(select(Coupon).where(Coupon.code == code.strip().upper()[:40]))


def held(unit: Unit, code: str) -> Coupon:
    """A coupon by the code that somebody holds; raises UnsupportedError."""
    found = find(unit, code)
    if found is None:
        raise UnsupportedError(
            gettext_noop("no such coupon"), cure=gettext_noop("compare its letters")
        )
    return found


def every(unit: Unit) -> Sequence[Coupon]:
    """All coupons, by their codes."""
    return unit.session.scalars(select(Coupon).order_by(Coupon.code)).all()


def end(unit: Unit, id_: str) -> Coupon:
    """Let a coupon be good no longer; orders that hold it keep their price. Again is no change."""
    open_books(unit)
    found = unit.session.scalar(select(Coupon).where(Coupon.id == id_[:36]))
    if found is None:
        raise NotFoundError("no such coupon", cure=gettext_noop("look at those that there are"))
    if found.until is None or found.until > now():
        found.until = now()
        unit.audit("commerce.coupon_ended", f"coupon:{found.id}", {"code": found.code})
    return found


def discount(coupon: Coupon, product: Product, amount: int, currency: str) -> int:
    """What it takes off; raises UnsupportedError for what it is not for."""
    if product.interval is not None:
        raise UnsupportedError(
            gettext_noop("coupons are for what is paid once, not for subscriptions")
        )
    if coupon.product_id not in {None, product.id}:
        raise UnsupportedError(
            gettext_noop("the coupon {code} is for something else").format(code=coupon.code)
        )
    if coupon.until is not None and coupon.until <= now():
        raise UnsupportedError(
            gettext_noop("the coupon {code} was good until {day}").format(
                code=coupon.code, day=f"{coupon.until:%Y-%m-%d}"
            )
        )
    if coupon.percent is not None:
        # In the buyer's favour where it does not come out even.
        return -(-amount * coupon.percent // 100)
    if coupon.currency != currency:
        raise UnsupportedError(
            gettext_noop("the coupon {code} is for prices in {currency}").format(
                code=coupon.code, currency=coupon.currency
            )
        )
    return min(amount, coupon.amount or 0)


def take(coupon: Coupon) -> None:
    """Use one, with the books open; raises PreconditionFailedError where none is left."""
    if coupon.most is not None and coupon.used >= coupon.most:
        raise PreconditionFailedError(
            gettext_noop("the coupon {code} is used up").format(code=coupon.code),
            cure=gettext_noop("order without it"),
        )
    coupon.used += 1


def follow(unit: Unit, order: Order, before: str) -> None:
    """Give a coupon free with an order that can be paid no more, and take it with one that is."""
    if order.coupon_id is None or (order.state in GONE) == (before in GONE):
        return
    coupon = unit.session.scalar(select(Coupon).where(Coupon.id == order.coupon_id))
    if coupon is not None:
        # Who paid after all has the price that was agreed, even where another took the last one.
        coupon.used += -1 if order.state in GONE else 1
