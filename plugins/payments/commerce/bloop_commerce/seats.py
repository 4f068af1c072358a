"""Seats of a bundle: given by who bought it, never more than there are."""

from __future__ import annotations

from sqlalchemy import func, select

from bloop_commerce import entitlements, orders
from bloop_commerce.books import open_books
from bloop_commerce.tables import Entitlement, Order, Seat
from bloop_sdk import (
    NotFoundError,
    PreconditionFailedError,
    Unit,
    UnsupportedError,
    gettext_noop,
)


def assign(unit: Unit, order_id: str, user: str) -> None:
    """Give a user a seat; who has one keeps it.

    Raises PreconditionFailedError where all are taken, or the order gives none now.
    """
    open_books(unit)
    order, given = _bundle(unit, order_id)
    if not user or len(user) > 36:
        raise UnsupportedError(gettext_noop("a person is named by their id"))
    if _seat(unit, order_id, user) is not None:
        return
    taken = select(func.count()).select_from(Seat).where(Seat.order_id == order_id)
    if not given.spans or (unit.session.scalar(taken) or 0) >= given.seats:
        raise PreconditionFailedError(
            gettext_noop("all {count} seats are taken").format(
                count=given.seats if given.spans else 0
            ),
            cure=gettext_noop("free one, or buy more"),
        )
    unit.session.add(Seat(institution_id=unit.institution, order_id=order_id, user_id=user))
    unit.session.flush()
    entitlements.cover(unit, [(order, given)])
    unit.audit("commerce.seat_given", f"order:{order_id}", {"user": user})


def give(unit: Unit, order_id: str, person: str, *, by_name: bool = False) -> None:
    """Give a seat to who is named by an e-mail address or an id, or ``by_name``.

    Names are for callers who may know who is here: others would learn it by trying. Raises as
    :func:`assign`, and UnsupportedError where nobody or more than one is meant.
    """
    assign(unit, order_id, _named(unit, person, by_name=by_name))


def _named(unit: Unit, person: str, *, by_name: bool) -> str:
    is_address = "@" in person
    if not (is_address or by_name):
        return person
    found = unit.find_people(person)
    wanted = person.casefold()
    exactly = [
        id_
        for id_, one in found.items()
        if wanted == (one.email or "").casefold() or (by_name and wanted == one.name.casefold())
    ]
    meant = exactly or (list(found) if by_name else [])
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UnsupportedError(
            gettext_noop("several people are meant"),
            cure=gettext_noop("write the e-mail address"),
        )
    if is_address:
        raise UnsupportedError(gettext_noop("nobody here has this e-mail address"))
    return person


def take(unit: Unit, order_id: str, user: str) -> None:
    """Free a user's seat; raises NotFoundError where they have none."""
    open_books(unit)
    order, given = _bundle(unit, order_id)
    seat = _seat(unit, order_id, user)
    if seat is None:
        raise NotFoundError(gettext_noop("this person has no seat of this order"))
    unit.session.delete(seat)
    unit.session.flush()
    entitlements.cover(unit, [(order, given)])
    unit.audit("commerce.seat_taken", f"order:{order_id}", {"user": user})


def _bundle(unit: Unit, order_id: str) -> tuple[Order, Entitlement]:
    order = orders.one(unit, order_id)
    if order.kind != "seats":
        raise UnsupportedError(gettext_noop("this order is no bundle of seats"))
    given = entitlements.of_order(unit, order_id)
    if given is None:
        raise PreconditionFailedError(
            gettext_noop("this order gives no seats yet"), cure=gettext_noop("pay it first")
        )
    return order, given


def _seat(unit: Unit, order_id: str, user: str) -> Seat | None:
    return unit.session.scalar(select(Seat).where(Seat.order_id == order_id, Seat.user_id == user))
