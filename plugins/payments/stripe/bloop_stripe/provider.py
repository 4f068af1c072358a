"""The ``payments`` provider: what the hub, and through it a shop, calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

from bloop_sdk import CallContext, CheckResult, WebhookRequest
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    Can,
    Checkout,
    CheckoutLine,
    CheckoutRequest,
    PaymentFact,
    PaymentNews,
    PaymentSpec,
)
from bloop_stripe import checkout, events, fetching, refunding, subscribing
from bloop_stripe.api import Api
from bloop_stripe.checking import check
from bloop_stripe.config import StripeConfig

ABLE = frozenset(
    {Can.SUBSCRIBE, Can.TRIAL, Can.REFUND, Can.REFUND_PART, Can.CHANGE_PLAN, Can.PORTAL}
)


class StripeProvider:
    """One institution's account. It keeps nothing: Stripe is asked each time."""

    def __init__(self, ctx: CallContext) -> None:
        config = ctx.config
        assert isinstance(config, StripeConfig)
        self._config = config
        self._api = Api(ctx, config)

    def spec(self) -> PaymentSpec:
        """Everything; tax where it was switched on."""
        tax = {Can.TAX} if self._config.automatic_tax else set()
        return PaymentSpec(can=ABLE | tax, webhooks=bool(self._config.signing_secrets))

    async def check(self) -> CheckResult:
        """Whose account it is, and what the key or the account lacks."""
        return await check(self._api, self._config)

    async def create_checkout(self, request: CheckoutRequest, idempotency_key: str) -> Checkout:
        """A page of Stripe Checkout; it can be paid for a day."""
        return await checkout.create(self._api, self._config, request, idempotency_key)

    async def settle(self, remote_id: str, idempotency_key: str) -> Sequence[PaymentFact]:
        """As :meth:`fetch`: Stripe takes the money itself."""
        del idempotency_key
        return await self.fetch(remote_id)

    async def refund(
        self, capture: str, money: Money, idempotency_key: str, *, reason: str = ""
    ) -> PaymentFact:
        """Give back the whole or a part of a charge."""
        return await refunding.refund(self._api, capture, money, idempotency_key, reason)

    async def fetch(self, remote_id: str) -> Sequence[PaymentFact]:
        """The facts of a checkout, a subscription, or what an event or :meth:`changed` named."""
        return await fetching.fetch(self._api, remote_id)

    def changed(self, since: datetime) -> AsyncGenerator[str, None]:
        """What events there were; of more than a month ago, what was made since."""
        return fetching.changed(self._api, since)

    async def verify_webhook(self, request: WebhookRequest) -> PaymentNews:
        """What an event is about; it proves no more than that something happened to it."""
        return events.news(self._config, request)

    async def cancel(
        self, subscription: str, idempotency_key: str, *, at_period_end: bool
    ) -> Sequence[PaymentFact]:
        """End a subscription, now or with its period; nothing is given back by it."""
        return await subscribing.cancel(
            self._api, subscription, idempotency_key, at_period_end=at_period_end
        )

    async def change_plan(
        self, subscription: str, line: CheckoutLine, idempotency_key: str
    ) -> Sequence[PaymentFact]:
        """Another plan from now on; the difference is paid or credited at once."""
        return await subscribing.change_plan(
            self._api, self._config, subscription, line, idempotency_key
        )

    async def portal(self, subscription: str, return_url: str) -> str:
        """Stripe's customer portal."""
        return await subscribing.portal(self._api, subscription, return_url)
