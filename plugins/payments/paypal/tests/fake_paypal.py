"""A PayPal in memory, as its documentation says: request ids, states, errors with their issues."""

from __future__ import annotations

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from bloop_sdk.http import Request, Response

WHOLE = ("HUF", "JPY", "TWD")
WEBHOOK = "8PT597110X687430L"


class FakePayPal:
    """One account of the sandbox; the buyer's part is `approve` and `decline`."""

    def __init__(self):
        self.orders, self.captures, self.refunds = {}, {}, {}
        self.disputes, self.subscriptions, self.plans = {}, {}, {}
        self.payments, self.events, self.signed = {}, [], set()
        self.answers, self.tokens, self.asked = {}, set(), []
        self.declining, self.lose = False, 0
        self.refuse = {}  # The last word of a path: status and body of its answers.
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self._ids = itertools.count(1)

    # The buyer's side.

    def approve(self, order):
        self.orders[order]["status"] = "APPROVED"

    def agree(self, subscription, days=30):
        told = self.subscriptions[subscription]
        told |= {"status": "ACTIVE", "status_update_time": self.time()}
        trial = [
            one
            for one in self.plans[told["plan_id"]]["billing_cycles"]
            if one["tenure_type"] == "TRIAL"
        ]
        if not trial:
            self.renew(subscription, days)
            return
        after = timedelta(days=trial[0]["frequency"]["interval_count"])
        cycle = {"tenure_type": "TRIAL", "cycles_completed": 0, "cycles_remaining": 1}
        told["billing_info"] = {"next_billing_time": self.time(after), "cycle_executions": [cycle]}

    def fail(self, subscription):
        """A renewal that PayPal could not take; it tries again."""
        told = self.subscriptions[subscription]
        told["status_update_time"] = self.time()
        told["billing_info"]["failed_payments_count"] = 1
        plan = self.plans[told["plan_id"]]
        price = plan["billing_cycles"][-1]["pricing_scheme"]["fixed_price"]
        payment = {"id": self.id("SALE"), "status": "DECLINED", "time": self.time()}
        payment["amount_with_breakdown"] = {"gross_amount": price}
        self.payments[subscription].append(payment)

    def renew(self, subscription, days=30):
        told = self.subscriptions[subscription]
        if told["status"] != "ACTIVE":
            return None
        price = self.plans[told["plan_id"]]["billing_cycles"][-1]["pricing_scheme"]["fixed_price"]
        told["billing_info"] = {
            "failed_payments_count": 0,
            "last_payment": {"time": self.time()},
            "next_billing_time": self.time(timedelta(days=days)),
        }
        shares = {"gross_amount": price, "fee_amount": _money("-0.50", price["currency_code"])}
        payment = {"id": self.id("SALE"), "status": "COMPLETED", "time": self.time()}
        self.payments[subscription].append(payment | {"amount_with_breakdown": shares})
        resource = {"id": payment["id"], "billing_agreement_id": subscription}
        return self.event("PAYMENT.SALE.COMPLETED", resource)

    def give_back(self, sale, amount):
        """Somebody gives a subscription's payment back, in PayPal's own pages."""
        id_ = self.id("R")
        self.refunds[id_] = {
            "id": id_,
            "status": "COMPLETED",
            "create_time": self.time(),
            "amount": amount,
            "links": [{"rel": "up", "href": f"https://api/v2/payments/captures/{sale}"}],
        }
        return self.event("PAYMENT.SALE.REFUNDED", {"id": id_, "sale_id": sale})

    def dispute(self, capture, amount=None):
        id_ = self.id("PP-D")
        self.disputes[id_] = {
            "dispute_id": id_,
            "create_time": self.time(),
            "update_time": self.time(),
            "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
            "status": "OPEN",
            "dispute_amount": amount or self.captures[capture]["amount"],
            "disputed_transactions": [{"seller_transaction_id": capture}],
        }
        self.event("CUSTOMER.DISPUTE.CREATED", self.disputes[id_])
        return id_

    def resolve(self, dispute, outcome):
        told = {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
        self.disputes[dispute] |= told | {"update_time": self.time(timedelta(days=9))}

    def webhook(self, event, at=None):
        """The headers and body of an event as it is sent."""
        body = json.dumps(event, indent=1).encode()  # Spaces that nobody would write again.
        sent = (at or self.now).isoformat().replace("+00:00", "Z")
        headers = {
            "PayPal-Auth-Algo": "SHA256withRSA",
            "PayPal-Cert-Url": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
            "PayPal-Transmission-Id": self.id("T"),
            "PayPal-Transmission-Time": sent,
        }
        headers["PayPal-Transmission-Sig"] = f"sig-{headers['PayPal-Transmission-Id']}"
        self.signed.add((*(headers[one] for one in sorted(headers)), body.decode()))
        return headers, body

    # The API.

    async def answer(self, came: Request) -> Response:
        split = urlsplit(came.url)
        self.asked.append((came.method, split.path))
        if split.path == "/v1/oauth2/token":
            return self._token(came)
        bearer = came.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer not in self.tokens:
            return _problem(401, "invalid_token", "Token signature verification failed")
        if came.method == "GET" and came.body:
            return _problem(400, "INVALID_REQUEST", "a GET with a body")
        key = came.headers.get("paypal-request-id")
        if key and (split.path, key) in self.answers:
            return _json(200, self.answers[split.path, key])
        status, body = self._route(came, split.path.strip("/").split("/"), parse_qs(split.query))
        if key and status < 300:
            self.answers[split.path, key] = body
        if self.lose and came.method == "POST" and status < 300:
            self.lose -= 1
            return Response(status=503, headers={}, body=b"<html>", url=came.url)
        return _json(status, body)

    def _token(self, came):
        user = base64.b64decode(came.headers["authorization"].removeprefix("Basic ")).decode()
        if user != "app:good":
            return _json(401, {"error": "invalid_client", "error_description": "Client failed"})
        token = self.id("A21")
        self.tokens.add(token)
        return _json(200, {"access_token": token, "token_type": "Bearer", "expires_in": 32400})

    def _route(self, came, path, query):
        if path[-1] in self.refuse:
            return self.refuse[path[-1]]
        sent = json.loads(came.body or b"{}")
        parts = {"checkout": self._at_checkout, "payments": self._at_payments}
        parts |= {"billing": self._at_billing, "catalogs": self._at_billing}
        parts |= {"customer": self._at_disputes, "notifications": self._at_notifications}
        part = parts.get(path[1])
        found = part((came.method, *path[2:]), sent, query, came) if part else None
        missing = {"name": "RESOURCE_NOT_FOUND", "message": "The resource does not exist."}
        return found or (404, missing)

    def _at_checkout(self, asked, sent, _query, _came):
        match asked:
            case ("POST", "orders"):
                return self._make_order(sent)
            case ("GET", "orders", id_) if id_ in self.orders:
                return 200, self._order(id_)
            case ("POST", "orders", id_, "capture") if id_ in self.orders:
                return self._capture(id_)

    def _at_payments(self, asked, sent, _query, _came):
        match asked:
            case ("GET", "captures", id_) if id_ in self.captures:
                return 200, self.captures[id_]
            case ("GET", "refunds", id_) if id_ in self.refunds:
                return 200, self.refunds[id_]
            case ("POST", "captures", id_, "refund") if id_ in self.captures:
                return self._refund(id_, sent)

    def _at_disputes(self, asked, _sent, query, _came):
        match asked:
            case ("GET", "disputes"):
                of = query["disputed_transaction_id"][0]
                found = [
                    {"dispute_id": id_}
                    for id_, one in self.disputes.items()
                    if one["disputed_transactions"][0]["seller_transaction_id"] == of
                ]
                at = int(query.get("next_page_token", ["0"])[0])
                page = {"items": found[at : at + 1], "links": []}
                if at + 1 < len(found):
                    url = "https://api-m.sandbox.paypal.com/v1/customer/disputes"
                    href = f"{url}?disputed_transaction_id={of}&next_page_token={at + 1}"
                    page["links"] = [{"rel": "next", "href": href}]
                return 200, page
            case ("GET", "disputes", id_) if id_ in self.disputes:
                return 200, self.disputes[id_]

    def _at_notifications(self, asked, sent, query, came):
        match asked:
            case ("POST", "verify-webhook-signature"):
                return 200, {"verification_status": self._verified(came.body.decode(), sent)}
            case ("GET", "webhooks"):
                return 200, {"webhooks": [{"id": WEBHOOK}]}
            case ("GET", "webhooks-events"):
                return 200, self._listed(query)

    def _at_billing(self, asked, sent, _query, _came):
        match asked:
            case ("POST", "products"):
                return 201, {"id": self.id("PROD")}
            case ("POST", "plans"):
                id_ = self.id("P")
                self.plans[id_] = sent | {"id": id_}
                return 201, self.plans[id_]
            case ("GET", "plans", id_) if id_ in self.plans:
                return 200, self.plans[id_]
            case ("POST", "subscriptions"):
                return self._subscribe(sent)
            case (_, "subscriptions", id_, *rest) if id_ in self.subscriptions:
                return self._of_subscription(id_, asked[0], rest, sent)

    def _of_subscription(self, id_, method, rest, sent):
        match (method, *rest):
            case ("GET",):
                return 200, self.subscriptions[id_]
            case ("GET", "transactions"):
                return 200, {"transactions": self.payments[id_]}
            case ("POST", "revise"):
                self.subscriptions[id_] |= sent | {"update_time": self.time()}
                return 200, self.subscriptions[id_]
            case ("POST", "cancel"):
                if self.subscriptions[id_]["status"] not in {"ACTIVE", "SUSPENDED"}:
                    return _unprocessable("SUBSCRIPTION_STATUS_INVALID")
                told = {"status": "CANCELLED", "status_update_time": self.time(timedelta(hours=1))}
                self.subscriptions[id_] |= told
                # It names no next one, as there is none.
                self.subscriptions[id_].get("billing_info", {}).pop("next_billing_time", None)
                return 204, None

    def _make_order(self, sent):
        (unit,) = sent["purchase_units"]
        amount = unit["amount"]
        parts = amount["breakdown"]
        whole = sum(
            round(float(one["unit_amount"]["value"]) * 100) * int(one["quantity"])
            for one in unit["items"]
        )
        if round(float(parts["item_total"]["value"]) * 100) != whole:
            return _unprocessable("ITEM_TOTAL_MISMATCH")
        discount = round(float(parts.get("discount", {"value": 0})["value"]) * 100)
        if round(float(amount["value"]) * 100) != whole - discount:
            return _unprocessable("AMOUNT_MISMATCH")
        id_ = self.id("O")
        links = [
            {"rel": "payer-action", "href": f"https://www.sandbox.paypal.com/checkoutnow?{id_}"}
        ]
        made = {"id": id_, "status": "PAYER_ACTION_REQUIRED", "create_time": self.time()}
        self.orders[id_] = made | {"purchase_units": [unit], "links": links}
        return 200, self.orders[id_]

    def _order(self, id_):
        order = json.loads(json.dumps(self.orders[id_]))
        own = [one for one in self.captures.values() if _above(one) == id_]
        if own:
            ids = {one["id"] for one in own}
            refunds = [one for one in self.refunds.values() if _above(one) in ids]
            order["purchase_units"][0]["payments"] = {"captures": own, "refunds": refunds}
        return order

    def _capture(self, id_):
        order = self.orders[id_]
        if order["status"] == "COMPLETED":
            return _unprocessable("ORDER_ALREADY_CAPTURED")
        if order["status"] != "APPROVED":
            return _unprocessable("ORDER_NOT_APPROVED")
        if self.declining:
            return _unprocessable("INSTRUMENT_DECLINED")
        order["status"] = "COMPLETED"
        (unit,) = order["purchase_units"]
        currency, capture = unit["amount"]["currency_code"], self.id("C")
        self.captures[capture] = {
            "id": capture,
            "status": "COMPLETED",
            "create_time": self.time(),
            "custom_id": unit["custom_id"],
            "amount": _money(unit["amount"]["value"], currency),
            "seller_receivable_breakdown": {
                "gross_amount": _money(unit["amount"]["value"], currency),
                "paypal_fee": _money("2" if currency in WHOLE else "1.77", currency),
            },
            "supplementary_data": {"related_ids": {"order_id": id_}},
            "links": [{"rel": "up", "href": f"https://api/v2/checkout/orders/{id_}"}],
        }
        self.event("PAYMENT.CAPTURE.COMPLETED", self.captures[capture])
        return 201, self._order(id_)

    def _refund(self, capture, sent):
        gone = sum(_cents(one["amount"]) for one in self.refunds.values() if _above(one) == capture)
        left = _cents(self.captures[capture]["amount"]) - gone
        if left == 0:
            return _unprocessable("CAPTURE_FULLY_REFUNDED")
        if sent["amount"]["currency_code"] != self.captures[capture]["amount"]["currency_code"]:
            return _unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH")
        if _cents(sent["amount"]) > left:
            return _unprocessable("REFUND_AMOUNT_EXCEEDED")
        id_ = self.id("R")
        self.refunds[id_] = {
            "id": id_,
            "status": "COMPLETED",
            "create_time": self.time(),
            "amount": sent["amount"],
            "note_to_payer": sent.get("note_to_payer", ""),
            "links": [{"rel": "up", "href": f"https://api/v2/payments/captures/{capture}"}],
        }
        self.event("PAYMENT.CAPTURE.REFUNDED", self.refunds[id_])
        return 201, json.loads(json.dumps(self.refunds[id_]))

    def _subscribe(self, sent):
        id_ = self.id("I-S")
        made = {"id": id_, "status": "APPROVAL_PENDING", "start_time": self.time()}
        made["create_time"] = self.time()
        links = [{"rel": "approve", "href": f"https://www.sandbox.paypal.com/subscribe?{id_}"}]
        self.subscriptions[id_] = sent | made | {"links": links}
        self.payments[id_] = []
        return 201, self.subscriptions[id_]

    def _verified(self, raw, sent):
        names = ("auth_algo", "cert_url", "transmission_id", "transmission_sig")
        told = [sent[one] for one in (*names, "transmission_time")]
        body = raw.partition('"webhook_event": ')[2][:-1]
        genuine = (*told, body) in self.signed and sent["webhook_id"] == WEBHOOK
        return "SUCCESS" if genuine else "FAILURE"

    def _listed(self, query):
        """Two events to a page."""
        first, last = (query[one][0] for one in ("start_time", "end_time"))
        found = [one for one in self.events if first <= one["create_time"] <= last]
        at = int(query.get("next_page_token", ["0"])[0])
        page = {"events": found[at : at + 2], "links": []}
        if at + 2 < len(found):
            url = f"https://api-m.sandbox.paypal.com/v1/notifications/webhooks-events?start_time={first}"
            href = f"{url}&end_time={last}&next_page_token={at + 2}"
            page["links"] = [{"rel": "next", "href": href}]
        return page

    def event(self, kind, resource):
        told = {"id": self.id("WH-E"), "event_type": kind, "create_time": self.time()}
        self.events.append(told | {"resource": json.loads(json.dumps(resource))})
        return self.events[-1]

    def id(self, kind):
        return f"{kind}{next(self._ids):06d}"

    def time(self, after=timedelta(0)):
        return (self.now + after).isoformat().replace("+00:00", "Z")


def _money(value, currency):
    return {"value": value, "currency_code": currency}


def _cents(money):
    return round(float(money["value"]) * 100)


def _above(resource):
    return resource["links"][0]["href"].rpartition("/")[2]


def _unprocessable(issue):
    name = "UNPROCESSABLE_ENTITY"
    return 422, {"name": name, "details": [{"issue": issue, "description": f"({issue})"}]}


def _problem(status, name, message):
    return _json(status, {"name": name, "message": message})


def _json(status, body):
    text = b"" if body is None else json.dumps(body).encode()
    return Response(status=status, headers={"content-type": "application/json"}, body=text, url="")
