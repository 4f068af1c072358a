"""Payment by bank transfer: buyers are told the account, and an operator says what has come.

Nothing is asked of any system: what is known of an order is what was noted here, each note under a
key of its own in ``ctx.store``, so that two at the same time lose nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bloop_invoice.config import InvoiceConfig
from bloop_sdk import (
    AuthError,
    CallContext,
    ConfigError,
    NotFoundError,
    PreconditionFailedError,
    UnsupportedError,
    WebhookRequest,
    words_of,
)
from bloop_sdk.money import Money
from bloop_sdk.providers.content import CheckResult
from bloop_sdk.providers.payments import (
    Can,
    Checkout,
    CheckoutRequest,
    FactKind,
    PaymentFact,
    PaymentNews,
    PaymentSpec,
)

_MOST_DAYS = 400
"""What is asked of a longer time is looked for in all days at once."""
_CAN = frozenset({Can.BY_HAND, Can.REFUND, Can.REFUND_PART})


class InvoiceProvider:
    """The account of one institution."""

    def __init__(self, ctx: CallContext) -> None:
        config = ctx.config
        assert isinstance(config, InvoiceConfig)
        self._config = config
        self._store = ctx.store

    def spec(self) -> PaymentSpec:
        """One payment at a time, in any currency."""
        return PaymentSpec(can=_CAN)

    async def check(self) -> CheckResult:
        """Whether buyers can be told where to pay."""
        self._require_account()
        return CheckResult(account=self._config.payee or self._config.iban)

    async def create_checkout(self, request: CheckoutRequest, idempotency_key: str) -> Checkout:
        """Note what is to come, and say where; raises ConfigError where nobody said that yet."""
        if request.interval is not None:
            raise UnsupportedError("a bank transfer pays once: nothing renews it")
        self._require_account()
        remote_id = _name(idempotency_key)
        asked = {
            "order": request.order,
            "number": request.number,
            "amount": request.total.amount,
            "currency": request.total.currency,
        }
        kept = self._store.get(_order(remote_id))
        if kept is not None and any(kept[name] != value for name, value in asked.items()):
            raise PreconditionFailedError("this key was used for another order", cure="use another")
        if kept is None:
            until = datetime.now(UTC) + timedelta(days=self._config.days)
            kept = asked | {"until": until.isoformat()}
            self._store.set(_order(remote_id), kept)
        return Checkout(
            remote_id=remote_id,
            expires_at=datetime.fromisoformat(kept["until"]),
            instructions=self._instructions(kept, request.locale),
        )

    async def settle(self, remote_id: str, idempotency_key: str) -> Sequence[PaymentFact]:
        """Money comes by itself, or does not."""
        del idempotency_key
        return await self.fetch(remote_id)

    async def record(
        self, remote_id: str, money: Money, reference: str, received_at: datetime
    ) -> PaymentFact:
        """Note money that has come; the same reference counts once."""
        order = self._known(remote_id)
        if money.currency != order["currency"] or money.amount <= 0:
            raise PreconditionFailedError(
                f"{money} does not pay an order in {order['currency']}",
                cure="say what came in the order's own currency, or give it back",
            )
        told = {"kind": FactKind.CAPTURED.value, "at": received_at.isoformat(), "reason": reference}
        return self._keep(remote_id, _name(f"{remote_id} {reference}"), money, told)

    async def refund(
        self, capture: str, money: Money, idempotency_key: str, *, reason: str = ""
    ) -> PaymentFact:
        """Note money that was given back; never more than came."""
        remote_id, _, _ = capture.partition(".")
        id_ = _name(f"{remote_id} {idempotency_key}")
        if self._store.get(_fact(remote_id, id_)) is None:
            left = sum(
                fact.money.amount if fact.kind is FactKind.CAPTURED else -fact.money.amount
                for fact in await self.fetch(remote_id)
                if fact.money is not None and capture in {fact.id, fact.about}
            )
            currency = self._known(remote_id)["currency"]
            if not 0 < money.amount <= left or money.currency != currency:
                raise PreconditionFailedError(
                    f"{money} cannot be given back",
                    cure=f"{Money(amount=left, currency=currency)} is left of the payment",
                )
        told = {
            "kind": FactKind.REFUNDED.value,
            "at": datetime.now(UTC).isoformat(),
            "about": capture,
            "reason": reason,
        }
        return self._keep(remote_id, id_, money, told)

    async def fetch(self, remote_id: str) -> Sequence[PaymentFact]:
        """What was noted of an order, in the order of time."""
        order = self._known(remote_id)["order"]
        keys = self._store.keys(_fact(remote_id, ""))
        noted = [(key, self._store.get(key)) for key in keys]
        facts = [_stated(remote_id, order, key, told) for key, told in noted if told is not None]
        return sorted(facts, key=lambda fact: (fact.as_of, fact.id))

    async def changed(self, since: datetime) -> AsyncIterator[str]:
        """The orders of which something was noted since then: no others are looked at."""
        now = datetime.now(UTC)
        prefixes = [_day(since + timedelta(days=n)) for n in range((now - since).days + 2)]
        if len(prefixes) > _MOST_DAYS:
            prefixes = [_day(None)]
        seen: set[str] = set()
        for key in (key for prefix in prefixes for key in self._store.keys(prefix)):
            remote_id = key.rpartition("/")[2]
            if remote_id not in seen:
                seen.add(remote_id)
                if any(fact.as_of >= since for fact in await self.fetch(remote_id)):
                    yield remote_id

    async def verify_webhook(self, request: WebhookRequest) -> PaymentNews:
        """No bank calls."""
        del request
        raise AuthError("bank transfers have no webhook", cure="take its address away there")

    def _require_account(self) -> None:
        if not (self._config.iban or self._config.note):
            raise ConfigError(
                "nobody has said where buyers pay",
                cure="set `iban` (and `payee`) of the plugin invoice, or a `note`",
            )

    def _instructions(self, order: dict[str, Any], locale: str) -> str:
        """Where to pay what by when, in the buyer's language; a bank reads it in either."""
        config, money = self._config, Money(amount=order["amount"], currency=order["currency"])
        words = words_of("bloop_invoice", locale or "en")
        _ = words.gettext
        lines = [_("Amount: {money}").format(money=money)]
        if config.iban:
            lines += [_("Payee: {payee}").format(payee=config.payee)] if config.payee else []
            lines += [_("IBAN: {iban}").format(iban=_in_fours(config.iban))]
            lines += [_("Bank: {bank}").format(bank=config.bank)] if config.bank else []
        lines += [_("Reference: {reference}").format(reference=order["number"] or order["order"])]
        lines += [_("Pay by: {day}").format(day=words.day(datetime.fromisoformat(order["until"])))]
        return "\n".join([*lines, *([config.note] if config.note else [])])

    def _known(self, remote_id: str) -> dict[str, Any]:
        kept = self._store.get(_order(remote_id))
        if kept is None:
            raise NotFoundError(f"no bank transfer {remote_id[:40]} is waited for")
        return dict(kept)

    def _keep(self, remote_id: str, id_: str, money: Money, told: dict[str, str]) -> PaymentFact:
        """Note something once; raises PreconditionFailedError where it was another amount."""
        order, key = self._known(remote_id)["order"], _fact(remote_id, id_)
        before = self._store.get(key)
        if before is None:
            before = told | {"amount": money.amount, "currency": money.currency}
            # First its day: a note that no day leads to would not be found again.
            self._store.set(_day(datetime.fromisoformat(told["at"])) + remote_id, {})
            self._store.set(key, before)
        noted = _stated(remote_id, order, key, before)
        if noted.money != money:
            raise PreconditionFailedError(
                f"this was noted before, as {noted.money}",
                cure="use another reference for another payment",
            )
        return noted


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _order(remote_id: str) -> str:
    return f"order/{remote_id}"


def _fact(remote_id: str, id_: str) -> str:
    return f"fact/{remote_id}/{id_}"


def _day(at: datetime | None) -> str:
    """Below which key the orders are named of which something is of a day, or of any."""
    return f"noted/{at.astimezone(UTC):%Y-%m-%d}/" if at else "noted/"


def _in_fours(iban: str) -> str:
    return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))


def _stated(remote_id: str, order: str, key: str, told: dict[str, Any]) -> PaymentFact:
    return PaymentFact(
        kind=FactKind(told["kind"]),
        id=f"{remote_id}.{key.rpartition('/')[2]}",
        remote_id=remote_id,
        as_of=datetime.fromisoformat(told["at"]),
        order=order,
        money=Money(amount=told["amount"], currency=told["currency"]),
        about=told.get("about", ""),
        reason=told.get("reason", ""),
    )
