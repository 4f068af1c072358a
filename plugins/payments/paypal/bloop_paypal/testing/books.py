"""What an account holds: objects by their ids, a clock, and the events that happened.

Names of errors and their form: developer.paypal.com/api/rest/responses.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Object = dict[str, Any]

API = "https://api-m.sandbox.paypal.com"
OTHER = "https://api.sandbox.paypal.com"
"""Whose addresses PayPal writes in many of its links, whatever host was asked."""
PAGES = "https://www.sandbox.paypal.com"

WHOLE = frozenset(["HUF", "JPY", "TWD"])
"""Currencies without decimals (developer.paypal.com/api/rest/reference/currency-codes)."""

_NAMES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, or violates schema."),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    422: ("UNPROCESSABLE_ENTITY", "The requested action could not be performed."),
}


class RefusedError(Exception):
    """PayPal's answer to what it does not do; ``issue`` is its name for the reason."""

    def __init__(self, status: int, issue: str = "", *, name: str = "") -> None:
        super().__init__(issue or name or str(status))
        known, message = _NAMES.get(status, ("INTERNAL_SERVER_ERROR", "An error has occurred."))
        self.status = status
        self.body: Object = {"name": name or known, "message": message, "debug_id": "f4ke"}
        if issue:
            self.body["details"] = [{"issue": issue, "description": f"({issue})"}]


class Books:
    """Everything of one account; ``now`` is its clock, which stands still until it is set."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.orders: dict[str, Object] = {}
        self.captures: dict[str, Object] = {}
        self.refunds: dict[str, Object] = {}
        self.disputes: dict[str, Object] = {}
        self.plans: dict[str, Object] = {}
        self.subscriptions: dict[str, Object] = {}
        self.payments: dict[str, list[Object]] = {}
        """Of subscriptions, the oldest first."""
        self.events: list[Object] = []
        self.methods: dict[str, str] = {}
        """With what an order's buyer pays."""
        self.asks = False
        """Whether another price waits for the buyer's consent, as it does at PayPal; else they give
        it at once."""
        self._ids = itertools.count(1)

    def id(self, kind: str) -> str:
        """A name that nothing else has."""
        return f"{kind}{next(self._ids):06d}"

    def time(self, after: timedelta = timedelta(0)) -> str:
        """The clock's time, or one after it, as PayPal writes it."""
        return written(self.now + after)

    def happened(self, kind: str, resource: Mapping[str, Any]) -> Object:
        """Say that something happened, with the object as it is now."""
        event = {
            "id": self.id("WH-E"),
            "event_version": "1.0",
            "event_type": kind,
            "create_time": self.time(),
            "resource": copy.deepcopy(dict(resource)),
        }
        self.events.append(event)
        return event


def written(moment: datetime) -> str:
    """A time as PayPal writes it, in whole seconds."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def found(those: Mapping[str, Object], id_: str) -> Object:
    """One by its id; refuses what there is not."""
    if id_ not in those:
        raise RefusedError(404, "INVALID_RESOURCE_ID")
    return those[id_]


def needed(sent: Mapping[str, Any], *names: str) -> None:
    """Refuse what lacks a field that has to be there."""
    if any(name not in sent for name in names):
        raise RefusedError(400, "MISSING_REQUIRED_PARAMETER")


def money(value: Decimal | str, currency: str) -> dict[str, str]:
    """An amount, with two decimals where it comes as a number."""
    text = value if isinstance(value, str) else f"{value:.{0 if currency in WHOLE else 2}f}"
    return {"currency_code": currency, "value": text}


def value_of(told: Mapping[str, str]) -> Decimal:
    """The number of an amount."""
    return Decimal(told["value"])


def above(resource: Mapping[str, Any]) -> str:
    """The id of what a capture or refund stands below."""
    return next(
        (str(one["href"]).rpartition("/")[2] for one in resource["links"] if one["rel"] == "up"), ""
    )


def links(**hrefs: str) -> list[dict[str, str]]:
    """Links by their relation, ``_`` for its ``-``."""
    return [{"rel": rel.replace("_", "-"), "href": href} for rel, href in hrefs.items()]


def paged(those: list[Object], token: str, size: int) -> tuple[list[Object], str]:
    """A page of a list, and the token of the next one where there is more."""
    at = int(token or "0")
    return those[at : at + size], str(at + size) if at + size < len(those) else ""
