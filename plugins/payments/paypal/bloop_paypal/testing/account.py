"""An account with PayPal: tokens, request ids, webhooks, and the people who pay into it."""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bloop_paypal.money import read
from bloop_paypal.testing import disputes, orders, refunds, routes, subscriptions
from bloop_paypal.testing.books import Books, Object, RefusedError
from bloop_paypal.testing.faults import Fault, Faults
from bloop_paypal.testing.orders import BALANCE, DECLINED
from bloop_paypal.testing.webhooks import WEBHOOK, Post
from bloop_sdk import Request, Response, WebhookRequest
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import Checkout
from bloop_sdk.testing import reply

SECRET = "fakefakefakefake"  # noqa: S105  # nosec B105 - of no account
_OTHERS = "WH0THERACC0UNT000"
_LONGEST = 108
_COUNT = itertools.count(1)
_PAID = frozenset(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])


class FakePayPal:
    """What PayPal documents, as far as orders, refunds, disputes and subscriptions need it."""

    def __init__(self) -> None:
        self.settings: Mapping[str, Any] = {
            # Of its own: a process keeps tokens by their app.
            "client_id": f"app-{next(_COUNT)}",
            "client_secret": SECRET,
            "webhook_id": WEBHOOK,
            "mode": "sandbox",
        }
        self.books = Books()
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request."""
        self.tokens: set[str] = set()
        """Access tokens that are good; clear it, and they have run out."""
        self._faults = Faults()
        self._answers: dict[tuple[str, str], routes.Answer] = {}
        self._post = Post(self.books)

    # Requests.

    async def answer(self, request: Request) -> Response:
        """As api-m.sandbox.paypal.com answers."""
        path = urlsplit(request.url).path
        self.requests.append((request.method, path))
        if path == "/v1/oauth2/token":
            return self._token(request)
        try:
            status, body = self._answered(request, path)
        except RefusedError as err:
            if err.status >= 500:
                return reply("<html>", status=err.status)
            return reply(err.body, status=err.status)
        return reply(b"" if body is None else body, status=status)

    def fail(
        self, path: str, status: int = 503, *, done: bool, times: int | None = 1, name: str = ""
    ) -> None:
        """Let requests fail whose path has this expression in it.

        ``done`` says that they did what they should, and cannot tell; None ``times``, that it goes
        on. Under 500 ``name`` is PayPal's name of the error.
        """
        self._faults.add(Fault(re.compile(path), status, done, times, name))

    def heal(self) -> None:
        """Let nothing fail any more."""
        self._faults.clear()

    def forget_keys(self) -> None:
        """Let so much time pass that request ids are forgotten: 6 hours, for orders."""
        self._answers.clear()

    def _token(self, request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() != f"{self.settings['client_id']}:{SECRET}":
            said = "Client Authentication failed"
            return reply({"error": "invalid_client", "error_description": said}, status=401)
        token = self.books.id("A21")
        self.tokens.add(token)
        return reply({"access_token": token, "token_type": "Bearer", "expires_in": 32400})

    def _answered(self, request: Request, path: str) -> tuple[int, Object | None]:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self.tokens:
            raise RefusedError(401, name="AUTHENTICATION_FAILURE")
        if request.method == "GET" and request.body:
            raise RefusedError(400)
        self._faults.before(path)
        key = request.headers.get("paypal-request-id", "") if request.method == "POST" else ""
        if len(key) > _LONGEST:
            raise RefusedError(400, "INVALID_STRING_MAX_LENGTH")
        known = self._answers.get((path, key))
        if known is not None:
            # Whatever is asked this time: only what was done the first time is looked at.
            return (204 if known.status == 204 else 200), known.show()
        answer = self._done(request, path, key)
        if key:
            self._answers[path, key] = answer
        self._faults.after(path)
        return answer.status, answer.show()

    def _done(self, request: Request, path: str, key: str) -> routes.Answer:
        route, id_ = routes.route(request.method, path)
        raw = (request.body or b"").decode()
        try:
            sent = json.loads(raw or "{}")
        except ValueError as err:
            raise RefusedError(400, "MALFORMED_REQUEST_JSON") from err
        if "payment_source" in sent and not key:
            raise RefusedError(400, "PAYPAL_REQUEST_ID_REQUIRED")
        query = dict(parse_qsl(urlsplit(request.url).query))
        return route.act(routes.Asked(self.books, self._post, id_, sent, query, raw))

    # Buyers, banks and time.

    def pay(self, checkout: Checkout | str, method: str = BALANCE) -> None:
        """Be the buyer, who agrees on PayPal's page; with BALANCE, DECLINED or ECHECK.

        An order's money moves once it is captured, a subscription's at once.
        """
        name = checkout if isinstance(checkout, str) else checkout.remote_id
        if name in self.books.subscriptions:
            subscriptions.agree(self.books, self.books.subscriptions[name])
        else:
            orders.approve(self.books, name, method)

    def decline(self, checkout: Checkout | str) -> None:
        """Be the buyer, whose bank will say no when the order is captured."""
        self.pay(checkout, DECLINED)

    def clear(self, capture: str, *, paid: bool = True) -> None:
        """Let the bank carry out an ECHECK, or not."""
        orders.clear(self.books, self.books.captures[capture], paid=paid)

    def moved(self) -> list[Money]:
        """What money has moved, fees aside: in, and as less than nothing out."""
        books = self.books
        came = [one["amount"] for one in books.captures.values() if one["status"] in _PAID]
        came += [
            one["amount_with_breakdown"]["gross_amount"]
            for payments in books.payments.values()
            for one in payments
            if one["status"] in _PAID
        ]
        went = [read(one["amount"]) for one in books.refunds.values() if one["status"] != "FAILED"]
        back = [Money(amount=-one.amount, currency=one.currency) for one in went]
        return [*(read(one) for one in came), *back]

    def give_back(self, payment: str, amount: Mapping[str, str] | None = None) -> Object:
        """Be the seller, who gives a subscription's payment back in PayPal's pages; its event."""
        return subscriptions.give_back(self.books, payment, amount)

    def fail_refund(self, refund: str) -> None:
        """A bank sends a refund back."""
        refunds.fail(self.books, self.books.refunds[refund])

    def dispute(self, payment: str, outcome: str = "open") -> str:
        """A buyer disputes a capture or a subscription's payment; the dispute's id.

        ``outcome`` is ``open``, ``won`` or ``lost``.
        """
        if payment in self.books.captures:
            amount = self.books.captures[payment]["amount"]
        else:
            sale = subscriptions.sold(self.books, payment)
            amount = sale["amount_with_breakdown"]["gross_amount"]
        made = str(disputes.opened(self.books, payment, amount)["dispute_id"])
        if outcome != "open":
            self.close_dispute(made, won=outcome == "won")
        return made

    def close_dispute(self, dispute: str, *, won: bool = False, outcome: str = "") -> None:
        """PayPal decides; ``outcome`` is one of PayPal's own codes."""
        code = outcome or (disputes.WON if won else disputes.LOST)
        disputes.decided(self.books, self.books.disputes[dispute], code)

    def renew(self, subscription: str, paid: bool) -> Object:  # noqa: FBT001 - as the kit calls it
        """Let a period pass, after which its payment is taken or fails; the event of that."""
        told = self.books.subscriptions[subscription]
        self.books.now = datetime.fromisoformat(told["billing_info"]["next_billing_time"])
        return self.retry(subscription, paid=paid)

    def retry(self, subscription: str, *, paid: bool) -> Object:
        """PayPal tries, once more, to take what a period costs; the event of that."""
        told = self.books.subscriptions[subscription]
        return (subscriptions.pay if paid else subscriptions.fail)(self.books, told)

    def suspend(self, subscription: str) -> Object:
        """PayPal has tried often enough; the event of that."""
        return subscriptions.suspend(self.books, self.books.subscriptions[subscription])

    # Webhooks.

    def events(self) -> list[Object]:
        """What has happened that a webhook is told of, the oldest first."""
        return list(self.books.events)

    def webhook(
        self, event: Object | None = None, *, late: float = 0.0, **headers: str
    ) -> WebhookRequest:
        """An event as it is sent, the newest where none is given.

        It arrives ``late`` seconds after it was signed; ``headers`` replace its own, ``_`` for
        their ``-``.
        """
        sent, body = self._post.signed(event or self.books.events[-1], WEBHOOK, self.books.now)
        told = sent | {name.replace("_", "-"): one for name, one in headers.items()}
        received = self.books.now.timestamp() + late
        return WebhookRequest(headers=told, body=body, received_at=received)

    def webhooks(self, seed: int, *, copies: int = 2) -> list[WebhookRequest]:
        """All events, each several times and in any order, as PayPal reserves to itself."""
        sent = [self.webhook(event) for event in self.books.events for _ in range(copies)]
        random.Random(seed).shuffle(sent)  # noqa: S311  # nosec B311 - shuffles test material
        return sent

    def stranger(self) -> WebhookRequest:
        """An event that was signed for another account's webhook."""
        headers, body = self._post.signed(self.books.events[-1], _OTHERS, self.books.now)
        received = self.books.now.timestamp()
        return WebhookRequest(headers=headers, body=body, received_at=received)
