"""Requests that this PayPal knows, and what answers them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bloop_paypal.testing import disputes, orders, refunds, subscriptions, webhooks
from bloop_paypal.testing.books import Books, Object, RefusedError, found
from bloop_paypal.testing.webhooks import WEBHOOK, Post


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: the id in its path, its JSON, its query, and its bytes as text."""

    books: Books
    post: Post
    id: str
    sent: Mapping[str, Any]
    query: Mapping[str, str]
    raw: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and how what it is about stands whenever one looks.

    PayPal answers a request id that it knows with the latest status of what was done
    (developer.paypal.com/api/rest/reference/idempotency).
    """

    status: int
    show: Callable[[], Object | None]


Act = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path; ``act`` answers."""

    method: str
    path: re.Pattern[str]
    act: Act


def _made(status: int, thing: Object) -> Answer:
    return Answer(status, lambda: copy.deepcopy(thing))


def _order(asked: Asked) -> Answer:
    order = orders.create(asked.books, asked.sent)
    # With a payment source 200 is documented, as the payer still has to act.
    status = 200 if order["status"] == "PAYER_ACTION_REQUIRED" else 201
    return Answer(status, lambda: orders.shown(asked.books, order["id"]))


def _order_of(asked: Asked) -> Answer:
    found(asked.books.orders, asked.id)
    return Answer(200, lambda: orders.shown(asked.books, asked.id))


def _capture(asked: Asked) -> Answer:
    found(asked.books.orders, asked.id)
    orders.capture(asked.books, asked.id)
    return Answer(201, lambda: orders.shown(asked.books, asked.id))


def _refund(asked: Asked) -> Answer:
    capture = found(asked.books.captures, asked.id)
    return _made(201, refunds.refund(asked.books, capture, asked.sent))


def _cancel(asked: Asked) -> Answer:
    subscriptions.cancel(asked.books, found(asked.books.subscriptions, asked.id))
    return Answer(204, lambda: None)


def _revise(asked: Asked) -> Answer:
    told = found(asked.books.subscriptions, asked.id)
    return _made(200, subscriptions.revise(asked.books, told, asked.sent))


def _transactions(asked: Asked) -> Answer:
    found(asked.books.subscriptions, asked.id)
    return _made(200, subscriptions.transactions(asked.books, asked.id, asked.query))


def _one(kind: Callable[[Books], Mapping[str, Object]]) -> Act:
    return lambda asked: _made(200, found(kind(asked.books), asked.id))


def _route(method: str, path: str, act: Act) -> Route:
    return Route(method, re.compile(path.replace("ID", r"(?P<id>[^/]+)")), act)


_ORDERS, _SUBSCRIPTIONS = "/v2/checkout/orders", "/v1/billing/subscriptions"
_NOTIFICATIONS = "/v1/notifications"

ROUTES = (
    _route("POST", _ORDERS, _order),
    _route("GET", f"{_ORDERS}/ID", _order_of),
    _route("POST", f"{_ORDERS}/ID/capture", _capture),
    _route("GET", "/v2/payments/captures/ID", _one(lambda books: books.captures)),
    _route("POST", "/v2/payments/captures/ID/refund", _refund),
    _route("GET", "/v2/payments/refunds/ID", _one(lambda books: books.refunds)),
    _route(
        "POST",
        "/v1/catalogs/products",
        lambda asked: _made(201, {"id": asked.books.id("PROD-"), **asked.sent}),
    ),
    _route(
        "POST",
        "/v1/billing/plans",
        lambda asked: _made(201, subscriptions.create_plan(asked.books, asked.sent)),
    ),
    _route("GET", "/v1/billing/plans/ID", _one(lambda books: books.plans)),
    _route(
        "POST",
        _SUBSCRIPTIONS,
        lambda asked: _made(201, subscriptions.create(asked.books, asked.sent)),
    ),
    _route("GET", f"{_SUBSCRIPTIONS}/ID", _one(lambda books: books.subscriptions)),
    _route("GET", f"{_SUBSCRIPTIONS}/ID/transactions", _transactions),
    _route("POST", f"{_SUBSCRIPTIONS}/ID/cancel", _cancel),
    _route("POST", f"{_SUBSCRIPTIONS}/ID/revise", _revise),
    _route(
        "GET",
        "/v1/customer/disputes",
        lambda asked: _made(200, disputes.listed(asked.books, asked.query)),
    ),
    _route("GET", "/v1/customer/disputes/ID", _one(lambda books: books.disputes)),
    _route(
        "GET", f"{_NOTIFICATIONS}/webhooks", lambda _: _made(200, {"webhooks": [{"id": WEBHOOK}]})
    ),
    _route(
        "GET",
        f"{_NOTIFICATIONS}/webhooks-events",
        lambda asked: _made(200, webhooks.listed(asked.books, asked.query)),
    ),
    _route(
        "POST",
        f"{_NOTIFICATIONS}/verify-webhook-signature",
        lambda asked: _made(200, asked.post.verified(asked.sent, asked.raw)),
    ),
)


def route(method: str, path: str) -> tuple[Route, str]:
    """The route of a request and the id in its path; refuses what there is not."""
    for one in ROUTES:
        match = one.path.fullmatch(path)
        if match and one.method == method:
            return one, match.groupdict().get("id", "")
    raise RefusedError(404)
