"""What pages say of orders and products, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bloop_commerce import facts, invoices, ledger
from bloop_commerce.standing import OrderState, Span
from bloop_commerce.tables import Invoice, Order, Price, Product
from bloop_sdk import Unit, Words, gettext_noop
from bloop_sdk.money import Money

WAITING = frozenset({OrderState.OPEN, OrderState.FAILED})
GOING_ON = frozenset({OrderState.PAID, OrderState.TRIALING, OrderState.PAST_DUE})
STATES = {
    OrderState.OPEN: (gettext_noop("waits for payment"), "busy"),
    OrderState.FAILED: (gettext_noop("the payment did not come through"), "warn"),
    OrderState.EXPIRED: (gettext_noop("was not paid"), ""),
    OrderState.SHORT: (gettext_noop("what came is not what was agreed"), "warn"),
    OrderState.PAID: (gettext_noop("paid"), "good"),
    OrderState.TRIALING: (gettext_noop("on trial"), "good"),
    OrderState.PAST_DUE: (gettext_noop("a renewal is due"), "warn"),
    OrderState.ENDED: (gettext_noop("ended"), ""),
    OrderState.REFUNDED: (gettext_noop("given back"), ""),
    OrderState.DISPUTED: (gettext_noop("disputed"), "warn"),
    OrderState.CHARGED_BACK: (gettext_noop("charged back"), "warn"),
}
ACCOUNTS = {
    "fees": gettext_noop("Fees of providers"),
    "sales": gettext_noop("Sales"),
    "tax": gettext_noop("Tax that is owed"),
    "refunds": gettext_noop("Given back"),
    "disputes": gettext_noop("Held by banks in disputes"),
    "chargebacks": gettext_noop("Charged back"),
}
KINDS = {
    "captured": gettext_noop("money came"),
    "failed": gettext_noop("a payment failed"),
    "refunded": gettext_noop("given back"),
    "disputed": gettext_noop("disputed"),
    "dispute_won": gettext_noop("dispute won"),
    "dispute_lost": gettext_noop("dispute lost"),
    "subscription": gettext_noop("subscription"),
    "expired": gettext_noop("expired"),
}
SUBSCRIPTIONS = {
    "trialing": gettext_noop("on trial"),
    "active": gettext_noop("goes on"),
    "past_due": gettext_noop("a renewal is due"),
    "ended": gettext_noop("ended"),
}
REFUNDS = {
    "asked": (gettext_noop("asked, not answered yet"), "busy"),
    "done": (gettext_noop("done"), "good"),
    "refused": (gettext_noop("refused"), "warn"),
}


class Said:
    """Amounts, states and times as one language says them."""

    def __init__(self, words: Words, names: Mapping[str, str] | None = None) -> None:
        """``names`` is how the plugins are called that take payments, by their ids."""
        self.words = words
        self._ = words.gettext
        self._names = names or {}

    def money(self, amount: int, currency: str) -> str:
        """An amount of minor units."""
        return self.words.money(Money(amount=amount, currency=currency))

    def price(self, amount: int, currency: str, interval: str | None) -> str:
        """An amount, and how often it is paid."""
        _ = self._
        money = self.money(amount, currency)
        if interval == "month":
            return _("{money} a month").format(money=money)
        return _("{money} a year").format(money=money) if interval == "year" else money

    def order(self, row: Order) -> dict[str, Any]:
        """An order as templates show it."""
        words, look = STATES[OrderState(row.state)]
        return {
            "id": row.id,
            "number": row.number,
            "title": row.title,
            "kind": row.kind,
            "quantity": row.quantity,
            "total": self.price(row.total, row.currency, row.interval),
            "plain": str(Money(amount=row.total, currency=row.currency).decimal),
            "currency": row.currency,
            "captured": self.money(row.captured, row.currency),
            "refunded": self.money(row.refunded, row.currency) if row.refunded else "",
            "discount": self.money(row.discount, row.currency) if row.discount else "",
            "state": row.state,
            "words": self._(words),
            "look": look,
            "waits": row.state in WAITING,
            "url": row.checkout_url,
            "instructions": row.instructions,
            "until": row.expires_at,
            "repeats": row.interval is not None,
            "goes_on": bool(row.subscription_id) and row.state in GOING_ON,
            "provider": self._names.get(row.provider, row.provider),
            "is_free": row.provider == facts.OWN,
            "at": row.created_at,
            "version": row.version,
        }

    def spans(self, spans: Iterable[Span]) -> list[str]:
        """From when to when, in words."""
        _, day = self._, self.words.day
        return [
            _("from {start} to {end}").format(start=day(one.start), end=day(one.end))
            if one.end
            else _("from {start} for good").format(start=day(one.start))
            for one in spans
        ]

    def until(self, end: datetime | None) -> str:
        """Until when something lasts."""
        _ = self._
        return _("until {day}").format(day=self.words.day(end)) if end else _("for good")

    def papers(self, rows: Iterable[Invoice]) -> list[dict[str, str]]:
        """An order's invoices and credit notes."""
        _ = self._
        names = {invoices.INVOICE: _("Invoice"), invoices.CREDIT: _("Credit note")}
        return [
            {
                "number": one.number,
                "name": names[one.kind],
                "amount": self.money(one.total, one.currency),
            }
            for one in rows
        ]

    def account(self, name: str) -> str:
        """An account of the ledger."""
        kind, _, provider = name.partition(":")
        if kind == "cash":
            return self._("With {provider}").format(provider=self._names.get(provider, provider))
        return self._(ACCOUNTS.get(name, name))

    def entries(self, unit: Unit, order: str) -> list[dict[str, Any]]:
        """An order's bookings, each with its lines."""
        made: dict[str, dict[str, Any]] = {}
        for entry, line in ledger.of_order(unit, order):
            words = self._(KINDS.get(entry.kind, entry.kind))
            if entry.number > 1:
                words = self._("{what}, corrected").format(what=words)
            of = made.setdefault(entry.id, {"at": entry.occurred_at, "words": words, "lines": []})
            of["lines"].append((self.account(line.account), self.money(line.amount, line.currency)))
        return list(made.values())

    def fact(self, row: Any) -> dict[str, Any]:
        """What a provider stated."""
        fact = facts.of_row(row)
        said = self.words.money(fact.money) if fact.money else ""
        if fact.subscription is not None:
            said = self._(SUBSCRIPTIONS.get(str(fact.subscription.status), ""))
        return {
            "at": fact.as_of,
            "words": self._(KINDS[fact.kind]),
            "said": said,
            "id": fact.id,
            "by": self._names.get(row.provider, row.provider),
            "reason": fact.reason,
        }

    def offered(
        self, row: Product, prices: Sequence[Price], home: tuple[str, str]
    ) -> dict[str, Any]:
        """A product for who may buy it; prices of ``home`` (currency, country) come first."""
        ranked = sorted(prices, key=lambda one: _nearness(one, *home))
        return {
            "id": row.id,
            "title": row.title,
            "summary": row.summary,
            "kind": row.kind,
            "gives": self.gives(row),
            "lasts": self.lasts(row),
            "seats": row.seats,
            "trial_days": row.trial_days,
            "repeats": row.interval is not None,
            "on_sale": row.on_sale,
            "price": self.price(ranked[0].amount, ranked[0].currency, row.interval)
            if ranked
            else "",
            "prices": [self._priced(one, row.interval) for one in ranked],
        }

    def _priced(self, one: Price, interval: str | None) -> dict[str, str]:
        words = self.price(one.amount, one.currency, interval)
        if one.country:
            words = self._("{price}, in {country}").format(price=words, country=one.country)
        value = f"{one.currency}-{one.country}-{one.amount}"
        return {"id": one.id, "value": value, "words": words}

    def gives(self, row: Product) -> str:
        """How much of what is given."""
        ngettext = self.words.ngettext
        counted = []
        if courses := len(row.courses):
            counted.append(
                ngettext("{count} course", "{count} courses", courses).format(count=courses)
            )
        if items := len(row.items):
            counted.append(ngettext("{count} lesson", "{count} lessons", items).format(count=items))
        return self.words.listed(counted)

    def lasts(self, row: Product) -> str:
        """How long it is given."""
        _ = self._
        if row.days:
            said = self.words.ngettext("for one day", "for {count} days", row.days)
            return said.format(count=row.days)
        return _("as long as you pay") if row.interval else _("for good")


def links_of(
    titles: Mapping[str, str], courses: Iterable[str], items: Iterable[str]
) -> list[tuple[str, str]]:
    """Addresses and titles of what is there of these courses and items."""
    both = [(f"/courses/{one}", one) for one in courses]
    both += [(f"/lessons/{one}", one) for one in items]
    return [(href, titles[one]) for href, one in both if one in titles]


def _nearness(price: Price, currency: str, country: str) -> tuple[bool, bool, bool, str, str]:
    """Sorts the institution's own currency and country first, then prices for everywhere."""
    return (
        price.currency != currency,
        price.country != country or not country,
        price.country != "",
        price.currency,
        price.country,
    )
