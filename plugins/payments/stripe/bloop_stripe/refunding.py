"""Money back: once for each key, and never more than is left of a charge."""

from __future__ import annotations

import re

from bloop_sdk import NotFoundError, PreconditionFailedError, UnavailableError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind, PaymentFact
from bloop_sdk.records import JSONObject
from bloop_stripe import amounts, fetching
from bloop_stripe.api import Api
from bloop_stripe.checkout import KEY

_CAPTURE = re.compile(r"(ch|py)_[A-Za-z0-9_]{1,250}")


async def refund(api: Api, capture: str, money: Money, key: str, reason: str) -> PaymentFact:
    """The refund of a key, made now or before."""
    if not _CAPTURE.fullmatch(capture):
        raise NotFoundError(f"{capture[:80]!r} is no capture of Stripe's")
    charge = await api.get(f"charges/{capture}")
    own = api.key_of("refund", key)
    made = await _made(api, capture, own)
    if made is None:
        _check(charge, money)
        params = {
            "charge": capture,
            "amount": amounts.sent(money),
            "metadata": {KEY: own, "reason": reason[:500]},
        }
        try:
            made = await api.post("refunds", params, own)
        except UnavailableError:
            # Stripe answers a key for a day as it did first, with a 500 too: has it given back?
            made = await _made(api, capture, own)
            if made is None:
                raise
    if amounts.read(made["amount"], made["currency"]) != money or made["charge"] != capture:
        raise PreconditionFailedError("the key was used for another refund", cure="use a new key")
    for fact in await fetching.fetch(api, charge["payment_intent"] or capture):
        if fact.kind is FactKind.REFUNDED and fact.id == made["id"]:
            return fact
    raise UnavailableError(f"Stripe does not list the refund of {capture} yet", cure="try again")


async def _made(api: Api, capture: str, own: str) -> JSONObject | None:
    """The refund that this key has made, whether Stripe still knows the key or not."""
    async for one in api.each("refunds", charge=capture):
        if (one.get("metadata") or {}).get(KEY) == own:
            return one
    return None


def _check(charge: JSONObject, money: Money) -> None:
    """Refuse what Stripe would refuse, in words that help."""
    left = amounts.read(charge["amount_captured"] - charge["amount_refunded"], charge["currency"])
    if money.currency != left.currency:
        raise PreconditionFailedError(f"{charge['id']} was paid in {left.currency}")
    if not 0 < money.amount <= left.amount:
        raise PreconditionFailedError(
            f"{money} cannot be given back: {left} is left of {charge['id']}",
            cure="give back what is left, or less",
        )
