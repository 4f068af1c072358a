"""Webhooks: the handshake, signatures, and what events hint at."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bloop_sdk import AuthError, Kind, Ref, WebhookRequest
from plugins.notes.notion.tests.fake_notion import SECRET, FakeNotion
from plugins.notes.notion.tests.fake_workspace import ident

PAGE = ident("page Top")


def begun(token: str = SECRET) -> WebhookRequest:
    body = json.dumps({"verification_token": token}).encode()
    return WebhookRequest(headers={}, body=body, received_at=0.0)


def event(kind: str, entity: str = "page", **data: object) -> dict[str, object]:
    return {"id": ident(kind), "type": kind, "entity": {"id": PAGE, "type": entity}, "data": data}


async def test_a_subscription_begins_with_its_token_which_signs_from_then_on(rig):
    mine = rig(FakeNotion())
    signed = mine.notion.webhook(event("page.created"))
    with pytest.raises(AuthError, match="no verification token yet"):
        mine.provider.verify_webhook(signed)
    assert not await mine.provider.subscribe(signed)
    assert await mine.provider.subscribe(begun("a first one, which nobody has pasted"))
    assert await mine.again().subscribe(begun())
    assert mine.again().to_confirm() == SECRET
    mine.notion.page("Top")
    assert (await mine.provider.check()).gaps == ()
    assert mine.provider.verify_webhook(signed)
    assert mine.again().to_confirm() is None
    with pytest.raises(AuthError, match="the old one still counts"):
        await mine.provider.subscribe(begun("secret_of_somebody_else"))
    assert mine.again().verify_webhook(signed)


async def test_the_token_is_kept_where_secrets_are(rig):
    mine = rig(FakeNotion())
    with pytest.raises(AuthError, match="without a signature"):
        mine.provider.verify_webhook(begun())
    assert await mine.provider.subscribe(begun())
    assert mine.ctx.kept == {"webhook_token": SECRET}
    kept = [mine.ctx.store.get(key) for key in mine.ctx.store.keys("")]
    assert kept and SECRET not in str(kept)


def test_a_token_that_is_set_is_the_only_one(rig):
    mine = rig(FakeNotion(), webhook_token=SECRET)
    with pytest.raises(AuthError):
        mine.provider.verify_webhook(begun("other"))
    assert mine.provider.verify_webhook(mine.notion.webhook(event("page.moved")))


@pytest.mark.parametrize(
    ("kind", "entity", "kinds"),
    [
        ("page.content_updated", "page", [Kind.NOTE]),
        ("page.properties_updated", "page", [Kind.NOTE, Kind.MODULE]),
        ("page.created", "page", [Kind.NOTE, Kind.MODULE]),
        ("page.deleted", "page", [Kind.NOTE, Kind.MODULE]),
        ("page.moved", "page", [Kind.NOTE, Kind.MODULE]),
        ("data_source.schema_updated", "data_source", [None]),
        ("comment.created", "comment", []),
        ("something.new", "thing", [None]),
    ],
)
def test_events_hint_at_what_is_fetched(rig, kind, entity, kinds):
    mine = rig(FakeNotion(), webhook_token=SECRET)
    hints = mine.provider.verify_webhook(mine.notion.webhook(event(kind, entity)))
    assert [one.ref for one in hints] == [Ref(one, PAGE) if one else None for one in kinds]
    again = mine.provider.verify_webhook(mine.notion.webhook(event(kind, entity)))
    assert hints == again


def test_what_is_not_signed_is_refused(rig):
    mine = rig(FakeNotion(), webhook_token=SECRET)
    good = mine.notion.webhook(event("page.created"))
    for bad in (
        replace(good, headers={}),
        replace(good, headers={"X-Notion-Signature": "sha256=é"}),
        replace(good, body=b"not json"),
        replace(good, body=b"[]"),
        replace(good, body=good.body.replace(b"created", b"deleted")),
    ):
        with pytest.raises(AuthError):
            mine.provider.verify_webhook(bad)
