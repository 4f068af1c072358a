"""What is sold, what was ordered, what providers stated of it, and what follows from that.

Facts are kept, everything else about money and access is computed from them. Amounts are integers
in minor units.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from bloop_commerce import base
from bloop_commerce.base import Base, Currency, Name, new_id, of_order
from bloop_sdk.tables import ID

# Whoever wants a table wants these too.
COURSE, ITEM, metadata, now = base.COURSE, base.ITEM, base.metadata, base.now


class Books(Base):
    """An institution's books: who holds this row changes them, and counts their numbers."""

    __tablename__ = "commerce_books"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    orders: Mapped[int] = mapped_column(default=0)


class Product(Base):
    """Something for sale: ``courses`` or single ``items``, once, for seats, or by subscription.

    ``days`` limits how long a single purchase lasts, ``seats`` is how many one piece of a bundle
    has, ``grace_days`` how long a subscription lives on after a renewal that failed.
    """

    __tablename__ = "commerce_product"
    __table_args__ = (UniqueConstraint("institution_id", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(200))
    summary: Mapped[str] = mapped_column(String(2000), default="")
    courses: Mapped[list[str]]
    items: Mapped[list[str]] = mapped_column(default=list)
    days: Mapped[int | None]
    seats: Mapped[int] = mapped_column(default=0)
    interval: Mapped[str | None] = mapped_column(String(10))
    trial_days: Mapped[int] = mapped_column(default=0)
    grace_days: Mapped[int] = mapped_column(default=0)
    on_sale: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Price(Base):
    """What a product costs in a currency, everywhere or in one country; it never changes.

    Another price ends this one. Its id is the plan by which a provider knows a subscription.
    """

    __tablename__ = "commerce_price"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "product_id"],
            ["commerce_product.institution_id", "commerce_product.id"],
        ),
        Index("ix_commerce_price_product", "institution_id", "product_id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    product_id: Mapped[str] = mapped_column(ID)
    currency: Mapped[str] = mapped_column(Currency)
    country: Mapped[str] = mapped_column(String(2), default="")
    amount: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class Coupon(Base):
    """Less to pay for who knows its code: ``percent``, or ``amount`` of ``currency``.

    ``used`` counts the orders that hold it, at most ``most``.
    """

    __tablename__ = "commerce_coupon"
    __table_args__ = (UniqueConstraint("institution_id", "code"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(String(40))
    percent: Mapped[int | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(Currency)
    product_id: Mapped[str | None] = mapped_column(ID)
    most: Mapped[int | None]
    used: Mapped[int] = mapped_column(default=0)
    until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Order(Base):
    """What somebody buys, at the price of that moment, and how it stands by its facts.

    ``plans`` are what a piece gives, by the price at which it was bought and by those to which a
    subscription may change. ``version`` grows with all that is learned of it.
    """

    __tablename__ = "commerce_order"
    __table_args__ = (
        UniqueConstraint("institution_id", "id"),
        UniqueConstraint("institution_id", "number"),
        Index("ix_commerce_order_buyer", "institution_id", "buyer_id", "created_at"),
        Index("ix_commerce_order_remote", "institution_id", "provider", "remote_id"),
        Index("ix_commerce_order_subscription", "institution_id", "provider", "subscription_id"),
        Index("ix_commerce_order_state", "institution_id", "state", "created_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    number: Mapped[int]
    buyer_id: Mapped[str] = mapped_column(ID)
    product_id: Mapped[str] = mapped_column(ID)
    title: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(default=1)
    days: Mapped[int | None]
    currency: Mapped[str] = mapped_column(Currency)
    country: Mapped[str] = mapped_column(String(2), default="")
    language: Mapped[str] = mapped_column(String(12), default="en")
    unit_amount: Mapped[int] = mapped_column(BigInteger)
    discount: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger)
    coupon_id: Mapped[str | None] = mapped_column(ID)
    interval: Mapped[str | None] = mapped_column(String(10))
    trial_days: Mapped[int] = mapped_column(default=0)
    grace_days: Mapped[int] = mapped_column(default=0)
    plan: Mapped[str] = mapped_column(ID)
    plans: Mapped[dict[str, Any]]
    provider: Mapped[str] = mapped_column(String(40))
    remote_id: Mapped[str | None] = mapped_column(Name)
    subscription_id: Mapped[str | None] = mapped_column(Name)
    checkout_url: Mapped[str] = mapped_column(String(2000), default="")
    instructions: Mapped[str] = mapped_column(String(4000), default="")
    expires_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(20), default="open")
    captured: Mapped[int] = mapped_column(BigInteger, default=0)
    refunded: Mapped[int] = mapped_column(BigInteger, default=0)
    disputed: Mapped[int] = mapped_column(BigInteger, default=0)
    tax: Mapped[int] = mapped_column(BigInteger, default=0)
    faults: Mapped[list[str]] = mapped_column(default=list)
    is_faulty: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=now)
    changed_at: Mapped[datetime] = mapped_column(default=now)


class Fact(Base):
    """What a provider states, once for each thing: of two statements the later holds.

    ``since`` is the earliest time of which it was stated. ``order_id`` is empty until it is known
    which order it is about, by the seller's name of that, the provider's, or its capture.
    ``told_at`` is when its buyer was told of it.
    """

    __tablename__ = "commerce_fact"
    __table_args__ = (
        UniqueConstraint("institution_id", "provider", "kind", "fact_id"),
        Index("ix_commerce_fact_order", "institution_id", "order_id"),
        Index("ix_commerce_fact_ref", "institution_id", "order_ref"),
        Index("ix_commerce_fact_remote", "institution_id", "remote_id"),
        Index("ix_commerce_fact_about", "institution_id", "about"),
        of_order(),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    provider: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(20))
    fact_id: Mapped[str] = mapped_column(Name)
    order_id: Mapped[str | None] = mapped_column(ID)
    order_ref: Mapped[str] = mapped_column(Name, default="")
    remote_id: Mapped[str] = mapped_column(Name, default="")
    about: Mapped[str] = mapped_column(Name, default="")
    as_of: Mapped[datetime]
    since: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    seen_at: Mapped[datetime] = mapped_column(default=now)
    told_at: Mapped[datetime | None]


class Entry(Base):
    """A booking of a fact; ``number`` counts the corrections of it."""

    __tablename__ = "commerce_entry"
    __table_args__ = (
        UniqueConstraint("institution_id", "id"),
        UniqueConstraint("institution_id", "provider", "kind", "fact_id", "number"),
        Index("ix_commerce_entry_order", "institution_id", "order_id"),
        of_order(),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ID)
    provider: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(20))
    fact_id: Mapped[str] = mapped_column(Name)
    number: Mapped[int]
    occurred_at: Mapped[datetime]
    booked_at: Mapped[datetime] = mapped_column(default=now)


class Line(Base):
    """One line of an entry: debit above zero, credit below; each entry's lines come to zero."""

    __tablename__ = "commerce_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "entry_id"], ["commerce_entry.institution_id", "commerce_entry.id"]
        ),
        Index("ix_commerce_line_entry", "institution_id", "entry_id"),
        Index("ix_commerce_line_sums", "institution_id", "account", "currency", "amount"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    entry_id: Mapped[str] = mapped_column(ID)
    account: Mapped[str] = mapped_column(String(60))
    currency: Mapped[str] = mapped_column(Currency)
    amount: Mapped[int] = mapped_column(BigInteger)


class Entitlement(Base):
    """What an order gives in the times of ``spans``: courses and items, to its buyer or ``seats``.

    ``version`` grows with each change, so that of two readings the newer is known.
    """

    __tablename__ = "commerce_entitlement"
    __table_args__ = (UniqueConstraint("institution_id", "order_id"), of_order())

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ID)
    source: Mapped[str] = mapped_column(String(20))
    holder_id: Mapped[str] = mapped_column(ID)
    courses: Mapped[list[str]]
    items: Mapped[list[str]] = mapped_column(default=list)
    spans: Mapped[list[str]]
    seats: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=now)


class Seat(Base):
    """A user to whom a seat of a bundle was given."""

    __tablename__ = "commerce_seat"
    __table_args__ = (UniqueConstraint("institution_id", "order_id", "user_id"), of_order())

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    assigned_at: Mapped[datetime] = mapped_column(default=now)


class Cover(Base):
    """That an order gives a user a course or an item, in the times of ``spans``."""

    __tablename__ = "commerce_cover"
    __table_args__ = (
        UniqueConstraint(
            "institution_id", "order_id", "user_id", "kind", "subject_id", name="uq_cover_subject"
        ),
        Index("ix_commerce_cover_user", "institution_id", "user_id", "kind", "subject_id"),
        of_order(),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ID)
    user_id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(String(10), default=COURSE)
    subject_id: Mapped[str] = mapped_column(ID)
    spans: Mapped[list[str]]


class Access(Base):
    """Whether a user is let into a course, or shown an item, by all that covers them.

    ``next_at`` is when that changes next.
    """

    __tablename__ = "commerce_access"
    __table_args__ = (
        UniqueConstraint("institution_id", "user_id", "kind", "subject_id"),
        Index("ix_commerce_access_next", "institution_id", "next_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str] = mapped_column(String(10), default=COURSE)
    subject_id: Mapped[str] = mapped_column(ID)
    is_open: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(String(300), default="")
    version: Mapped[int] = mapped_column(default=0)
    changed_at: Mapped[datetime] = mapped_column(default=now)


class Refund(Base):
    """Money that somebody decided to give back; it counts against the capture from then on."""

    __tablename__ = "commerce_refund"
    __table_args__ = (Index("ix_commerce_refund_order", "institution_id", "order_id"), of_order())

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    order_id: Mapped[str] = mapped_column(ID)
    capture: Mapped[str] = mapped_column(Name)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(Currency)
    reason: Mapped[str] = mapped_column(String(300), default="")
    state: Mapped[str] = mapped_column(String(20), default="asked")
    fact_id: Mapped[str | None] = mapped_column(Name)
    error: Mapped[str] = mapped_column(String(500), default="")
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_at: Mapped[datetime] = mapped_column(default=now)


class Invoice(Base):
    """An invoice, or a credit note (``total`` is below zero), as it was issued: it never changes.

    ``subject`` is what it is about, ``about`` the number of the invoice that it corrects.
    ``body`` holds what people read: seller, buyer, lines, payment.
    """

    __tablename__ = "commerce_invoice"
    __table_args__ = (
        UniqueConstraint("institution_id", "kind", "year", "count"),
        UniqueConstraint("institution_id", "number"),
        Index("ix_commerce_invoice_order", "institution_id", "order_id"),
        of_order(),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10))
    year: Mapped[int]
    count: Mapped[int]
    order_id: Mapped[str] = mapped_column(ID)
    subject: Mapped[str] = mapped_column(String(330))
    about: Mapped[str] = mapped_column(String(20), default="")
    currency: Mapped[str] = mapped_column(Currency)
    total: Mapped[int] = mapped_column(BigInteger)
    tax: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[dict[str, Any]]
    issued_at: Mapped[datetime] = mapped_column(default=now)


class Message(Base):
    """A call from a provider, kept as it came before anything of it was believed.

    ``event_id`` is known once it is verified; the body of one that was refused is let go of.
    """

    __tablename__ = "commerce_message"
    __table_args__ = (
        UniqueConstraint("institution_id", "provider", "event_id"),
        Index("ix_commerce_message_state", "institution_id", "state", "received_at"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    provider: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[str | None] = mapped_column(Name)
    state: Mapped[str] = mapped_column(String(20), default="received")
    reason: Mapped[str] = mapped_column(String(500), default="")
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime] = mapped_column(default=now)
