"""A till that follows the contract of payments: it remembers keys, and can lose its answers.

What stands in ``TILL`` is the world outside: it outlasts every provider that is made of it.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import urlencode

from bloop_sdk import (
    AuthError,
    NotFoundError,
    Plugin,
    PreconditionFailedError,
    UnavailableError,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.content import CheckResult
from bloop_sdk.providers.payments import (
    Can,
    Checkout,
    FactKind,
    PaymentFact,
    PaymentNews,
    PaymentSpec,
    Period,
    Subscription,
    SubscriptionStatus,
)

SECRET = b"of the till"
LEEWAY = 300


class Till:
    """All that has happened at the till."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.keys = {}
        self.checkouts = {}
        self.facts = {}
        self.moved = []
        self.lost = 0
        self.plan = None
        self.counter = itertools.count(1)

    def now(self):
        return datetime.now(UTC)

    def lose_answers(self, count=1):
        """The next calls are done, and their answers never arrive."""
        self.lost = count

    def answer(self, value):
        if self.lost:
            self.lost -= 1
            raise UnavailableError("the line broke")
        return value

    def once(self, key, asked, work):
        """What the first call with a key has done; another one with other values is refused."""
        if key in self.keys:
            before, value = self.keys[key]
            if before != asked:
                raise PreconditionFailedError("this key was used for something else")
        else:
            value = work()
            self.keys[key] = (asked, value)
        return self.answer(value)

    def state(self, fact):
        self.facts[str(fact.kind), fact.id] = fact
        return fact

    def of(self, remote_id):
        if remote_id not in self.checkouts:
            raise NotFoundError(f"the till knows no {remote_id}")
        names = {remote_id, self.checkouts[remote_id].get("subscription")}
        return [one for one in self.facts.values() if one.remote_id in names]

    # What buyers, banks and time do.

    def pay(self, remote_id, amount=None, currency=None, tax=0, fee=0, period=None, at=None):
        made = self.checkouts[remote_id]
        money = Money(
            amount=made["total"].amount if amount is None else amount,
            currency=currency or made["total"].currency,
        )
        self.moved.append(("captured", money.amount))
        return self.state(PaymentFact(
            kind=FactKind.CAPTURED, id=f"cap-{next(self.counter)}", remote_id=remote_id,
            as_of=at or self.now(), order=made["order"], money=money, tax=tax,
            fee=Money(amount=fee, currency="EUR") if fee else None, period=period,
        ))  # fmt: skip

    def subscribe(self, remote_id, days=30, at=None, trial=False, pays=True):
        """A buyer has subscribed: the first payment, or a trial."""
        at = at or self.now()
        made, name = self.checkouts[remote_id], f"sub-{remote_id}"
        made["subscription"] = name
        period = Period(start=at, end=at + timedelta(days=days))
        status = SubscriptionStatus.TRIALING if trial else SubscriptionStatus.ACTIVE
        self.renewed(remote_id, status, period, at)
        if not trial and pays:
            self.pay(remote_id, period=period, at=at)
        return name

    def renewed(self, remote_id, status, period, at=None, **more):
        made = self.checkouts[remote_id]
        told = Subscription(
            status=status, period=period, plan=more.pop("plan", made["plan"]), **more
        )
        return self.state(PaymentFact(
            kind=FactKind.SUBSCRIPTION, id=made["subscription"], remote_id=remote_id,
            as_of=at or self.now(), order=made["order"], subscription=told,
        ))  # fmt: skip

    def told(self, kind, capture, amount=None, id_=None, **more):
        """Something happened to a capture: a dispute, its end, a refund in the till's office."""
        money = Money(
            amount=capture.money.amount if amount is None else amount,
            currency=capture.money.currency,
        )
        return self.state(PaymentFact(
            kind=kind, id=id_ or f"{kind}-{next(self.counter)}", remote_id=capture.remote_id,
            as_of=more.pop("at", None) or self.now(), order=capture.order, money=money,
            about=capture.id, **more,
        ))  # fmt: skip

    def expire(self, remote_id):
        return self.state(PaymentFact(
            kind=FactKind.EXPIRED, id=remote_id, remote_id=remote_id, as_of=self.now(),
            order=self.checkouts[remote_id]["order"],
        ))  # fmt: skip


TILL = Till()


class TillProvider:
    """One institution's account at the till."""

    def __init__(self, ctx):
        self.ctx = ctx

    def spec(self):
        return PaymentSpec(
            can=frozenset(Can) - {Can.BY_HAND}, currencies=frozenset({"EUR", "JPY"}), webhooks=True
        )

    async def check(self):
        return CheckResult(account="till")

    async def create_checkout(self, request, idempotency_key):
        def work():
            remote_id = "co-" + hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]
            TILL.checkouts[remote_id] = {
                "order": request.order, "total": request.total, "agreed": False,
                "plan": request.lines[0].plan,
            }  # fmt: skip
            return Checkout(remote_id=remote_id, url=f"https://till.example/{remote_id}")

        return TILL.once(idempotency_key, (request.order, request.total), work)

    async def settle(self, remote_id, idempotency_key):
        def work():
            if TILL.checkouts[remote_id]["agreed"]:
                TILL.pay(remote_id)

        if TILL.checkouts.get(remote_id, {}).get("agreed"):
            TILL.once(idempotency_key, remote_id, work)
            return TILL.of(remote_id)
        return await self.fetch(remote_id)

    async def refund(self, capture, money, idempotency_key, *, reason=""):
        def work():
            paid = TILL.facts["captured", capture]
            gone = sum(
                one.money.amount
                for one in TILL.facts.values()
                if one.kind is FactKind.REFUNDED and one.about == capture
            )
            if money.amount > paid.money.amount - gone:
                raise PreconditionFailedError("less is left")
            TILL.moved.append(("refunded", money.amount))
            return TILL.told(FactKind.REFUNDED, paid, money.amount, reason=reason)

        return TILL.once(idempotency_key, (capture, money), work)

    async def fetch(self, remote_id):
        return TILL.answer(TILL.of(remote_id))

    async def changed(self, since):
        for remote_id in list(TILL.checkouts):
            if any(one.as_of >= since for one in TILL.of(remote_id)):
                yield remote_id

    async def verify_webhook(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        expected = hmac.new(SECRET, request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, headers.get("x-till", "")):
            raise AuthError("the till did not sign this")
        told = json.loads(request.body)
        at = datetime.fromisoformat(told["at"])
        if abs(at.timestamp() - request.received_at) > LEEWAY:
            raise AuthError("this was signed at another time")
        facts = [TILL.facts[tuple(one)] for one in told["facts"]]
        return PaymentNews(
            event_id=told["id"], occurred_at=at, facts=tuple(facts), fetch=tuple(told["fetch"])
        )

    async def cancel(self, subscription, idempotency_key, *, at_period_end):
        remote_id = subscription.removeprefix("sub-")
        now = TILL.facts["subscription", subscription].subscription

        def work():
            status = now.status if at_period_end else SubscriptionStatus.ENDED
            return [TILL.renewed(remote_id, status, now.period, ends=at_period_end)]

        return TILL.once(idempotency_key, (subscription, at_period_end), work)

    async def change_plan(self, subscription, line, idempotency_key):
        remote_id = subscription.removeprefix("sub-")
        now = TILL.facts["subscription", subscription].subscription

        def work():
            return [TILL.renewed(
                remote_id, now.status, now.period, plan=line.plan, quantity=line.quantity
            )]  # fmt: skip

        return TILL.once(idempotency_key, (subscription, line), work)

    async def portal(self, subscription, return_url):
        return f"https://till.example/portal/{subscription}"


def signed(event_id, facts=(), fetch=(), at=None, secret=SECRET):
    """A call of the till: headers and body."""
    told = {
        "id": event_id,
        "at": (at or datetime.now(UTC)).isoformat(),
        "facts": [[str(one.kind), one.id] for one in facts],
        "fetch": list(fetch),
    }
    body = json.dumps(told).encode()
    return {"x-till": hmac.new(secret, body, hashlib.sha256).hexdigest()}, body


class Main(Plugin):
    """The till as a plugin."""


ADMIN = ("commerce:buy", "commerce:books", "commerce:refund", "commerce:sell")


def asked(query=None, form=None, **path):
    async def body():
        return urlencode(form or {}).encode()

    headers = {"host": "hub.example", "origin": "https://hub.example"}
    return SimpleNamespace(path_params=path, query_params=query or {}, body=body, headers=headers)
