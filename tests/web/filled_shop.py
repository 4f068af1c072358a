"""A shop for the filled hub: products, a coupon, and a learner's orders in every state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

HUB_TOML = """
[plugins.commerce]
enabled = true
seller_name = "Riverside Evening School"
seller_address = "Quay 4, 20457 Hamburg"

[plugins.invoice]
enabled = true
payee = "Riverside Evening School"
iban = "DE02120300000000202051"
bank = "Deutsche Kreditbank Berlin"
"""
Sent = Callable[..., Awaitable[Any]]
"""Sends something below ``/x/commerce`` as somebody, by method and path, and gives the answer."""


async def fill_shop(operator: Sent, learner: Sent, ids: dict[str, str]) -> None:
    """Sell the sample course, and have a learner pay, not pay, and get their money back."""
    course = ids["course"]
    single = {
        "title": "Waves, Sound and Music",
        "summary": "Four weeks from ripples on a pond to the notes of a flute, with quizzes.",
        "courses": [course],
    }
    seats = single | {"title": "Waves for a whole class", "kind": "seats", "seats": 10}
    monthly = single | {"title": "Waves by the month", "kind": "subscription", "interval": "month"}
    ids["product"] = await _sold(operator, single, 4900, "EUR")
    await operator(
        "POST", f"/products/{ids['product']}/prices", amount=5400, currency="USD", country="US"
    )
    ids["product-seats"] = await _sold(operator, seats, 29000, "EUR")
    await _sold(operator, monthly | {"trial_days": 7}, 900, "EUR")
    lesson = {"title": "How a flute sounds", "items": [ids["page"]], "days": 30}
    ids["product-lesson"] = await _sold(operator, lesson, 300, "EUR")
    coupon = {"code": "WELCOME10", "percent": 10, "most": 50}
    await operator("POST", "/coupons", **coupon)
    for name, product in (
        ("order", "product"),
        ("order-seats", "product-seats"),
        ("order-refunded", "product-lesson"),
        ("order-open", "product-lesson"),
    ):
        made = await learner("POST", "/orders", product=ids[product], currency="EUR")
        ids[name] = made["id"]
    for name in ("order", "order-seats", "order-refunded"):
        await operator("POST", f"/orders/{ids[name]}/payments", reference=f"SEPA {name}")
    await operator("POST", f"/orders/{ids['order-refunded']}/refunds", reason="Bought twice.")
    await learner("PUT", f"/orders/{ids['order-seats']}/seats/{ids['person']}")
    # Less came than was agreed, so somebody has to look.
    made = await learner("POST", "/orders", product=ids["product"], currency="EUR")
    ids["order-short"] = made["id"]
    short = {"reference": "SEPA short", "amount": 4000}
    await operator("POST", f"/orders/{ids['order-short']}/payments", **short)


async def _sold(operator: Sent, offer: dict[str, Any], amount: int, currency: str) -> str:
    made = await operator("POST", "/products", on_sale=True, **offer)
    await operator("POST", f"/products/{made['id']}/prices", amount=amount, currency=currency)
    return str(made["id"])
