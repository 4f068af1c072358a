"""Keys: what they are, what a restricted one may not do, and what an account lacks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bloop_sdk import AuthError, CredentialExpiredError, PermissionMissingError
from bloop_sdk.providers.payments import Can
from bloop_sdk.testing.suites.paying import order
from bloop_stripe.config import StripeConfig
from bloop_stripe.testing.account import EXPIRED_KEY, KEY
from bloop_stripe.testing.routes import ROUTES

RESTRICTED = "rk_test_" + "restrictedrestricted"
ENOUGH = frozenset(
    {
        "charge_write",
        "checkout_session_write",
        "coupon_write",
        "customer_portal_write",
        "dispute_read",
        "event_read",
        "invoice_read",
        "product_write",
        "subscription_write",
    }
)


def restricted(rig, permissions=ENOUGH, **settings):
    rig.account.keys[RESTRICTED] = frozenset(permissions)
    return rig.provider(secret_key=RESTRICTED, **settings)


async def test_a_secret_key_names_its_account(rig):
    found = await rig.provider().check()
    assert found.account == "Riverside University (test mode)"
    assert (found.missing, found.gaps, found.site) == ((), (), "api.stripe.com")


async def test_a_restricted_key_with_the_permissions_that_are_documented_is_enough(rig):
    found = await restricted(rig).check()
    assert (found.missing, found.gaps) == ((), ())
    assert "restricted key" in found.account
    # To ask for permissions has made nothing.
    kinds = {one["object"] for one in rig.account.books.objects.values()}
    assert kinds == {"account", "webhook_endpoint"}


@pytest.mark.parametrize("permission", sorted(ENOUGH))
async def test_each_permission_that_is_missing_is_named(rig, permission):
    found = await restricted(rig, ENOUGH - {permission}).check()
    assert permission in found.missing


async def test_what_a_restricted_key_may_not_do_is_told_with_its_permission(rig):
    provider = restricted(rig, ENOUGH - {"checkout_session_write"})
    with pytest.raises(PermissionMissingError) as caught:
        await provider.create_checkout(order(), "one")
    assert caught.value.permission == "checkout_session_write"
    assert RESTRICTED not in str(caught.value)


async def test_a_key_that_has_expired_is_told_from_one_that_is_wrong(rig):
    with pytest.raises(CredentialExpiredError):
        await rig.provider(secret_key=EXPIRED_KEY).check()
    with pytest.raises(AuthError) as caught:
        await rig.provider(secret_key=KEY + "x").check()
    assert not isinstance(caught.value, CredentialExpiredError)


async def test_what_the_account_lacks_is_named(rig):
    account = rig.account.books.objects["acct_fake"]
    account["charges_enabled"] = False
    rig.account.books.tax = "pending"
    rig.account.books.objects["we_fake"]["enabled_events"].remove("charge.refunded")
    found = await rig.provider(automatic_tax=True).check()
    assert [one.partition(":")[0] for one in found.missing] == ["payments", "tax"]
    assert found.gaps == ("webhooks: the endpoint is not told of charge.refunded",)
    found = await rig.provider(webhook_secret=None).check()
    assert found.gaps[0].startswith("webhooks: there is no webhook_secret")


def test_tax_is_an_ability_where_it_is_switched_on(rig):
    assert Can.TAX not in rig.provider().spec().can
    assert Can.TAX in rig.provider(automatic_tax=True).spec().can


@pytest.mark.parametrize(
    "settings",
    [
        {"secret_key": "pk_live_" + "publishable"},
        {"secret_key": ""},
        {"secret_key": KEY + "\n"},
        {"secret_key": KEY, "webhook_secret": KEY},
        {"secret_key": KEY, "second_webhook_secret": ""},
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(settings):
    with pytest.raises(ValidationError) as caught:
        StripeConfig(**settings)
    assert not settings["secret_key"] or settings["secret_key"] not in str(caught.value)


def test_the_pinned_version_is_one_that_the_sdk_was_made_for():
    from stripe._api_version import _ApiVersion

    from bloop_stripe.api import VERSION

    assert VERSION.partition(".")[2] == _ApiVersion.CURRENT_MAJOR


def test_every_request_that_is_sent_is_one_of_the_sdk_s():
    """The fake knows no address that Stripe does not have."""
    import stripe

    folder = Path(stripe.__file__).parent
    places = [
        path
        for inner in (".", "checkout", "billing_portal", "tax")
        for path in (folder / inner).glob("_*_service.py")
    ]
    text = "".join(path.read_text("utf-8") for path in places)
    known = set(re.findall(r'"(/v1/[^"]+)"', re.sub(r"{\w+}", "ID", text)))
    asked = {route.path.pattern.replace("(?P<id>[^/]+)", "ID") for route in ROUTES}
    assert asked <= known


async def test_no_file_is_left_in_the_home_of_the_operator(rig, tmp_path, monkeypatch):
    """The SDK's telemetry would keep an id there, and send it."""
    from stripe import _telemetry_id

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(_telemetry_id, "_loaded", False)
    await rig.open()
    assert list(tmp_path.rglob("*")) == []
    (sent,) = rig.faults.requests
    told = {name.lower(): value for name, value in sent.headers.items()}
    assert "telemetry" not in told["x-stripe-client-user-agent"]
    assert "x-stripe-client-telemetry" not in told
