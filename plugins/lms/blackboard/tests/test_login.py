"""Tokens of the application and of people who let it act for them."""

from __future__ import annotations

import pytest
from fake_blackboard import SITE

from bloop_blackboard.provider import BlackboardProvider
from bloop_sdk import AuthError, Authorization, Authorizing, CredentialExpiredError, Partition
from bloop_sdk.testing import Status

TOKEN = "POST /learn/api/public/v1/oauth2/token"
LOGIN = Authorization(
    redirect_uri="https://hub.example/connections/callback", state="state-1", verifier="v" * 43
)


async def drain(provider, stream="courses", container=None, state=None):
    return [batch async for batch in provider.read(Partition(stream, container), state)]


async def test_one_token_serves_all_requests_of_a_run(site, connect):
    provider = connect()
    for stream in ("people", "content", "grades"):
        await drain(provider, stream, "_5_1")
    assert site.requests.count(TOKEN) == 1


async def test_a_token_that_ends_soon_is_asked_for_again(site, connect, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("bloop_blackboard.oauth.time.monotonic", lambda: clock[0])
    provider = connect()
    await drain(provider)
    clock[0] += site.expires_in - 31
    await drain(provider)
    assert site.requests.count(TOKEN) == 1
    clock[0] += 2
    await drain(provider)
    assert site.requests.count(TOKEN) == 2


async def test_a_token_that_was_revoked_is_renewed_once(site, connect):
    provider = connect()
    await drain(provider)
    site.tokens.clear()
    await drain(provider)
    assert site.requests.count(TOKEN) == 2


async def test_a_download_renews_its_token_as_well(site, connect):
    provider = connect()
    (batch,) = await drain(provider, "content", "_5_1")
    file = next(one for one in batch.records if one.remote_id == "_5_1/_11_1/_42_1")
    site.tokens.clear()
    assert b"".join([chunk async for chunk in file.chunks()]) == b"%PDF notes"


async def test_who_is_refused_with_a_new_token_is_refused(site, connect, faults):
    faults.add(Status(401), path="/courses", times=None)
    with pytest.raises(AuthError):
        await drain(connect())
    assert site.requests.count(TOKEN) == 2


async def test_a_login_gives_a_refresh_token_that_reads_as_that_person(site, connect, context):
    provider = connect()
    assert isinstance(provider, Authorizing)
    assert provider.can_authorize()
    url = provider.authorize_url(LOGIN)
    assert url.startswith(f"{SITE}/learn/api/public/v1/oauth2/authorizationcode?")
    assert LOGIN.verifier not in url
    secrets = await provider.exchange(LOGIN, site.log_in(url))
    assert secrets == {"refresh_token": "refresh-1"}
    assert (await connect(refresh_token="refresh-1").check()).account == "marlee"


async def test_a_code_without_its_verifier_is_worth_nothing(site, connect):
    provider = connect()
    brought = site.log_in(provider.authorize_url(LOGIN))
    stolen = Authorization(redirect_uri=LOGIN.redirect_uri, state=LOGIN.state, verifier="w" * 43)
    with pytest.raises(CredentialExpiredError):
        await provider.exchange(stolen, brought)


async def test_who_says_no_has_cancelled(connect):
    with pytest.raises(AuthError) as caught:
        await connect().exchange(LOGIN, {"error": "access_denied", "state": "state-1"})
    assert caught.value.code == "login_cancelled"


async def test_a_refresh_token_that_is_replaced_is_kept_before_it_is_needed(site, context):
    site.refresh_tokens["refresh-1"] = "refresh-2"
    ctx = context(refresh_token="refresh-1")
    await BlackboardProvider(ctx).discover()
    assert ctx.kept == {"refresh_token": "refresh-2"}


async def test_a_revoked_refresh_token_asks_for_a_login(connect):
    with pytest.raises(CredentialExpiredError, match="log in at Blackboard again"):
        await connect(refresh_token="revoked").discover()


async def test_a_wrong_secret_is_told_with_what_to_check(connect):
    with pytest.raises(AuthError, match="refuses the application's key or secret") as caught:
        await connect(application_secret="of another application").check()
    assert "administrator has added it" in (caught.value.cure or "")


async def test_no_secret_is_part_of_an_address_in_an_error(connect, faults):
    faults.add(Status(503), path="/token", times=None)
    with pytest.raises(Exception) as caught:
        await connect(refresh_token="refresh-secret").discover()
    assert "refresh-secret" not in str(caught.value)


async def test_a_login_without_offline_is_no_connection(site, connect):
    provider = connect(refresh_token="of an earlier login")
    brought = site.log_in(provider.authorize_url(LOGIN))
    site.offline = False
    with pytest.raises(AuthError, match="no refresh token"):
        await provider.exchange(LOGIN, brought)
