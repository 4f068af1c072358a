"""What an account and its key can: who it is, and what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from bloop_sdk import BloopError, CheckResult, FatalError, PermissionMissingError
from bloop_sdk.records import JSONObject
from bloop_stripe.api import VERSION, Api
from bloop_stripe.config import StripeConfig
from bloop_stripe.events import EVENTS
from bloop_stripe.fetching import WITH_CHARGES, WITH_INVOICES

READS: dict[str, JSONObject] = {
    "checkout/sessions": {},
    "charges": {"expand": WITH_CHARGES},
    "refunds": {},
    "disputes": {},
    "subscriptions": {},
    "invoices": {"expand": WITH_INVOICES},
    "invoice_payments": {},
    "events": {},
}
WRITES = {
    "checkout/sessions": {"mode": "none"},
    "coupons": {"duration": "none"},
    "refunds": {"charge": "ch_none"},
    "products": {},
    "subscriptions/sub_none": {},
    "billing_portal/sessions": {"customer": "cus_none"},
}
"""Requests that can make nothing: a key that may not do such is refused before they are read."""

ADDRESS = "/commerce/hooks/stripe"
"""How the address ends that events are sent to."""


async def check(api: Api, config: StripeConfig) -> CheckResult:
    """Who it is; a restricted key is asked for each permission."""
    account, missing = await _account(api)
    asked: list[Awaitable[str | None]] = [
        _lacks(api.get(path, limit=1, **params)) for path, params in READS.items()
    ]
    if config.is_restricted:
        asked += [_lacks(api.post(path, params)) for path, params in WRITES.items()]
    missing += [one for one in await asyncio.gather(*asked) if one is not None]
    if config.automatic_tax:
        missing += await _tax(api)
    return CheckResult(
        account=f"{account} ({'live' if config.is_live else 'test'} mode)",
        site=config.api_url.host or "",
        version=VERSION,
        missing=tuple(dict.fromkeys(missing)),
        gaps=tuple(await _webhooks(api, config)),
    )


async def _account(api: Api) -> tuple[str, list[str]]:
    """Its name, and whether it may take payments at all."""
    try:
        found = await api.get("account")
    except PermissionMissingError:
        return "an account that its restricted key does not name", []
    name = str((found.get("business_profile") or {}).get("name") or found["id"])
    if found.get("charges_enabled"):
        return name, []
    return name, ["payments: the account is not activated yet, see Stripe's dashboard"]


async def _lacks(request: Awaitable[JSONObject]) -> str | None:
    """The permission that is missing for a request; that it is refused otherwise is expected."""
    try:
        await request
    except PermissionMissingError as err:
        return err.permission
    except FatalError:
        pass
    return None


async def _tax(api: Api) -> list[str]:
    try:
        found = await api.get("tax/settings")
    except PermissionMissingError as err:
        return [err.permission]
    if found.get("status") == "active":
        return []
    return ["tax: automatic_tax is on, and Stripe Tax is not set up, see Stripe's dashboard"]


async def _webhooks(api: Api, config: StripeConfig) -> list[str]:
    """What payments are heard of late, or only by reconciliation."""
    if not config.signing_secrets:
        return ["webhooks: there is no webhook_secret, so payments are noticed late"]
    try:
        endpoints = await api.all("webhook_endpoints")
    except BloopError:
        return []  # It need not be allowed.
    ours = [one for one in endpoints if str(one.get("url", "")).endswith(ADDRESS)]
    heard = {event for one in ours if one["status"] == "enabled" for event in one["enabled_events"]}
    if not ours or "*" in heard:
        return []  # Endpoints of thin events are not in this list.
    lacking = [event for event in EVENTS if event not in heard]
    return [f"webhooks: the endpoint is not told of {', '.join(lacking)}"] if lacking else []
