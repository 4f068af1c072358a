"""The suite for payments: Stripe passes (in its own tests), and for every rule one does not."""

from __future__ import annotations

import dataclasses
import uuid

import pytest

from bloop_sdk import AuthError, BloopError, NotFoundError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import Can, FactKind, PaymentNews, SubscriptionStatus
from bloop_sdk.testing import ContractError, Payments
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.payments import PAYMENTS
from bloop_stripe import provider as real
from bloop_stripe.events import EVENTS
from bloop_stripe.provider import StripeProvider
from bloop_stripe.testing import FakeStripe

PLUGIN = PluginUnderTest("bloop_stripe")
BAD = {"secret_key": "sk_test_" + "neverneverneverx"}

BROKEN = []


def broken(*rules):
    def add(provider):
        BROKEN.extend((rule, provider) for rule in rules)
        return provider

    return add


class Restated(StripeProvider):
    """States something else than what is so."""

    def restate(self, fact):
        return fact

    async def fetch(self, remote_id):
        found = [self.restate(fact) for fact in await super().fetch(remote_id)]
        return [fact for fact in found if fact is not None]


def but(kind, /, **changes):
    """States facts of a kind otherwise; None keeps quiet about them."""

    class Other(Restated):
        def restate(self, fact):
            if fact.kind is not kind:
                return fact
            return dataclasses.replace(fact, **changes) if changes else None

    return Other


def stands(**changes):
    """States otherwise how a subscription stands."""

    class Other(Restated):
        def restate(self, fact):
            if fact.subscription is None:
                return fact
            told = dataclasses.replace(fact.subscription, **changes)
            return dataclasses.replace(fact, subscription=told)

    return Other


@broken("specification")
class ChangesItsMind(StripeProvider):
    asked = 0

    def spec(self):
        self.asked += 1
        return dataclasses.replace(super().spec(), webhooks=self.asked > 1)


@broken("specification")
class Promises(StripeProvider):
    def spec(self):
        return dataclasses.replace(super().spec(), can=frozenset({Can.BY_HAND}))


@broken("check_with_good_credentials")
class MissesSomething(StripeProvider):
    async def check(self):
        return dataclasses.replace(await super().check(), missing=("refunds",))


@broken("check_with_bad_credentials")
class TakesAnyKey(StripeProvider):
    async def check(self):
        try:
            return await super().check()
        except AuthError:
            return real.CheckResult(account="somebody")


@broken("a_checkout")
class LeadsNowhere(StripeProvider):
    async def create_checkout(self, request, idempotency_key):
        made = await super().create_checkout(request, idempotency_key)
        return dataclasses.replace(made, url="")


@broken("the_same_key", "money_back_once", "lost_answers", "killed_at_any_step")
class AlwaysAnew(StripeProvider):
    async def create_checkout(self, request, idempotency_key):
        return await super().create_checkout(request, uuid.uuid4().hex)

    async def refund(self, capture, money, idempotency_key, *, reason=""):
        return await super().refund(capture, money, uuid.uuid4().hex, reason=reason)


@broken("another_order_under_a_key")
class LooksAtTheKeyAlone(StripeProvider):
    def __init__(self, ctx):
        super().__init__(ctx)
        self.store = ctx.store

    async def create_checkout(self, request, idempotency_key):
        if self.store.get(idempotency_key) is None:
            made = await super().create_checkout(request, idempotency_key)
            self.store.set(idempotency_key, made)
        return self.store.get(idempotency_key)


@broken("a_payment")
class ForgetsTheOrder(Restated):
    def restate(self, fact):
        return dataclasses.replace(fact, order="")


@broken("a_payment")
class RoundsUp(Restated):
    def restate(self, fact):
        return dataclasses.replace(fact, money=Money(amount=99_00, currency="EUR"))


@broken("a_discount")
class GivesNoDiscount(StripeProvider):
    async def create_checkout(self, request, idempotency_key):
        whole = dataclasses.replace(request, discount=0)
        return await super().create_checkout(whole, idempotency_key)


@broken("currencies")
class TwoDigits(Restated):
    def restate(self, fact):
        if fact.money is None or fact.money.currency != "JPY":
            return fact
        return dataclasses.replace(
            fact, money=Money(amount=fact.money.amount * 100, currency="JPY")
        )


@broken("settled_again")
class SaysItOnce(StripeProvider):
    said = False

    async def settle(self, remote_id, idempotency_key):
        facts = await super().settle(remote_id, idempotency_key)
        type(self).said, said = not self.said, self.said
        return [] if said else facts


@broken("facts_stay")
class NamesItAnew(Restated):
    def restate(self, fact):
        return dataclasses.replace(fact, id=uuid.uuid4().hex)


@broken("unknown_names", "garbled_answers")
class KnowsNothing(StripeProvider):
    async def fetch(self, remote_id):
        try:
            return await super().fetch(remote_id)
        except BloopError:
            return []


BROKEN += [
    ("a_decline", but(FactKind.FAILED)),
    ("a_decline", but(FactKind.FAILED, kind=FactKind.CAPTURED)),
    ("an_expiry", but(FactKind.EXPIRED)),
    ("a_dispute", but(FactKind.DISPUTED)),
    ("a_dispute", but(FactKind.DISPUTED, about="another")),
    ("a_dispute", but(FactKind.DISPUTE_WON, kind=FactKind.DISPUTE_LOST)),
    ("money_back", but(FactKind.REFUNDED, money=Money(amount=1, currency="EUR"))),
    ("a_subscription", stands(period=None)),
    ("a_subscription", but(FactKind.CAPTURED, period=None)),
    ("a_renewal", but(FactKind.CAPTURED, remote_id="the-checkout")),
    ("a_renewal_that_fails", stands(status=SubscriptionStatus.ACTIVE)),
    ("a_renewal_that_fails", but(FactKind.FAILED)),
    ("a_trial", stands(status=SubscriptionStatus.ACTIVE)),
]


@broken("some_money_back", "no_money_back")
class GivesWhatIsLeft(StripeProvider):
    async def refund(self, capture, money, idempotency_key, *, reason=""):
        for amount in (money.amount, 4700, 700, 1):
            less = Money(amount=max(amount, 1), currency="EUR")
            try:
                key = f"{idempotency_key}/{amount}"
                return await super().refund(capture, less, key, reason=reason)
            except NotFoundError:
                raise
            except BloopError:
                continue
        raise AssertionError("nothing is left")


@broken("what_has_changed")
class SeesNothing(StripeProvider):
    async def changed(self, since):
        for name in ():
            yield name


@broken("what_has_changed")
class StammersAndNames(StripeProvider):
    async def changed(self, since):
        async for name in super().changed(since):
            yield name
            yield name


@broken("no_subscriptions")
class SubscribesInSecret(StripeProvider):
    def spec(self):
        return dataclasses.replace(super().spec(), can=frozenset({Can.REFUND, Can.REFUND_PART}))


@broken("webhooks")
class LeadsToNothing(StripeProvider):
    async def verify_webhook(self, request):
        return dataclasses.replace(await super().verify_webhook(request), fetch=())


@broken("webhooks")
class AnotherNameEachTime(StripeProvider):
    async def verify_webhook(self, request):
        news = await super().verify_webhook(request)
        return dataclasses.replace(news, event_id=uuid.uuid4().hex)


@broken("forged_webhooks")
class BelievesTheFuture(StripeProvider):
    async def verify_webhook(self, request):
        late = dataclasses.replace(request, received_at=request.received_at + 2 * 3600)
        try:
            return await super().verify_webhook(late)
        except AuthError:
            return await super().verify_webhook(request)


@broken("forged_webhooks", "no_webhooks")
class Believes(StripeProvider):
    def spec(self):
        return dataclasses.replace(super().spec(), webhooks=False)

    async def verify_webhook(self, request):
        return PaymentNews(event_id=EVENTS[0], occurred_at=real.datetime.now().astimezone())


@broken("secrecy")
class Chats(StripeProvider):
    async def fetch(self, remote_id):
        raise NotFoundError(f"{self._config.key} finds no {remote_id}")


@broken("secrecy")
class LogsWhoPays(StripeProvider):
    def __init__(self, ctx):
        super().__init__(ctx)
        self.log = ctx.log

    async def create_checkout(self, request, idempotency_key):
        self.log.info("checkout", buyer=request.email)
        return await super().create_checkout(request, idempotency_key)


@broken("an_end_with_the_period")
class EndsAtOnce(StripeProvider):
    async def cancel(self, subscription, idempotency_key, *, at_period_end):
        return await super().cancel(subscription, idempotency_key, at_period_end=False)


@broken("an_end_at_once")
class EndsLater(StripeProvider):
    async def cancel(self, subscription, idempotency_key, *, at_period_end):
        return await super().cancel(subscription, idempotency_key, at_period_end=True)


@broken("another_plan")
class OneSeatForAll(StripeProvider):
    async def change_plan(self, subscription, line, idempotency_key):
        one = dataclasses.replace(line, quantity=1)
        return await super().change_plan(subscription, one, idempotency_key)


@broken("a_portal")
class HasNoPage(StripeProvider):
    async def portal(self, subscription, return_url):
        return ""


@pytest.mark.parametrize(
    ("rule", "provider"), BROKEN, ids=[f"{rule}-{one.__name__}" for rule, one in BROKEN]
)
async def test_a_broken_provider_breaks_the_rule(rule, provider, tmp_path):
    case = PAYMENTS.case(PLUGIN, "payments", Payments(make=FakeStripe, bad=BAD), tmp_path)
    case.make = provider
    with pytest.raises(ContractError):
        await PAYMENTS.rules[rule].check(case)


def test_every_rule_is_broken_by_some_provider():
    assert PAYMENTS.rules.keys() == {rule for rule, _ in BROKEN}
