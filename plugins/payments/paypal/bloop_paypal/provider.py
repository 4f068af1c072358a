"""Orders v2, refunds, and what webhooks hint at: true is what PayPal says when it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bloop_paypal.config import PayPalConfig
from bloop_paypal.errors import RefusedError
from bloop_paypal.facts import dispute_facts, known, link, open_until, order_facts, refund_facts
from bloop_paypal.money import CURRENCIES, read, written
from bloop_paypal.subscriptions import Subscriptions, is_subscription
from bloop_paypal.webhooks import news, require_genuine, verified
from bloop_sdk import (
    AuthError,
    CallContext,
    NotFoundError,
    PermissionMissingError,
    PreconditionFailedError,
    UnavailableError,
    UnsupportedError,
    WebhookRequest,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.content import CheckResult
from bloop_sdk.providers.payments import (
    Can,
    Checkout,
    CheckoutLine,
    CheckoutRequest,
    FactKind,
    PaymentFact,
    PaymentNews,
    PaymentSpec,
)

if TYPE_CHECKING:
    from bloop_paypal.transport import Api

_CAN = frozenset(
    [Can.SUBSCRIBE, Can.TRIAL, Can.REFUND, Can.REFUND_PART, Can.CHANGE_PLAN, Can.PORTAL]
)
_TOO_MUCH = frozenset(
    ["REFUND_AMOUNT_EXCEEDED", "CAPTURE_FULLY_REFUNDED", "REFUND_CAPTURE_CURRENCY_MISMATCH"]
)
_NEVER_BACK = frozenset(
    [
        *("REFUND_TIME_LIMIT_EXCEEDED", "REFUND_TIME_EXCEEDED_FOR_PAYMENT_SOURCE"),
        *("MAX_NUMBER_OF_REFUNDS_EXCEEDED", "PARTIAL_REFUND_NOT_ALLOWED", "REFUND_NOT_ALLOWED"),
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
    ]
)
"""Refunds that PayPal refuses whenever it is asked (its page of errors, payments v2)."""
_DECLINED = frozenset(
    [
        *("INSTRUMENT_DECLINED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "PAYER_CANNOT_PAY"),
        *("PAYER_ACCOUNT_RESTRICTED", "PAYER_ACCOUNT_LOCKED_OR_CLOSED", "TRANSACTION_REFUSED"),
        *("TRANSACTION_LIMIT_EXCEEDED", "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"),
        *("COMPLIANCE_VIOLATION", "PAYEE_BLOCKED_TRANSACTION", "TRANSACTION_BLOCKED_BY_PAYEE"),
    ]
)
_REFUND, _DISPUTE = "refund", "dispute"
"""How what is known of these alone is named."""
_OPEN = timedelta(hours=6)
"""So long PayPal keeps an order that nobody has agreed to."""
_DISPUTABLE = timedelta(days=180)
_ANOTHER = "use another key for another request"
_WAITING = frozenset(
    ["ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED", "ORDER_COMPLETION_IN_PROGRESS"]
)


class PayPalProvider:
    """An institution's PayPal account."""

    def __init__(self, ctx: CallContext) -> None:
        config = ctx.config
        assert isinstance(config, PayPalConfig)
        self._config, self._ctx = config, ctx

    def spec(self) -> PaymentSpec:
        """Single payments and subscriptions, in PayPal's currencies."""
        hears = bool(self._config.webhook_id)
        return PaymentSpec(can=_CAN, currencies=CURRENCIES, webhooks=hears)

    async def check(self) -> CheckResult:
        """Whether PayPal takes the credentials, and knows the webhook."""
        webhooks = (await self._call("GET", "/v1/notifications/webhooks")).get("webhooks") or []
        known = {str(one.get("id")) for one in webhooks}
        gaps = () if self._config.webhook_id in known else ("no webhook of this app calls the hub",)
        return CheckResult(
            account=self._config.brand or f"app {self._config.client_id[:12]}",
            site=self._config.mode,
            gaps=gaps,
        )

    async def create_checkout(self, request: CheckoutRequest, idempotency_key: str) -> Checkout:
        """An order for PayPal's own page, or a subscription."""
        if request.interval is not None:
            return await self._subscriptions.create(request, idempotency_key)
        order = await self._call(
            "POST", "/v2/checkout/orders", self._order(request), key=idempotency_key
        )
        # PayPal answers a request id as it did first, whatever is asked the second time.
        for unit in order.get("purchase_units") or []:
            if (unit.get("custom_id"), read(unit["amount"])) != (request.order, request.total):
                raise PreconditionFailedError("this key was used for another order", cure=_ANOTHER)
        return Checkout(
            remote_id=str(order["id"]),
            url=link(order, "payer-action", "approve"),
            expires_at=open_until(order, _OPEN),
        )

    async def settle(self, remote_id: str, idempotency_key: str) -> Sequence[PaymentFact]:
        """Capture what the buyer has approved; nothing where they have not yet."""
        if is_subscription(remote_id):
            return await self.fetch(remote_id)
        path = f"/v2/checkout/orders/{_part(remote_id)}/capture"
        try:
            # PayPal wants an empty object, and none at all is refused.
            await self._call("POST", path, {}, key=idempotency_key)
        except RefusedError as err:
            if err.issue in _DECLINED:
                return [*await self.fetch(remote_id), self._declined(remote_id, err)]
            if err.issue not in {"ORDER_ALREADY_CAPTURED", *_WAITING}:
                raise
        return await self.fetch(remote_id)

    async def refund(
        self, capture: str, money: Money, idempotency_key: str, *, reason: str = ""
    ) -> PaymentFact:
        """Give back a part of a capture, or all of it."""
        if not capture:
            raise NotFoundError("PayPal knows no capture without a name")
        if money.amount <= 0:
            raise PreconditionFailedError(f"{money} cannot be given back")
        body: dict[str, Any] = {"amount": written(money)}
        if reason:
            body["note_to_payer"] = reason[:255]
        path = f"/v2/payments/captures/{_part(capture)}"
        try:
            refund = await self._call("POST", f"{path}/refund", body, key=idempotency_key)
        except RefusedError as err:
            if err.issue in _TOO_MUCH:
                raise PreconditionFailedError(
                    str(err.message), cure="look how much is left of the payment"
                ) from err
            if err.issue in _NEVER_BACK:
                raise UnsupportedError(
                    str(err.message), cure="send the money to the buyer in another way"
                ) from err
            raise
        if read(refund["amount"]) != money:
            raise PreconditionFailedError("this key was used for another refund", cure=_ANOTHER)
        about = await self._about(capture)
        refund.setdefault("links", []).append({"rel": "up", "href": path})
        return next(refund_facts(refund, about))

    async def fetch(self, remote_id: str) -> Sequence[PaymentFact]:
        """An order with its captures, refunds and disputes; or a subscription."""
        try:
            return await self._fetched(remote_id)
        except (KeyError, TypeError, AttributeError, ValueError) as err:
            # Nothing is concluded from an answer that is not what it should be.
            raise UnavailableError(f"PayPal's answer about {remote_id[:80]} lacks {err}") from err

    async def _fetched(self, remote_id: str) -> list[PaymentFact]:
        if is_subscription(remote_id):
            facts = list(await self._subscriptions.fetch(remote_id))
            # What is older than half a year nobody can dispute any more.
            since = datetime.now(UTC) - _DISPUTABLE
            return facts + await self._disputed([one for one in facts if one.as_of > since])
        part, _, id_ = remote_id.partition("/")
        if part in {_REFUND, _DISPUTE} and id_:
            return await self._by_itself(part, id_)
        if not remote_id:
            raise NotFoundError("PayPal knows no order without a name")
        order = await self._call("GET", f"/v2/checkout/orders/{_part(remote_id)}")
        facts = list(order_facts(known(order, remote_id)))
        return facts + await self._disputed(facts)

    async def changed(self, since: datetime) -> AsyncIterator[str]:
        """What the events of the app's webhooks are about; PayPal keeps them for thirty days."""
        query = {
            "start_time": _text(since),
            "end_time": _text(datetime.now(UTC)),
            "page_size": 100,
        }
        path, seen = f"/v1/notifications/webhooks-events?{urlencode(query)}", set[str]()
        while path:
            page = await self._call("GET", path)
            for event in page.get("events") or []:
                for remote_id in await self._named(event):
                    if remote_id not in seen:
                        seen.add(remote_id)
                        yield remote_id
            path = link(page, "next")

    async def verify_webhook(self, request: WebhookRequest) -> PaymentNews:
        """An event that PayPal says is its own; what it tells is looked up, and not believed."""
        question, event = verified(request, self._config.webhook_id)
        path = "/v1/notifications/verify-webhook-signature"
        try:
            require_genuine(await self._call("POST", path, question))
        except RefusedError as err:
            raise AuthError("PayPal takes this for no webhook at all") from err
        return news(event, await self._named(event))

    async def cancel(
        self, subscription: str, idempotency_key: str, *, at_period_end: bool
    ) -> Sequence[PaymentFact]:
        """End a subscription; what was paid for lasts to its period's end either way."""
        del at_period_end  # PayPal ends it at once and gives nothing back.
        return await self._subscriptions.cancel(subscription, idempotency_key)

    async def change_plan(
        self, subscription: str, line: CheckoutLine, idempotency_key: str
    ) -> Sequence[PaymentFact]:
        """Have it go on with another plan; the buyer may have to agree at PayPal."""
        return await self._subscriptions.revise(subscription, line, idempotency_key)

    async def portal(self, subscription: str, return_url: str) -> str:
        """PayPal's own page of automatic payments."""
        del subscription, return_url
        host = "www.paypal.com" if self._config.mode == "live" else "www.sandbox.paypal.com"
        return f"https://{host}/myaccount/autopay/"

    @cached_property
    def _api(self) -> Api:
        # Where nobody pays, neither requests nor PayPal's package is loaded.
        from bloop_paypal.transport import Api
        from bloop_sdk.bridges.requests import session

        return Api(self._config, session(self._ctx.http))

    @cached_property
    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self._call, self._config.brand)

    async def _call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        api = self._api
        return await self._ctx.run_sync(api.call, method, path, body, key=key[:108])

    def _order(self, request: CheckoutRequest) -> dict[str, Any]:
        whole = sum(line.unit_price.amount * line.quantity for line in request.lines)
        currency = request.total.currency
        parts = {"item_total": written(Money(amount=whole, currency=currency))}
        if request.discount:
            parts["discount"] = written(Money(amount=request.discount, currency=currency))
        unit = {
            "reference_id": request.order,
            "custom_id": request.order,
            "description": ", ".join(line.title for line in request.lines)[:127],
            "amount": {**written(request.total), "breakdown": parts},
            "items": [
                {
                    "name": line.title[:127],
                    "quantity": str(line.quantity),
                    "unit_amount": written(line.unit_price),
                    "category": "DIGITAL_GOODS",
                }
                for line in request.lines
            ],
        }
        if request.number:
            unit["invoice_id"] = request.number[:127]
        return {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": self._shown(request)}},
        }

    def _shown(self, request: CheckoutRequest) -> dict[str, str]:
        shown = {
            "return_url": request.return_url,
            "cancel_url": request.cancel_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        if self._config.brand:
            shown["brand_name"] = self._config.brand
        if request.locale:
            shown["locale"] = request.locale
        return shown

    def _declined(self, remote_id: str, err: RefusedError) -> PaymentFact:
        return PaymentFact(
            kind=FactKind.FAILED,
            id=f"{remote_id}:{err.issue}",
            remote_id=remote_id,
            as_of=datetime.now(UTC),
            reason=str(err.message),
        )

    async def _about(self, capture: str) -> dict[str, Any]:
        """Which order, here and there, a capture is of."""
        told = await self._call("GET", f"/v2/payments/captures/{_part(capture)}")
        related = (told.get("supplementary_data") or {}).get("related_ids") or {}
        return {
            "remote_id": str(related.get("order_id") or ""),
            "order": str(told.get("custom_id") or ""),
        }

    async def _by_itself(self, part: str, id_: str) -> list[PaymentFact]:
        """A refund or dispute of a subscription's payment, which leads to nothing else."""
        unknown: dict[str, Any] = {"remote_id": "", "order": ""}
        if part == _REFUND:
            told = await self._call("GET", f"/v2/payments/refunds/{_part(id_)}")
            return list(refund_facts(known(told, id_), unknown))
        told = await self._call("GET", f"/v1/customer/disputes/{_part(id_)}")
        captures = _captures_of(told)
        return [fact for one in captures[:1] for fact in dispute_facts(told, one, unknown)]

    async def _disputed(self, facts: Sequence[PaymentFact]) -> list[PaymentFact]:
        """The disputes about captures."""
        found: list[PaymentFact] = []
        for capture in facts:
            if capture.kind is FactKind.CAPTURED:
                found += await self._disputes(capture)
        return found

    async def _disputes(self, capture: PaymentFact) -> list[PaymentFact]:
        query = urlencode({"disputed_transaction_id": capture.id, "page_size": 50})
        page_path, items = f"/v1/customer/disputes?{query}", list[Mapping[str, Any]]()
        while page_path:
            try:
                page = await self._call("GET", page_path)
            except PermissionMissingError:
                # An app need not see them, and what was paid counts all the same.
                return []
            items += page.get("items") or []
            page_path = link(page, "next")
        about: dict[str, Any] = {"remote_id": capture.remote_id, "order": capture.order}
        facts: list[PaymentFact] = []
        for item in items:
            path = f"/v1/customer/disputes/{_part(str(item['dispute_id']))}"
            facts += dispute_facts(await self._call("GET", path), capture.id, about)
        return facts

    async def _named(self, event: Mapping[str, Any]) -> list[str]:
        """The orders and subscriptions that an event is about; nothing where it names none."""
        kind, resource = str(event.get("event_type") or ""), event.get("resource") or {}
        own = str(resource.get("id") or "")
        if kind.startswith("CUSTOMER.DISPUTE."):
            # Of a subscription's payment PayPal names no order.
            own = str(resource.get("dispute_id") or "")
            found = await self._orders_of(_captures_of(resource))
            return found or ([f"{_DISPUTE}/{own}"] if own else [])
        if not own:
            return []
        if kind.startswith(("CHECKOUT.ORDER.", "BILLING.SUBSCRIPTION.")):
            return [own]
        if kind.startswith("PAYMENT.SALE."):
            name = resource.get("billing_agreement_id")
            if name and kind != "PAYMENT.SALE.REFUNDED":
                return [str(name)]
            # One that PayPal has reversed is told of as the refund that this made.
            is_back = kind in {"PAYMENT.SALE.REFUNDED", "PAYMENT.SALE.REVERSED"}
            return [f"{_REFUND}/{own}"] if is_back else []
        if not kind.startswith(("PAYMENT.CAPTURE.", "PAYMENT.REFUND.")):
            return []
        # A capture stands below its order, a refund below its capture.
        above, _, id_ = link(resource, "up").rpartition("/")
        if above.endswith("/orders"):
            return [id_]
        return await self._orders_of([id_ if above.endswith("/captures") else own])

    async def _orders_of(self, captures: Sequence[str]) -> list[str]:
        orders = []
        for capture in captures:
            try:
                orders.append((await self._about(capture))["remote_id"])
            except NotFoundError:
                continue
        return [one for one in orders if one]


def _captures_of(dispute: Mapping[str, Any]) -> list[str]:
    """The captures that a dispute is about, as far as PayPal names them."""
    about = dispute.get("disputed_transactions") or []
    return [str(one["seller_transaction_id"]) for one in about if one.get("seller_transaction_id")]


def _part(text: str) -> str:
    return quote(text, safe="")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
