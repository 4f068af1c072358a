"""An account with Stripe: keys, idempotency, webhooks, and the people who pay into it."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from bloop_sdk import Request, Response, WebhookRequest
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import Checkout
from bloop_sdk.testing import reply
from bloop_stripe.api import VERSION
from bloop_stripe.checking import ADDRESS
from bloop_stripe.events import EVENTS
from bloop_stripe.testing import billing, params, routes, shop
from bloop_stripe.testing.books import Books, Object
from bloop_stripe.testing.params import RefusedError

KEY = "sk_test_" + "fakefakefakefake"
EXPIRED_KEY = "sk_test_" + "expiredexpired"
SIGNING = "whsec_" + "fakefakefakefake"
THIN_SIGNING = "whsec_" + "thinthinthinthin"
_HUB = "//hub.example/in/school"
VISA, DECLINED, DEBIT = "pm_card_visa", "pm_card_chargeDeclined", "pm_sepaDebit"


@dataclass(frozen=True, slots=True)
class _Saved:
    """What an idempotency key was used for, and the answer that it keeps."""

    request: str
    status: int
    body: Object


@dataclass(slots=True)
class _Trouble:
    """A request that goes wrong: before it is done, or after."""

    path: re.Pattern[str]
    status: int
    done: bool
    left: int


class FakeStripe:
    """What Stripe documents, as far as payments, refunds, disputes and subscriptions need it."""

    settings: Mapping[str, Any] = {"secret_key": KEY, "webhook_secret": SIGNING}

    def __init__(self) -> None:
        self.books = Books()
        self.requests: list[str] = []
        self.keys: dict[str, frozenset[str] | None] = {KEY: None}
        """API keys, and the permissions of restricted ones."""
        self._saved: dict[str, _Saved] = {}
        self._troubles: list[_Trouble] = []
        self.books.objects["acct_fake"] = {
            "id": "acct_fake",
            "object": "account",
            "business_profile": {"name": "Riverside University"},
            "charges_enabled": True,
            "country": "DE",
            "created": self.books.now,
            "default_currency": "eur",
        }
        self.books.objects["we_fake"] = {
            "id": "we_fake",
            "object": "webhook_endpoint",
            "created": self.books.now,
            "enabled_events": list(EVENTS),
            "status": "enabled",
            "url": f"https:{_HUB}{ADDRESS}",
        }

    # Requests.

    async def answer(self, request: Request) -> Response:
        """As api.stripe.com answers."""
        path = urlsplit(request.url).path
        self.requests.append(f"{request.method} {path.removeprefix('/v1/')}")
        try:
            status, body, replayed = self._answered(request, path, self._trouble(path))
        except RefusedError as err:
            status, body, replayed = err.status, err.body, False
        headers = {"request-id": f"req_{len(self.requests)}"}
        if replayed:
            headers["idempotent-replayed"] = "true"
        return reply(body, status=status, headers=headers)

    def fail(self, path: str, status: int = 500, *, done: bool, times: int = 1) -> None:
        """Let requests fail: ``done`` says that they did what they should, and cannot tell.

        Stripe keeps such a failure under the request's idempotency key, and answers it again.
        """
        self._troubles.append(_Trouble(re.compile(path), status, done, times))

    def _trouble(self, path: str) -> _Trouble | None:
        """What goes wrong after a request was done; raises what goes wrong before."""
        for one in self._troubles:
            if one.left and one.path.search(path):
                if one.done:
                    return one
                one.left -= 1
                raise RefusedError(one.status, "Something went wrong.", kind="api_error")
        return None

    def _answered(
        self, request: Request, path: str, trouble: _Trouble | None
    ) -> tuple[int, Object, bool]:
        permissions = self._permissions(request)
        if request.headers.get("stripe-version") != VERSION:
            raise RefusedError(400, "Invalid Stripe API version.")
        route, names = routes.found(request.method, path)
        if permissions is not None and not _may(permissions, route.permission):
            raise RefusedError(
                403,
                f"The provided key '{'*' * 20}' does not have the required permissions for this "
                f"endpoint on account 'acct_fake'. Having the 'rak_{route.permission}' permission "
                "would allow this request to continue.",
            )
        sent = (request.body or b"").decode()
        given = params.nested(sent if request.method == "POST" else urlsplit(request.url).query)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        whole = f"{path}?{sent}"
        if key and (saved := self._saved.get(key)):
            if saved.request != whole:
                raise RefusedError(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters they "
                    "were first used with.",
                    kind="idempotency_error",
                )
            return saved.status, copy.deepcopy(saved.body), True
        params.check(given, route.declared)
        status, body = self._done(route, names.get("id", ""), given, trouble)
        if key:
            self._saved[key] = _Saved(whole, status, copy.deepcopy(body))
        return status, body, False

    def _done(
        self, route: routes.Route, name: str, given: Object, trouble: _Trouble | None
    ) -> tuple[int, Object]:
        try:
            status, body = 200, copy.deepcopy(route.act(self.books, name, given))
        except RefusedError as err:
            if not err.saved:
                raise
            status, body = err.status, err.body
        if trouble is not None and status == 200:
            trouble.left -= 1
            return trouble.status, {"error": {"type": "api_error", "message": "Unknown error"}}
        return status, body

    def _permissions(self, request: Request) -> frozenset[str] | None:
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if key == EXPIRED_KEY:
            raise RefusedError(401, "Expired API Key provided: sk_test_***", code="api_key_expired")
        if key not in self.keys:
            raise RefusedError(401, "Invalid API Key provided: sk_test_***")
        return self.keys[key]

    # Buyers, banks and time.

    def session(self, checkout: Checkout | str) -> Object:
        """The session of a checkout."""
        name = checkout if isinstance(checkout, str) else checkout.remote_id
        return self.books.get("checkout.session", name)

    def pay(self, checkout: Checkout | str, method: str = VISA) -> None:
        """Be the buyer, with a payment method: VISA, DECLINED or DEBIT."""
        shop.complete(self.books, self.session(checkout), method)

    def decline(self, checkout: Checkout | str) -> None:
        """Be the buyer, whose bank says no."""
        self.pay(checkout, DECLINED)

    def clear(self, checkout: Checkout | str, *, paid: bool = True) -> None:
        """Let the bank carry out a DEBIT, or not."""
        shop.clear(self.books, self.session(checkout), paid=paid)

    def expire(self, checkout: Checkout | str) -> None:
        """Let a day pass without a payment."""
        shop.expire(self.books, self.session(checkout))

    def moved(self) -> list[Money]:
        """What money has moved, fees aside."""
        return list(self.books.moved)

    def dispute(self, capture: str, outcome: str = "open") -> str:
        """A bank takes a charge back; its dispute."""
        charge = self.books.get("charge", capture)
        return str(shop.dispute(self.books, charge, outcome)["id"])

    def close_dispute(self, dispute: str, *, won: bool) -> None:
        """The bank decides about a dispute that is open."""
        shop.close_dispute(self.books, self.books.get("dispute", dispute), won=won)

    def fail_refund(self, refund: str) -> None:
        """A bank sends a refund back."""
        shop.fail_refund(self.books, self.books.get("refund", refund))

    def renew(self, subscription: str, paid: bool) -> None:  # noqa: FBT001 - as the kit calls it
        """Let a period pass."""
        found = self.books.get("subscription", subscription)
        billing.renew(self.books, found, paid=paid)

    def retry(self, subscription: str, *, paid: bool) -> None:
        """Stripe tries once more to take what a renewal costs."""
        found = self.books.get("subscription", subscription)
        invoice = self.books.get("invoice", found["latest_invoice"])
        billing.pay(self.books, found, invoice, paid=paid)

    def give_up(self, subscription: str, status: str = "canceled") -> None:
        """Stripe has tried often enough: the subscription is ``canceled``, or ``unpaid``."""
        found = self.books.get("subscription", subscription)
        if status == "canceled":
            billing.end(self.books, found)
        else:
            found["status"] = status
            self.books.happened("customer.subscription.updated", found)

    def forget_keys(self) -> None:
        """Let a day pass, after which idempotency keys are forgotten."""
        self._saved.clear()

    # Webhooks.

    def events(self) -> list[Object]:
        """What has happened that an endpoint is told of, the oldest first."""
        return [one for one in self.books.all("event") if one["type"] in EVENTS]

    def webhook(
        self, event: Object | None = None, *, thin: bool = False, late: float = 0.0
    ) -> WebhookRequest:
        """An event as it is sent, the newest where none is given; ``late`` seconds after that.

        Each time it is sent it is signed anew.
        """
        sent = event or self.events()[-1]
        body = json.dumps(_thin(sent) if thin else sent).encode()
        return self._signed(body, THIN_SIGNING if thin else SIGNING, self.books.now + late)

    def webhooks(self, seed: int, *, copies: int = 2) -> list[WebhookRequest]:
        """All events, each several times and in any order, as Stripe reserves to itself."""
        sent = [self.webhook(event) for event in self.events() for _ in range(copies)]
        random.Random(seed).shuffle(sent)  # noqa: S311  # nosec B311 - shuffles test material
        return sent

    def stranger(self) -> WebhookRequest:
        """An event that was signed for another endpoint."""
        body = json.dumps(self.events()[-1]).encode()
        return self._signed(body, SIGNING[::-1], self.books.now)

    def _signed(self, body: bytes, secret: str, at: float) -> WebhookRequest:
        stamp = int(at)
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": f"t={stamp},v1={digest},v0={'0' * 64}",
            "User-Agent": "Stripe/1.0",
        }
        return WebhookRequest(headers=headers, body=body, received_at=at)


def _may(permissions: frozenset[str], needed: str) -> bool:
    """Who may write may read."""
    return needed in permissions or needed.replace("_read", "_write") in permissions


def _thin(event: Object) -> Object:
    """An event that names its object, and shows nothing of it."""
    about = event["data"]["object"]
    created = datetime.fromtimestamp(event["created"], UTC)
    return {
        "id": event["id"],
        "object": "v2.core.event",
        "type": f"v1.{event['type']}",
        "created": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "livemode": event["livemode"],
        "related_object": {
            "id": about["id"],
            "type": about["object"],
            "url": f"/v1/{about['object']}s/{about['id']}",
        },
    }
