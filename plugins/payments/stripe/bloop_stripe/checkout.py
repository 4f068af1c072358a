"""Orders as sessions of Stripe Checkout."""

from __future__ import annotations

import contextlib

from bloop_sdk import PreconditionFailedError, UnavailableError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import Checkout, CheckoutLine, CheckoutRequest, Interval
from bloop_sdk.records import JSONObject
from bloop_stripe import amounts
from bloop_stripe.api import Api, ExistsError
from bloop_stripe.config import StripeConfig
from bloop_stripe.facts import moment

ORDER, NUMBER, PLAN = "bloop_order", "bloop_number", "bloop_plan"
KEY, TOTAL = "bloop_key", "bloop_total"
"""Names in the metadata of what this plugin makes; what has no order there is somebody else's."""

_LOCALES = frozenset(
    ("bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
     "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR",
     "ro", "ru", "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW")
)  # fmt: skip


async def create(api: Api, config: StripeConfig, request: CheckoutRequest, key: str) -> Checkout:
    """A session; the same key gives the same one."""
    own = api.key_of("checkout", key)
    params = _session(request, config, own)
    if request.discount:
        params["discounts"] = [{"coupon": await _coupon(api, request, own)}]
    try:
        made = await api.post("checkout/sessions", params, own)
    except UnavailableError:
        # Stripe answers a key for a day as it did first, with a 500 too: was one made all the same?
        found = await _made(api, own)
        if found is None:
            raise
        made = found
    except PreconditionFailedError:
        # The same order, asked for in another language: a key of Stripe's is good for one wording.
        found = await _made(api, own)
        if found is None:
            raise
        made = found
    if _meant(made) != _meant(params):
        raise PreconditionFailedError("the key was used for another order", cure="use a new key")
    return Checkout(
        remote_id=str(made["id"]), url=str(made["url"] or ""), expires_at=moment(made["expires_at"])
    )


def _meant(session: JSONObject) -> object:
    metadata = session.get("metadata") or {}
    return metadata.get(ORDER), metadata.get(TOTAL)


async def _made(api: Api, own: str) -> JSONObject | None:
    """The session of a key, among the newest."""
    newest = await api.get("checkout/sessions", limit=100)
    sessions: list[JSONObject] = newest["data"]
    return next((one for one in sessions if (one.get("metadata") or {}).get(KEY) == own), None)


def _session(request: CheckoutRequest, config: StripeConfig, own: str) -> JSONObject:
    """The parameters; of one order always the same, as Stripe compares them under a key."""
    named = {ORDER: request.order, NUMBER: request.number}
    params: JSONObject = {
        "mode": "payment",
        "line_items": [_line(line, request, config) for line in request.lines],
        "success_url": request.return_url,
        "cancel_url": request.cancel_url,
        "client_reference_id": request.order,
        "metadata": {**named, KEY: own, TOTAL: str(request.total)},
        # The price is the order's, not one that Stripe makes of it in the buyer's currency.
        "adaptive_pricing": {"enabled": False},
        "locale": request.locale if request.locale in _LOCALES else "auto",
    }
    if request.email:
        params["customer_email"] = request.email
    if config.automatic_tax:
        params["automatic_tax"] = {"enabled": True}
    if request.interval is None:
        params["payment_intent_data"] = {"metadata": named, "description": request.number or None}
    else:
        params["mode"] = "subscription"
        of_plan = {"metadata": {**named, PLAN: request.lines[0].plan}}
        trial = {"trial_period_days": request.trial_days} if request.trial_days else {}
        params["subscription_data"] = {**of_plan, **trial}
    return params


def _line(line: CheckoutLine, request: CheckoutRequest, config: StripeConfig) -> JSONObject:
    price: JSONObject = {
        "currency": line.unit_price.currency.lower(),
        "unit_amount": amounts.sent(line.unit_price),
        "product_data": {"name": line.title[:250], "metadata": {PLAN: line.plan}},
        **tax_behavior(config),
    }
    if request.interval is not None:
        price["recurring"] = {"interval": _interval(request.interval)}
    return {"price_data": price, "quantity": line.quantity}


def _interval(interval: Interval) -> str:
    return {Interval.MONTH: "month", Interval.YEAR: "year"}[interval]


def tax_behavior(config: StripeConfig) -> JSONObject:
    """What a price says of tax, where Stripe works it out."""
    if not config.automatic_tax:
        return {}
    return {"tax_behavior": "inclusive" if config.prices_include_tax else "exclusive"}


async def _coupon(api: Api, request: CheckoutRequest, own: str) -> str:
    """A coupon for this order alone: Checkout knows no other discount."""
    money = Money(amount=request.discount, currency=request.total.currency)
    params = {
        "id": own,
        "amount_off": amounts.sent(money),
        "currency": money.currency.lower(),
        "duration": "once",
        "max_redemptions": 1,
    }
    # Stripe keeps a coupon for longer than a key.
    with contextlib.suppress(ExistsError):
        await api.post("coupons", params, api.key_of("coupon", own))
    return own
