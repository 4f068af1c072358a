"""Events: signed as they are sent, listed for a while, and looked at when PayPal is asked.

developer.paypal.com/docs/api/webhooks/v1 and /api/rest/webhooks: one that is not answered with 2xx
comes again, up to 25 times in three days, and in any order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bloop_paypal.testing.books import (
    API,
    OTHER,
    Books,
    Object,
    RefusedError,
    links,
    paged,
    written,
)

WEBHOOK = "8PT597110X687430L"
"""The id of the one webhook of the app."""
_KEPT = timedelta(days=30)
_PAGE = 2
_SIGNED = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time")


class Post:
    """What PayPal has sent, and to which webhook."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._sent: set[tuple[str, ...]] = set()

    def signed(
        self, event: Mapping[str, Any], webhook: str, at: datetime
    ) -> tuple[dict[str, str], bytes]:
        """The headers and body of an event that is sent; each time under a name of its own."""
        body = json.dumps(event, indent=1).encode()  # Spaces that nobody would write again.
        name = self._books.id("T")
        told = {
            "auth_algo": "SHA256withRSA",
            "cert_url": f"{API}/v1/notifications/certs/CERT-1",
            "transmission_id": name,
            "transmission_sig": f"sig-{name}",
            "transmission_time": written(at),
        }
        self._sent.add((webhook, *(told[one] for one in _SIGNED), body.decode()))
        headers = {f"PayPal-{one.replace('_', '-').title()}": told[one] for one in _SIGNED}
        return {"Content-Type": "application/json", **headers}, body

    def verified(self, sent: Mapping[str, Any], raw: str) -> Object:
        """POST /v1/notifications/verify-webhook-signature: whether these are the bytes it sent."""
        if any(one not in sent for one in (*_SIGNED, "webhook_id", "webhook_event")):
            raise RefusedError(400, "MISSING_REQUIRED_PARAMETER", name="VALIDATION_ERROR")
        body = raw.partition('"webhook_event": ')[2][:-1]
        asked = (str(sent["webhook_id"]), *(str(sent[one]) for one in _SIGNED), body)
        return {"verification_status": "SUCCESS" if asked in self._sent else "FAILURE"}


def listed(books: Books, query: Mapping[str, str]) -> Object:
    """GET /v1/notifications/webhooks-events, page by page; what is older than 30 days is gone."""
    first, last = query.get("start_time", ""), query.get("end_time", "")
    since = max(books.now - _KEPT, datetime.fromisoformat(first)) if first else books.now - _KEPT
    until = datetime.fromisoformat(last) if last else books.now
    those = [
        one for one in books.events if since <= datetime.fromisoformat(one["create_time"]) <= until
    ]
    events, token = paged(those, query.get("next_page_token", ""), _PAGE)
    span = "".join(f"{name}={query[name]}&" for name in ("start_time", "end_time") if name in query)
    page = f"{OTHER}/v1/notifications/webhooks-events?{span}next_page_token={token}"
    return {"events": events, "links": links(next=page) if token else []}
