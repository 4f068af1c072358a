"""What follows from events of the hub."""

from __future__ import annotations

from sqlalchemy import delete, select

from bloop_commerce import hooks, orders, subscriptions
from bloop_commerce.books import open_books
from bloop_commerce.standing import OrderState
from bloop_commerce.tables import Access, Cover, Order, Seat
from bloop_sdk import Event, JobContext, Unit


def forget_user(unit: Unit, event: Event) -> None:
    """Forget what an erased person had access to; orders stay for the books, with a bare id.

    What they subscribed to is ended: nobody could do that any more, and it would go on to be paid.
    """
    open_books(unit)
    user = event.payload["id"]
    _forget_access(unit, user)
    hooks.forget_bodies(unit)
    going_on = select(Order.id).where(
        Order.buyer_id == user,
        Order.subscription_id.is_not(None),
        Order.state != str(OrderState.ENDED),
    )
    for order in unit.session.scalars(going_on):
        unit.enqueue("end", {"order": order}, key=f"end/{order}")


async def end(ctx: JobContext, payload: dict[str, str]) -> dict[str, str]:
    """The job that ends the subscription of somebody who is gone."""
    order = await ctx.read(orders.one, payload["order"])
    order = await subscriptions.cancel(ctx, order, at_period_end=False)
    await ctx.transaction(_forget_access, order.buyer_id)
    return {"state": order.state}


def _forget_access(unit: Unit, user: str) -> None:
    open_books(unit)
    for table in (Seat, Cover, Access):
        unit.session.execute(delete(table).where(table.user_id == user))
