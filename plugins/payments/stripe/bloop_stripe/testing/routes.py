"""Which requests there are: what each may be given, what it needs, and what it does."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stripe import params as declared
from stripe.params import billing_portal, checkout, tax

from bloop_stripe.testing import billing, shop
from bloop_stripe.testing.books import Books, Object, listed
from bloop_stripe.testing.params import RefusedError, page

_PORTAL = "//billing.stripe.com/p/session"

Given = dict[str, Any]
Act = Callable[[Books, str, Given], Object]


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request."""

    method: str
    path: re.Pattern[str]
    declared: type
    permission: str
    act: Act


def view(books: Books, found: Object, expand: list[str]) -> Object:
    """An object as it is shown: what is not asked for is an id, or left out."""
    shown = copy.deepcopy(found)
    if found["object"] == "charge" and "refunds" in expand:
        newest = books.all("refund", charge=found["id"])[::-1]
        shown["refunds"] = listed(newest[:10], f"/v1/charges/{found['id']}/refunds")
        shown["refunds"]["has_more"] = len(newest) > 10
    if found["object"] == "invoice":
        shown.pop("payments", None)
        if "payments" in expand:
            links = books.all("invoice_payment", invoice=found["id"])
            shown["payments"] = listed(links, "/v1/invoice_payments")
    if "items.data.price.product" in expand:
        for item in shown["items"]["data"]:
            item["price"]["product"] = books.objects[item["price"]["product"]]
    if "balance_transaction" in expand and shown.get("balance_transaction"):
        shown["balance_transaction"] = books.objects[shown["balance_transaction"]]
    return shown


def _one(kind: str) -> Act:
    def act(books: Books, name: str, given: Given) -> Object:
        return view(books, books.get(kind, name), given.get("expand", []))

    return act


def _all(kind: str, *filters: str) -> Act:
    def act(books: Books, _: str, given: Given) -> Object:
        equal = {name: given[name] for name in filters if name in given}
        found = books.all(kind, **equal)
        if "created" in given:
            since = int(given["created"].get("gte", "0"))
            found = [one for one in found if one["created"] >= since]
        if "types" in given:
            found = [one for one in found if one["type"] in given["types"]]
        expand = [one.removeprefix("data.") for one in given.get("expand", [])]
        url = f"/v1/{kind}s"
        return page(found, given, url, lambda one: view(books, one, expand))

    return act


def _invoices(books: Books, name: str, given: Given) -> Object:
    wanted = given.get("subscription")
    act = _all("invoice")
    if wanted is None:
        return act(books, name, given)
    others = Books()
    others.objects = {
        one["id"]: one
        for one in books.objects.values()
        if one["object"] != "invoice"
        or one["parent"]["subscription_details"]["subscription"] == wanted
    }
    return act(others, name, given)


def _invoice_payments(books: Books, _: str, given: Given) -> Object:
    payment = given.get("payment", {}).get("payment_intent")
    found = [
        one
        for one in books.all("invoice_payment")
        if payment is None or one["payment"]["payment_intent"] == payment
    ]
    return page(found, given, "/v1/invoice_payments", lambda one: one)


def _account(books: Books, _: str, given: Given) -> Object:
    del given
    return books.objects["acct_fake"]


def _tax(books: Books, _: str, given: Given) -> Object:
    del given
    return {"object": "tax.settings", "status": books.tax}


def _product(books: Books, _: str, given: Given) -> Object:
    if "name" not in given:
        raise RefusedError(400, "Missing required param: name.", code="parameter_missing")
    metadata = given.get("metadata", {})
    return books.new("product", active=True, name=given["name"], metadata=metadata)


def _portal(books: Books, _: str, given: Given) -> Object:
    books.get("customer", given["customer"])
    made = books.new(
        "billing_portal.session", customer=given["customer"], return_url=given.get("return_url")
    )
    return {**made, "url": f"https:{_PORTAL}/{made['id']}"}


def _of(kind: str, act: Callable[[Books, Object, Given], Object]) -> Act:
    return lambda books, name, given: act(books, books.get(kind, name), given)


def _route(method: str, path: str, what: type, permission: str, act: Act) -> Route:
    pattern = re.compile(r"/v1/" + path.replace("ID", r"(?P<id>[^/]+)"))
    return Route(method, pattern, what, permission, act)


_SESSION, _SUBSCRIPTION = "checkout/sessions", "subscriptions/ID"

ROUTES = (
    _route("GET", "account", declared.AccountRetrieveCurrentParams, "accounts_kyc_read", _account),
    _route("GET", "tax/settings", tax.SettingsRetrieveParams, "tax_settings_read", _tax),
    _route(
        "GET",
        "webhook_endpoints",
        declared.WebhookEndpointListParams,
        "webhook_read",
        _all("webhook_endpoint"),
    ),
    _route("GET", "events", declared.EventListParams, "event_read", _all("event")),
    _route(
        "POST",
        _SESSION,
        checkout.SessionCreateParams,
        "checkout_session_write",
        lambda books, _, given: shop.create_session(books, given),
    ),
    _route(
        "GET",
        _SESSION,
        checkout.SessionListParams,
        "checkout_session_read",
        _all("checkout.session", "payment_intent", "subscription"),
    ),
    _route(
        "GET",
        f"{_SESSION}/ID",
        checkout.SessionRetrieveParams,
        "checkout_session_read",
        _one("checkout.session"),
    ),
    _route(
        "POST",
        f"{_SESSION}/ID/expire",
        checkout.SessionExpireParams,
        "checkout_session_write",
        _of("checkout.session", lambda books, found, _: shop.expire(books, found)),
    ),
    _route(
        "POST",
        "coupons",
        declared.CouponCreateParams,
        "coupon_write",
        lambda books, _, given: shop.create_coupon(books, given),
    ),
    _route("POST", "products", declared.ProductCreateParams, "product_write", _product),
    _route(
        "GET",
        "charges",
        declared.ChargeListParams,
        "charge_read",
        _all("charge", "payment_intent", "customer"),
    ),
    _route("GET", "charges/ID", declared.ChargeRetrieveParams, "charge_read", _one("charge")),
    _route(
        "GET",
        "refunds",
        declared.RefundListParams,
        "charge_read",
        _all("refund", "charge", "payment_intent"),
    ),
    _route("GET", "refunds/ID", declared.RefundRetrieveParams, "charge_read", _one("refund")),
    _route(
        "POST",
        "refunds",
        declared.RefundCreateParams,
        "charge_write",
        lambda books, _, given: shop.refund(books, given),
    ),
    _route(
        "GET",
        "disputes",
        declared.DisputeListParams,
        "dispute_read",
        _all("dispute", "charge", "payment_intent"),
    ),
    _route("GET", "disputes/ID", declared.DisputeRetrieveParams, "dispute_read", _one("dispute")),
    _route(
        "GET",
        "subscriptions",
        declared.SubscriptionListParams,
        "subscription_read",
        _all("subscription", "customer"),
    ),
    _route(
        "GET",
        _SUBSCRIPTION,
        declared.SubscriptionRetrieveParams,
        "subscription_read",
        _one("subscription"),
    ),
    _route(
        "POST",
        _SUBSCRIPTION,
        declared.SubscriptionUpdateParams,
        "subscription_write",
        _of("subscription", billing.update),
    ),
    _route(
        "DELETE",
        _SUBSCRIPTION,
        declared.SubscriptionCancelParams,
        "subscription_write",
        _of("subscription", lambda books, found, _: billing.end(books, found)),
    ),
    _route("GET", "invoices", declared.InvoiceListParams, "invoice_read", _invoices),
    _route("GET", "invoices/ID", declared.InvoiceRetrieveParams, "invoice_read", _one("invoice")),
    _route(
        "GET",
        "invoice_payments",
        declared.InvoicePaymentListParams,
        "invoice_read",
        _invoice_payments,
    ),
    _route(
        "POST",
        "billing_portal/sessions",
        billing_portal.SessionCreateParams,
        "customer_portal_write",
        _portal,
    ),
)


def found(method: str, path: str) -> tuple[Route, Mapping[str, str]]:
    """The route of a request; refuses what there is not."""
    for route in ROUTES:
        match = route.path.fullmatch(path)
        if match and route.method == method:
            return route, match.groupdict()
    raise RefusedError(404, f"Unrecognized request URL ({method}: {path}).")
