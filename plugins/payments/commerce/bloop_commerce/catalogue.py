"""What is for sale: products, and their prices by currency and country."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from sqlalchemy import select

from bloop_commerce.books import open_books
from bloop_commerce.money import checked, country_of
from bloop_commerce.tables import Price, Product, now
from bloop_sdk import (
    NotFoundError,
    PreconditionFailedError,
    Unit,
    UnsupportedError,
    gettext_noop,
)
from bloop_sdk.money import Money

KINDS = ("single", "seats", "subscription")
MOST_COURSES = 200


class Offer(BaseModel):
    """A product as who sells it describes it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: str = "single"
    title: str = Field(min_length=1, max_length=200)
    summary: str = Field("", max_length=2000)
    courses: list[str] = Field(default_factory=list, max_length=MOST_COURSES)
    items: list[str] = Field(default_factory=list, max_length=MOST_COURSES)
    days: int | None = Field(None, ge=1, le=36_500)
    seats: int = Field(0, ge=0, le=100_000)
    interval: str | None = None
    trial_days: int = Field(0, ge=0, le=365)
    grace_days: int = Field(0, ge=0, le=60)
    on_sale: bool = False

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Offer:
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        if (self.kind == "subscription") != (self.interval in {"month", "year"}):
            raise ValueError(
                gettext_noop("a subscription, and nothing else, has an interval: month or year")
            )
        if (self.kind == "seats") != (self.seats > 0):
            raise ValueError(gettext_noop("a bundle of seats, and nothing else, has seats"))
        if self.kind == "subscription" and self.days:
            raise ValueError(
                gettext_noop("a subscription lasts as long as it is paid, and has no days")
            )
        if self.kind != "subscription" and (self.trial_days or self.grace_days):
            raise ValueError(gettext_noop("a trial and days of grace are for subscriptions"))
        self._gives_something()
        return self

    def _gives_something(self) -> None:
        if not (self.courses or self.items):
            raise ValueError(gettext_noop("name the courses or the items that it gives"))
        for what, named in (("a course", self.courses), ("an item", self.items)):
            if any(not one or len(one) > 36 for one in named):
                raise ValueError(f"{what} is named by its id")
            if len(set(named)) != len(named):
                raise ValueError(f"{what} is named twice")


def read_offer(given: Mapping[str, Any]) -> Offer:
    """A product of what somebody sent; raises UnsupportedError, which names all that is wrong."""
    try:
        return Offer.model_validate(dict(given))
    except ValidationError as err:
        told = "; ".join(f"{name or 'product'}: {words}" for name, words in _wrong(err))
        raise UnsupportedError(f"this is no product: {told}") from None


def faults_of(given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a product that somebody described, by field; empty is the whole."""
    try:
        Offer.model_validate(dict(given))
    except ValidationError as err:
        return dict(reversed(_wrong(err)))
    return {}


def _wrong(err: ValidationError) -> list[tuple[str, str]]:
    return [
        (".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, "))
        for one in err.errors()
    ]


def add(unit: Unit, offer: Offer) -> Product:
    """Make a product; raises UnsupportedError for a course or an item that is not there."""
    _there(unit, offer.courses, offer.items)
    made = Product(institution_id=unit.institution, **offer.model_dump())
    unit.session.add(made)
    unit.session.flush()
    unit.audit("commerce.product_made", f"product:{made.id}", {"title": made.title})
    return made


def change(unit: Unit, id_: str, offer: Offer, version: int | None) -> Product:
    """Describe a product anew; orders that were placed keep what was agreed.

    Raises PreconditionFailedError where it is at another version, UnsupportedError for a course or
    an item that was added and is not there.
    """
    open_books(unit)
    found = product(unit, id_)
    if version is not None and version != found.version:
        raise PreconditionFailedError(
            gettext_noop("somebody else has changed this product meanwhile"),
            cure=gettext_noop("look at it again"),
        )
    if offer.kind != found.kind or offer.interval != found.interval:
        raise UnsupportedError("what kind of thing it is stays", cure="make another product")
    # What it gave before may be gone since, and it can still be taken off sale.
    courses = [one for one in offer.courses if one not in found.courses]
    _there(unit, courses, [one for one in offer.items if one not in found.items])
    for name, value in offer.model_dump().items():
        setattr(found, name, value)
    found.version += 1
    unit.session.flush()
    unit.audit("commerce.product_changed", f"product:{id_}", {"version": found.version})
    return found


def _there(unit: Unit, courses: Sequence[str], items: Sequence[str]) -> None:
    """Refuse to sell what nobody could be given."""
    for path, ids, absent in (
        ("courses", courses, unit.missing(courses=courses)),
        ("lessons", items, unit.missing(items=items)),
    ):
        if absent:
            named = ", ".join(one[:40] for one in absent[:5])
            words = gettext_noop("{path}: {count} of {all} are not here to be given: {named}")
            cure = gettext_noop("take the id from the address of its page, /{path}/ID")
            raise UnsupportedError(
                words.format(path=path, count=len(absent), all=len(ids), named=named),
                cure=cure.format(path=path),
            )


def product(unit: Unit, id_: str) -> Product:
    """A product by its id; raises NotFoundError."""
    found = unit.session.scalar(select(Product).where(Product.id == id_[:36]))
    if found is None:
        raise NotFoundError("no such product", cure="look at what is for sale")
    return found


def products(unit: Unit, *, on_sale: bool = True, limit: int = 500) -> Sequence[Product]:
    """What is for sale, or all that there is, by title."""
    some = select(Product).order_by(Product.title, Product.id).limit(limit)
    return unit.session.scalars(some.where(Product.on_sale) if on_sale else some).all()


def set_price(
    unit: Unit, product_id: str, amount: object, currency: object, country: object = ""
) -> Price:
    """Set what a product costs in a currency, in one country or wherever no other price holds.

    The price before ends; orders that were placed at it keep it.
    """
    open_books(unit)
    found = product(unit, product_id)
    money, where = checked(amount, currency), country_of(country)
    if found.kind == "subscription" and money.amount == 0:
        raise UnsupportedError(gettext_noop("a subscription for nothing needs no subscription"))
    for old in prices(unit, found.id):
        if (old.currency, old.country) == (money.currency, where):
            if old.amount == money.amount:
                return old
            old.ended_at = now()
    made = Price(
        institution_id=unit.institution,
        product_id=found.id,
        currency=money.currency,
        country=where,
        amount=money.amount,
    )
    unit.session.add(made)
    unit.session.flush()
    detail = {"amount": made.amount, "currency": made.currency, "country": where}
    unit.audit("commerce.price_set", f"product:{found.id}", detail)
    return made


def put_on_sale(unit: Unit, offer: Offer, money: Money, country: str) -> Product:
    """Make a product and set its price, both or neither."""
    made = add(unit, offer)
    set_price(unit, made.id, money.amount, money.currency, country)
    return made


def end_price(unit: Unit, product_id: str, price_id: str) -> None:
    """Sell at a price no more."""
    open_books(unit)
    for one in prices(unit, product_id):
        if one.id == price_id:
            one.ended_at = now()
            unit.audit("commerce.price_ended", f"product:{product_id}", {"price": price_id})
            return
    raise NotFoundError("no such price")


def prices(unit: Unit, product_id: str) -> Sequence[Price]:
    """What a product costs now."""
    some = select(Price).where(Price.product_id == product_id, Price.ended_at.is_(None))
    return unit.session.scalars(some.order_by(Price.currency, Price.country, Price.id)).all()


def prices_of(unit: Unit, products: Sequence[str]) -> dict[str, list[Price]]:
    """What many products cost now, by their ids."""
    some = select(Price).where(Price.product_id.in_(products), Price.ended_at.is_(None))
    found: dict[str, list[Price]] = {id_: [] for id_ in products}
    for row in unit.session.scalars(some.order_by(Price.currency, Price.country, Price.id)):
        found[row.product_id].append(row)
    return found


def price_for(unit: Unit, product_id: str, currency: str, country: str) -> Price:
    """The price of a country, else the one for everywhere; raises UnsupportedError."""
    every = [one for one in prices(unit, product_id) if one.currency == currency]
    found = {one.country: one for one in every}
    chosen = found.get(country) or found.get("")
    if chosen is None:
        raise UnsupportedError(
            gettext_noop("this has no price in {currency}").format(currency=currency),
            cure=gettext_noop("see its prices, and take another currency"),
        )
    return chosen


def price(unit: Unit, id_: str) -> Price:
    """A price by its id, also one that has ended; raises NotFoundError."""
    found = unit.session.scalar(select(Price).where(Price.id == id_[:36]))
    if found is None:
        raise NotFoundError("no such price", cure="look at what is for sale")
    return found


def plan_of(product: Product, price: Price) -> dict[str, object]:
    """What a piece of a product gives at a price, as an order keeps it."""
    return {
        "product": product.id,
        "title": product.title,
        "amount": price.amount,
        "courses": list(product.courses),
        "items": list(product.items),
        "seats": product.seats,
    }
