"""Logins: by code and by browser, renewed and rotated, refused for accounts of other tenants."""

from __future__ import annotations

import base64
import dataclasses
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from bloop_sdk import (
    AuthError,
    Authorization,
    Authorizing,
    ConfigError,
    CredentialExpiredError,
    DeviceAuthorizing,
    RateLimitedError,
    UnavailableError,
)
from plugins.notes.onenote.tests.fake_entra import DOMAIN, HOME, OTHER, SECRET
from plugins.notes.onenote.tests.fake_graph import FakeGraph

NOBODY = {"login": None}
BACK = "https://hub.example/connections/callback"
REQUEST = Authorization(redirect_uri=BACK, state="s" * 43, verifier="v" * 43)


async def logged_in(provider, graph):
    """What a login by code gives."""
    login = await provider.begin_device()
    graph.entra.approve()
    return await provider.poll_device(login)


async def test_a_login_by_code_is_waited_for_and_good_for_the_next_provider(rig):
    one = rig(**NOBODY)
    assert isinstance(one.provider, DeviceAuthorizing)
    with pytest.raises(AuthError) as none_yet:
        await one.provider.check()
    assert none_yet.value.code == "no_login"

    login = await one.provider.begin_device()
    assert (login.user_code, login.interval) == ("CODE00001", 5.0)
    assert login.verification_url == "https://login.example/device"
    assert "device-1" not in repr(login)
    # It may be another process that asks, and what it knows has been JSON.
    again = dataclasses.replace(login, state=json.loads(json.dumps(login.state)))
    assert await one.again().poll_device(again) is None
    one.graph.entra.approve()
    secrets = await one.again().poll_device(again)
    assert (await one.again(**secrets).check()).account == "ada@school.example"
    sent = len(one.sent("login.example"))
    await one.provider.discover()
    assert len(one.sent("login.example")) == sent, "a token that is good is used"


@pytest.mark.parametrize(
    ("state", "code"),
    [("authorization_declined", "login_cancelled"), ("expired_token", "login_expired")],
)
async def test_a_login_by_code_that_ends_says_how(rig, state, code):
    one = rig(**NOBODY)
    login = await one.provider.begin_device()
    device = one.graph.entra.devices[login.state["device_code"]]
    device.state = "slow_down"
    with pytest.raises(RateLimitedError) as early:
        await one.provider.poll_device(login)
    assert early.value.retry_after == 10.0
    device.state = state
    with pytest.raises(AuthError) as ended:
        await one.provider.poll_device(login)
    assert ended.value.code == code


async def test_a_login_by_browser_has_pkce_and_a_nonce(rig):
    one = rig(**NOBODY)
    assert isinstance(one.provider, Authorizing) and one.provider.can_authorize()
    url = one.provider.authorize_url(REQUEST)
    query = parse_qs(urlsplit(url).query)
    assert url.startswith("https://login.example/organizations/oauth2/v2.0/authorize?")
    assert query["code_challenge_method"] == ["S256"] and REQUEST.verifier not in url
    assert {"offline_access", "openid"} < set(query["scope"][0].split())
    params = one.graph.log_in(url)
    secrets = await one.provider.exchange(REQUEST, params)
    assert (await one.again(**secrets).check()).account == "ada@school.example"

    stolen = Authorization(redirect_uri=BACK, state=REQUEST.state, verifier="w" * 43)
    with pytest.raises(AuthError):
        await one.provider.exchange(stolen, one.graph.log_in(url))
    other = {**one.graph.log_in(url), "state": "another"}
    with pytest.raises(AuthError):
        await one.provider.exchange(REQUEST, other)
    with pytest.raises(AuthError) as said_no:
        await one.provider.exchange(REQUEST, one.graph.cancel(url))
    assert said_no.value.code == "login_cancelled"


async def test_without_a_secret_no_browser_is_sent_away(rig):
    provider = rig(**NOBODY, client_secret=None).provider
    assert not provider.can_authorize() and provider.can_authorize_device()


@pytest.mark.parametrize(
    ("tenant", "account", "is_taken"),
    [
        ("organizations", HOME, True),
        ("common", OTHER, True),
        (HOME, HOME, True),
        (HOME, OTHER, False),
        (DOMAIN, HOME, True),
        (DOMAIN, OTHER, False),
        ("organizations", "9188040d-6c67-4c5b-b112-36a304b66dad", False),
        ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad", True),
        ("consumers", HOME, False),
    ],
    ids=lambda value: str(value)[:13],
)
async def test_an_account_of_another_tenant_is_refused(rig, tenant, account, is_taken):
    one = rig(**NOBODY, tenant=tenant)
    one.graph.entra.tenant = account
    if is_taken:
        secrets = await logged_in(one.provider, one.graph)
        await one.again(**secrets).check()
        return
    with pytest.raises(AuthError) as refused:
        await logged_in(one.provider, one.graph)
    assert refused.value.code == "wrong_tenant" and "set tenant" in str(refused.value.cure)


async def test_who_logs_in_takes_the_place_of_who_did_before(rig):
    one = rig(**NOBODY, client_secret=SECRET)
    before = await logged_in(one.provider, one.graph)
    one.graph.entra.tenant = OTHER
    by_code = await logged_in(one.again(**before), one.graph)
    provider = one.again(**before)
    back = one.graph.entra.log_in(provider.authorize_url(REQUEST))
    for secrets in (by_code, await provider.exchange(REQUEST, back)):
        (account,) = json.loads(secrets["login"])["cache"]["Account"].values()
        assert account["home_account_id"].endswith(OTHER)


async def test_a_login_is_of_no_use_once_the_setting_names_another_tenant(rig):
    one = rig(**NOBODY)
    secrets = await logged_in(one.provider, one.graph)
    provider = one.again(**secrets, tenant=OTHER)
    with pytest.raises(AuthError) as refused:
        await provider.check()
    assert refused.value.code == "wrong_tenant"


async def test_a_refresh_token_is_rotated_and_kept(rig):
    one = rig()
    one.graph.entra.access.clear()
    await one.provider.check()
    kept = one.ctx.kept["login"]
    assert "refresh-0" not in kept and "access-0" not in kept
    one.graph.entra.access.clear()
    await one.again().check()
    assert one.ctx.kept["login"] != kept
    assert len(one.sent("/token")) == 2


async def test_a_token_near_its_end_is_renewed_before_it_is_used(rig):
    one = rig(**NOBODY)
    one.graph.entra.lifetime = 200
    secrets = await logged_in(one.provider, one.graph)
    before = len(one.sent("/token"))
    await one.again(**secrets).check()
    assert len(one.sent("/token")) == before + 1


async def test_claims_that_graph_asks_for_are_asked_of_entra(rig):
    one = rig()
    one.graph.lacking.add("access-0")
    await one.provider.check()
    (claims,) = one.graph.entra.claims
    assert json.loads(claims)["access_token"]["nbf"] == {"essential": True}
    assert "xms_cc" in claims, "Entra knows that it may ask for more"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("AADSTS50173", "the password was changed"),
        ("AADSTS700082", "not used for too long"),
        ("AADSTS99999", "expired, or was taken back"),
    ],
)
async def test_a_login_that_was_taken_back_says_so_with_its_cure(rig, number, words):
    one = rig()
    one.graph.entra.access.clear()
    one.graph.entra.revoked = number
    with pytest.raises(CredentialExpiredError) as gone:
        await one.provider.check()
    assert words in gone.value.message and "bloop connections login" in str(gone.value.cure)
    assert "grant is no longer" not in str(gone.value), "a stranger's text is not repeated"


async def test_a_wrong_app_is_told_with_what_to_change_in_entra(rig):
    one = rig(**NOBODY, client_secret="another")
    params = one.graph.log_in(one.provider.authorize_url(REQUEST))
    with pytest.raises(AuthError, match="client secret is wrong"):
        await one.provider.exchange(REQUEST, params)
    one.graph.entra.public = False
    login = await one.provider.begin_device()
    with pytest.raises(ConfigError) as closed:
        await one.provider.poll_device(login)
    assert "Allow public client flows" in str(closed.value.cure)
    unknown = rig(**NOBODY, client_id="00000000-bbbb-4ccc-8ddd-eeeeeeeeeeee").provider
    with pytest.raises(ConfigError, match="not known in this tenant"):
        await unknown.begin_device()
    nowhere = rig(**NOBODY, tenant="nowhere.example").provider
    with pytest.raises(AuthError):
        await nowhere.begin_device()


async def test_what_nobody_can_read_is_no_login(rig):
    for text in ("", "{", "[]", '{"way": "device"}', base64.b64encode(b"x").decode()):
        with pytest.raises(AuthError):
            await rig(login=text).provider.check()


async def test_entra_that_talks_nonsense_is_away(rig):
    class Down(FakeGraph):
        def respond(self, request):
            answer = super().respond(request)
            broken = "login.example" in request.url
            return dataclasses.replace(answer, body=b"<html>down") if broken else answer

    with pytest.raises(UnavailableError):
        await rig(Down(), **NOBODY).provider.begin_device()
