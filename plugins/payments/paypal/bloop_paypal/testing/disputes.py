"""Disputes: opened by a buyer, listed by their transaction, decided by PayPal.

developer.paypal.com/docs/api/customer-disputes/v1, and the stages at /docs/disputes.
"""

from __future__ import annotations

from collections.abc import Mapping

from bloop_paypal.testing.books import API, OTHER, Books, Object, RefusedError, links, paged

LOST, WON = "RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR"
OUTCOMES = frozenset(
    [LOST, WON, "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "ACCEPTED", "DENIED", "NONE"]
)
_PAGE = 1
"""Fewer than is asked for: PayPal may give fewer, and pages are turned."""


def opened(books: Books, transaction: str, amount: Mapping[str, str]) -> Object:
    """A buyer disputes a capture, or a payment of a subscription."""
    id_ = books.id("PP-D-")
    books.disputes[id_] = {
        "dispute_id": id_,
        "create_time": books.time(),
        "update_time": books.time(),
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "status": "OPEN",
        "dispute_life_cycle_stage": "INQUIRY",
        "dispute_amount": dict(amount),
        "disputed_transactions": [{"seller_transaction_id": transaction}],
        "links": links(self=f"{API}/v1/customer/disputes/{id_}"),
    }
    books.happened("CUSTOMER.DISPUTE.CREATED", books.disputes[id_])
    return books.disputes[id_]


def decided(books: Books, dispute: Object, outcome: str) -> None:
    """PayPal has decided, or the buyer has taken it back."""
    if dispute["status"] == "RESOLVED" or outcome not in OUTCOMES:
        raise AssertionError(f"{dispute['dispute_id']} cannot become {outcome}")
    told = {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
    dispute |= told | {"update_time": books.time()}
    books.happened("CUSTOMER.DISPUTE.RESOLVED", dispute)


def listed(books: Books, query: Mapping[str, str]) -> Object:
    """GET /v1/customer/disputes: of one transaction, without what only one by itself shows."""
    if "disputed_transaction_id" not in query:
        raise RefusedError(400, "MISSING_REQUIRED_PARAMETER")
    of = query["disputed_transaction_id"]
    those = [
        {name: one[name] for name in ("dispute_id", "create_time", "reason", "status")}
        for one in books.disputes.values()
        if one["disputed_transactions"][0]["seller_transaction_id"] == of
    ]
    items, token = paged(those, query.get("next_page_token", ""), _PAGE)
    page = f"{OTHER}/v1/customer/disputes?disputed_transaction_id={of}&next_page_token={token}"
    return {"items": items, "links": links(next=page) if token else []}
