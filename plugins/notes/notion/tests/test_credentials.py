"""Tokens, logins, and what an integration may not do."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from bloop_notion.config import NotionConfig
from bloop_sdk import AuthError, Authorization, Authorizing, CredentialExpiredError
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import block

KEY = {"client_id": "id", "client_secret": "key"}
RENEWED = {**KEY, "token": "ended", "refresh_token": "refresh"}
LOGIN = Authorization(redirect_uri="https://hub.example/back", state="st", verifier="v" * 43)


def one_page() -> FakeNotion:
    notion = FakeNotion()
    notion.page("Top", block("paragraph", "Words."))
    return notion


async def test_check_names_the_workspace_the_bot_and_what_is_missing(rig):
    mine = rig(one_page())
    result = await mine.provider.check()
    assert (result.account, result.site, result.version) == (
        "School (Bloop)",
        "api.notion.com",
        "2026-03-11",
    )
    assert (result.missing, result.gaps) == ((), ())
    mine.notion.capabilities = set()
    lacking = await mine.again().check()
    assert lacking.missing == ("read content",)
    assert any("read user information" in gap for gap in lacking.gaps)


async def test_check_says_that_nothing_is_shared(rig):
    assert "share one" in (await rig().provider.check()).gaps[0]


async def test_authors_without_names_cost_nothing_else(rig):
    mine = rig(one_page())
    mine.notion.capabilities.discard("read users")
    assert (await mine.read()).note("Top").author is None


async def test_a_token_that_ended_is_renewed_once_and_kept(rig):
    mine = rig(one_page(), **RENEWED)
    assert (await mine.read()).note("Top")
    assert mine.ctx.kept == {"token": "renewed-1", "refresh_token": "refresh"}
    assert len(mine.sent("/oauth/token")) == 1


async def test_a_login_that_was_taken_back_has_expired(rig):
    notion = one_page()
    notion.refresh_token = None
    with pytest.raises(CredentialExpiredError, match="renews this login no more") as caught:
        await rig(notion, **RENEWED).provider.check()
    assert "key" not in str(caught.value)


async def test_without_any_token_nothing_is_sent(rig):
    mine = rig(token=None, **KEY)
    with pytest.raises(AuthError, match="no token"):
        await mine.provider.check()
    assert mine.faults.requests == []


def test_a_login_is_offered_with_a_public_integration_alone(rig):
    assert isinstance(rig().provider, Authorizing)
    assert not rig().provider.can_authorize()
    provider = rig(**KEY).provider
    assert provider.can_authorize()
    url = urlsplit(provider.authorize_url(LOGIN))
    assert (url.netloc, url.path) == ("api.notion.com", "/v1/oauth/authorize")
    assert parse_qs(url.query) == {
        "client_id": ["id"],
        "response_type": ["code"],
        "owner": ["user"],
        "redirect_uri": ["https://hub.example/back"],
        "state": ["st"],
    }


async def test_a_code_gives_a_token_once(rig):
    notion = one_page()
    notion.codes["c0de"] = LOGIN.redirect_uri
    mine = rig(notion, token=None, **KEY)
    found = await mine.provider.exchange(LOGIN, {"code": "c0de", "state": "st"})
    assert found == {"token": "renewed-1", "refresh_token": "refresh"}
    sent = mine.faults.requests[-1]
    assert sent.headers["Authorization"].startswith("Basic ")
    with pytest.raises(AuthError, match="400: invalid_grant") as caught:
        await mine.provider.exchange(LOGIN, {"code": "c0de", "state": "st"})
    assert "c0de" not in str(caught.value)


async def test_who_says_no_is_told_apart(rig):
    mine = rig(**KEY)
    for params, code in (({"error": "access_denied"}, "login_cancelled"), ({}, "auth_failed")):
        with pytest.raises(AuthError) as caught:
            await mine.provider.exchange(LOGIN, params)
        assert caught.value.code == code
    assert mine.faults.requests == []


def test_a_secret_without_its_id_is_refused():
    with pytest.raises(ValidationError, match="client_id is missing"):
        NotionConfig(refresh_token="r")
