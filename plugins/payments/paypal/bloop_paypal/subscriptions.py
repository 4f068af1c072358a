"""Subscriptions (Billing v1): a plan for each price, made when it is first needed."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from bloop_paypal.errors import RefusedError
from bloop_paypal.facts import known, link, open_until, subscription_facts
from bloop_paypal.money import written
from bloop_sdk import PreconditionFailedError, UnsupportedError
from bloop_sdk.providers.payments import (
    Checkout,
    CheckoutLine,
    CheckoutRequest,
    Interval,
    PaymentFact,
)

Call = Callable[..., Awaitable[Any]]
_FIRST = timedelta(days=3 * 365)
"""So far back payments are listed: PayPal wants a beginning."""


_OPEN = timedelta(days=3)
"""So long we wait for the buyer's consent to a subscription: PayPal names no end."""


def is_subscription(remote_id: str) -> bool:
    """Whether it names a subscription: PayPal's all begin so, and no order does."""
    return remote_id.startswith("I-")


class Subscriptions:
    """What a provider does with subscriptions; ``call`` is its way to PayPal."""

    def __init__(self, call: Call, brand: str) -> None:
        self._call = call
        self._brand = brand

    async def create(self, request: CheckoutRequest, key: str) -> Checkout:
        """A subscription that waits for its buyer's consent at PayPal."""
        if len(request.lines) != 1 or request.discount:
            raise UnsupportedError(
                "PayPal takes one thing and no coupon in a subscription",
                cure="sell it by itself, at a price of its own",
            )
        assert request.interval is not None
        (line,) = request.lines
        shown = {
            "return_url": request.return_url,
            "cancel_url": request.cancel_url,
            "user_action": "SUBSCRIBE_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        body = {
            "plan_id": await self._plan(line, request.interval, request.trial_days),
            "custom_id": request.order,
            "quantity": str(line.quantity),
            "application_context": shown | ({"brand_name": self._brand} if self._brand else {}),
        }
        made = await self._call("POST", "/v1/billing/subscriptions", body, key=key)
        return Checkout(
            remote_id=str(made["id"]),
            url=link(made, "approve"),
            expires_at=open_until({"create_time": made.get("create_time")}, _OPEN),
        )

    async def fetch(self, subscription: str) -> Sequence[PaymentFact]:
        """How it stands, and every payment of it."""
        path = f"/v1/billing/subscriptions/{quote(subscription, safe='')}"
        told = known(await self._call("GET", path), subscription)
        plan = await self._call("GET", f"/v1/billing/plans/{quote(str(told['plan_id']), safe='')}")
        now = datetime.now(UTC)
        span = {"start_time": _text(now - _FIRST), "end_time": _text(now + timedelta(days=1))}
        listed = await self._call("GET", f"{path}/transactions?{urlencode(span)}")
        return list(subscription_facts(told, listed.get("transactions") or [], plan))

    async def cancel(self, subscription: str, key: str) -> Sequence[PaymentFact]:
        """End it; one that has ended is left as it is."""
        path = f"/v1/billing/subscriptions/{quote(subscription, safe='')}/cancel"
        try:
            await self._call("POST", path, {"reason": "asked for"}, key=key)
        except RefusedError as err:
            if err.issue != "SUBSCRIPTION_STATUS_INVALID":
                raise
        return await self.fetch(subscription)

    async def revise(
        self, subscription: str, line: CheckoutLine, key: str
    ) -> Sequence[PaymentFact]:
        """Have it go on with another price or number, once its buyer has agreed at PayPal.

        Raises PreconditionFailedError with the address of the page where they do, as long as not.
        """
        path = f"/v1/billing/subscriptions/{quote(subscription, safe='')}"
        plan = await self._call(
            "GET", f"/v1/billing/plans/{(await self._call('GET', path))['plan_id']}"
        )
        every = plan["billing_cycles"][-1]["frequency"]["interval_unit"]
        interval = Interval.YEAR if every == "YEAR" else Interval.MONTH
        # PayPal changes to plans of the same product alone.
        made = await self._plan(line, interval, 0, product=str(plan["product_id"]))
        body = {"plan_id": made, "quantity": str(line.quantity)}
        told = await self._call("POST", f"{path}/revise", body, key=key)
        facts = await self.fetch(subscription)
        page, wanted = link(told, "approve"), (_description(line), line.quantity)
        now = next((one.subscription for one in facts if one.subscription), None)
        if page and now is not None and (now.plan, now.quantity) != wanted:
            raise PreconditionFailedError(
                "PayPal asks the buyer to agree to another price", cure=f"agree to it at {page}"
            )
        return facts

    async def _plan(
        self, line: CheckoutLine, interval: Interval, trial_days: int, product: str = ""
    ) -> str:
        """The id of a plan for a price; the same price has the same one, by its key."""
        price = written(line.unit_price)
        parts = (line.plan or line.title, *price.values(), interval, str(trial_days))
        whole = "|".join((*parts, product) if product else parts)
        key = hashlib.sha256(whole.encode()).hexdigest()[:36]
        name = line.title[:127]
        if not product:
            sent = {"name": name, "type": "DIGITAL"}
            made = await self._call("POST", "/v1/catalogs/products", sent, key=f"product-{key}")
            product = str(made["id"])
        cycles = [_cycle("DAY", trial_days, "TRIAL", 1, None)] if trial_days else []
        cycles.append(_cycle(interval.name, 1, "REGULAR", 0, price))
        body = {
            "product_id": product,
            "name": name,
            "description": _description(line),
            "quantity_supported": True,
            "billing_cycles": [one | {"sequence": n} for n, one in enumerate(cycles, 1)],
            "payment_preferences": {"auto_bill_outstanding": True, "payment_failure_threshold": 3},
        }
        plan = await self._call("POST", "/v1/billing/plans", body, key=f"plan-{key}")
        return str(plan["id"])


def _description(line: CheckoutLine) -> str:
    """How a plan is described: PayPal's own id of it says nothing to whoever sells it."""
    return line.plan[:127] or line.title[:127]


def _cycle(
    unit: str, count: int, tenure: str, times: int, price: dict[str, str] | None
) -> dict[str, Any]:
    cycle: dict[str, Any] = {
        "frequency": {"interval_unit": unit, "interval_count": count},
        "tenure_type": tenure,
        "total_cycles": times,
    }
    return cycle if price is None else cycle | {"pricing_scheme": {"fixed_price": price}}


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
