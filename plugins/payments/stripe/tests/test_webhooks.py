"""Events: of both payload styles and any age, late, twice, shuffled, and none of ours."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bloop_sdk import AuthError, MalformedRecordError
from bloop_sdk.money import Money
from bloop_sdk.testing.suites.paying import monthly
from bloop_stripe.events import EVENTS, about
from bloop_stripe.testing.account import SIGNING, THIN_SIGNING


async def busy(rig):
    """Checkout, renewal, refund and dispute: an event of each sort; the two checkouts."""
    checkout, other = await rig.paid(), await rig.paid(monthly(), "two")
    capture = (await rig.facts(checkout))["captured"]
    await rig.provider().refund(capture.id, Money(amount=100, currency="EUR"), "back")
    rig.account.dispute(capture.id, "lost")
    name = (await rig.facts(other))["subscription"].id
    rig.account.renew(name, True)
    rig.account.renew(name, False)
    await rig.provider().cancel(name, "end", at_period_end=False)
    return checkout, other


@pytest.mark.parametrize("thin", [False, True])
async def test_every_event_leads_to_the_facts_of_its_checkout(rig, thin):
    checkout, other = await busy(rig)
    provider = rig.provider(second_webhook_secret=THIN_SIGNING)
    expected = [set(await rig.facts(one)) for one in (checkout, other)]
    seen = set()
    for event in rig.account.events():
        news = await provider.verify_webhook(rig.account.webhook(event, thin=thin))
        assert news.event_id == event["id"]
        assert news.occurred_at.timestamp() == event["created"]
        (name,) = news.fetch
        assert set(await rig.facts(name)) in expected, event["type"]
        seen.add(event["type"])
    assert len(seen) > 9


async def test_events_come_late_twice_and_shuffled_and_are_all_genuine(rig):
    await busy(rig)
    provider = rig.provider()
    sent = rig.account.webhooks(seed=7)
    assert len(sent) == 2 * len(rig.account.events())
    ids = [(await provider.verify_webhook(one)).event_id for one in sent]
    assert set(ids) == {event["id"] for event in rig.account.events()}
    late = rig.account.webhook(rig.account.events()[0], late=3 * 86400)
    assert (await provider.verify_webhook(late)).fetch


@pytest.mark.parametrize(
    ("seconds", "taken"), [(-301, False), (-299, True), (299, True), (301, False)]
)
async def test_a_signature_is_good_for_five_minutes_both_ways(rig, seconds, taken):
    await rig.paid()
    call = rig.account.webhook()
    call = dataclasses.replace(call, received_at=call.received_at + seconds)
    if taken:
        await rig.provider().verify_webhook(call)
    else:
        with pytest.raises(AuthError, match="another time"):
            await rig.provider().verify_webhook(call)


async def test_an_event_of_a_time_to_come_is_refused_although_it_is_signed_now(rig):
    await rig.paid()
    event = {**rig.account.events()[-1], "created": rig.account.books.now + 3600}
    with pytest.raises(AuthError, match="time to come"):
        await rig.provider().verify_webhook(rig.account.webhook(event))


async def test_either_of_two_secrets_is_good_and_none_is_not(rig):
    await rig.paid()
    call = rig.account.webhook()
    old = {"webhook_secret": "whsec_" + "newnewnew", "second_webhook_secret": SIGNING}
    await rig.provider(**old).verify_webhook(call)
    for settings in ({"webhook_secret": "whsec_" + "newnewnew"}, {"webhook_secret": None}):
        provider = rig.provider(**settings)
        assert provider.spec().webhooks is bool(settings["webhook_secret"])
        with pytest.raises(AuthError):
            await provider.verify_webhook(call)


async def test_an_event_of_the_other_mode_is_refused(rig):
    await rig.paid()
    event = {**rig.account.events()[-1], "livemode": True}
    with pytest.raises(AuthError, match="live mode"):
        await rig.provider().verify_webhook(rig.account.webhook(event))


async def test_an_event_of_something_else_is_genuine_and_leads_nowhere(rig):
    await rig.paid()
    event = {**rig.account.events()[-1], "type": "payout.paid"}
    news = await rig.provider().verify_webhook(rig.account.webhook(event))
    assert (news.facts, news.fetch) == ((), ())


@pytest.mark.parametrize(
    "changes",
    [
        {"object": "list"},
        {"created": None},
        {"created": "soon"},
        {"created": 10**30},
        {"data": None},
        {"data": {"object": []}},
    ],
)
async def test_what_is_signed_and_no_event_is_malformed(rig, changes):
    await rig.paid()
    event = {**rig.account.events()[-1], **changes}
    with pytest.raises(MalformedRecordError):
        await rig.provider().verify_webhook(rig.account.webhook(event))


async def test_what_is_signed_and_no_json_is_malformed(rig):
    account = rig.account
    for body in (b"[", b"[]", b"null", b'{"object": "event"}'):
        call = account._signed(body, SIGNING, account.books.now)
        with pytest.raises(MalformedRecordError):
            await rig.provider().verify_webhook(call)


def test_an_invoice_of_an_older_version_names_its_subscription_itself():
    invoice = {"object": "invoice", "id": "in_1", "subscription": "sub_1"}
    assert about({"data": {"object": invoice}}) == "sub_1"
    assert about({"data": {"object": {"object": "invoice", "id": "in_1"}}}) == "in_1"


def test_stripe_takes_so_many_types_in_a_filter():
    assert len(set(EVENTS)) == len(EVENTS) <= 20


def test_the_readme_names_each_event(readme):
    shown = readme.replace("`, `.", " .")
    for event in EVENTS:
        head, _, last = event.rpartition(".")
        assert event in shown or (head in shown and f".{last}" in shown), event


def test_a_thin_event_shows_nothing_of_its_object(rig):
    event = rig.account.books.happened(
        "charge.refunded", {"id": "ch_1", "object": "charge", "amount": 5}
    )
    thin = json.loads(rig.account.webhook(event, thin=True).body)
    assert thin["object"] == "v2.core.event"
    assert "data" not in thin
    assert thin["related_object"]["id"] == "ch_1"
