"""A provider of payments whose calls are signed and tell their facts themselves, as a plugin."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bloop_sdk import AuthError, Plugin, UnsupportedError, WebhookRequest
from bloop_sdk.money import Money
from bloop_sdk.providers.content import CheckResult
from bloop_sdk.providers.payments import (
    Checkout,
    CheckoutRequest,
    FactKind,
    PaymentFact,
    PaymentNews,
    PaymentSpec,
)

KEY = b"what the till signs with"
HEADER = "x-till"
LEEWAY_SECONDS = 300


def signed(event: str, *facts: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a call of this moment."""
    at = datetime.now(UTC).isoformat()
    body = json.dumps({"id": event, "at": at, "facts": facts}).encode()
    return {HEADER: hmac.new(KEY, body, hashlib.sha256).hexdigest()}, body


def fact_of(told: Mapping[str, Any]) -> PaymentFact:
    """A fact as a call tells it."""
    fee = told.get("fee")
    return PaymentFact(
        kind=FactKind(told["kind"]),
        id=told["id"],
        remote_id=told["remote_id"],
        as_of=datetime.fromisoformat(told["as_of"]),
        money=Money(amount=told["amount"], currency="EUR"),
        fee=None if fee is None else Money(amount=fee, currency="EUR"),
        about=told.get("about", ""),
    )


class TillProvider:
    """Takes what a call tells, and nothing else."""

    def __init__(self, _ctx: Any) -> None:
        pass

    def spec(self) -> PaymentSpec:
        """It calls."""
        return PaymentSpec(currencies=frozenset({"EUR"}), webhooks=True)

    async def check(self) -> CheckResult:
        """Nothing can be wrong."""
        return CheckResult(account="till")

    async def create_checkout(self, request: CheckoutRequest, _key: str) -> Checkout:
        """Begun for every order."""
        return Checkout(remote_id=f"co-{request.number}", url="https://till.example/pay")

    async def settle(self, _remote_id: str, _key: str) -> Sequence[PaymentFact]:
        """Only calls tell."""
        return ()

    async def refund(self, _capture: str, _money: Money, _key: str, *, reason: str = "") -> Any:
        """It keeps what it has."""
        raise UnsupportedError(f"nothing is given back ({reason})")

    async def fetch(self, _remote_id: str) -> Sequence[PaymentFact]:
        """Only calls tell."""
        return ()

    async def changed(self, _since: datetime) -> AsyncIterator[str]:
        """Only calls tell."""
        for name in ():
            yield name

    async def verify_webhook(self, request: WebhookRequest) -> PaymentNews:
        """HMAC-SHA256 of the body, and the time in it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        expected = hmac.new(KEY, request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers.get(HEADER, "")):
            raise AuthError("the till did not sign this")
        told = json.loads(request.body)
        at = datetime.fromisoformat(told["at"])
        if abs(at.timestamp() - request.received_at) > LEEWAY_SECONDS:
            raise AuthError("this was signed at another time")
        facts = tuple(fact_of(one) for one in told["facts"])
        return PaymentNews(event_id=told["id"], occurred_at=at, facts=facts)


class Main(Plugin):
    """The till."""
