"""Login with an OpenID provider that is not ours: npm's oidc-provider, through its own pages."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from bloop.accounts.identities.attempts import Begun, Refusal
from bloop.accounts.identities.models import IdentityLink
from bloop.accounts.models import LoginSession
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.hub.logins import exchange, return_address, way_in
from bloop_oidc.documents import Documents
from bloop_oidc.provider import OIDCProvider
from bloop_sdk import AuthError
from tests.support.node_oidc import BACK, SECRET
from tests.web.identity.conftest import DOMAIN, connect_url, is_refused, whoami

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

START = "/login/with/oidc.node"
ALLOW = '\n[net]\nallow = ["127.0.0.1"]\n'


def settings(issuer):
    return f"""
[plugins.oidc]
enabled = true

[plugins.oidc.providers.node]
title = "Node"
issuer = "{issuer}"
client_id = "bloop"

[plugins.oidc.client_secrets]
node = {{ env = "NODE_SECRET" }}
"""


@pytest.fixture
def allowed():
    return ALLOW


@pytest.fixture
async def hub(hub_toml, monkeypatch, node_issuer, allowed):
    hub_toml.write_text(hub_toml.read_text() + settings(node_issuer.url) + allowed)
    monkeypatch.setenv("NODE_SECRET", SECRET)
    monkeypatch.setattr(OIDCProvider, "documents", Documents())
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
async def there():
    """The same browser, as Node sees it."""
    async with httpx.AsyncClient() as browser:
        yield browser


async def begin(browser):
    sent = await browser.get(START)
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


async def test_somebody_joins_and_comes_back(hub, visit, node_issuer, there, rules, count):
    rules(DOMAIN)
    for number in (1, 2):  # The second time, Node knows them and asks nothing.
        browser = await visit()
        back = await node_issuer.log_in(there, await begin(browser), "ada")
        assert dict(parse_qsl(urlsplit(back).query))["iss"] == node_issuer.url
        answer = await browser.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        me = await whoami(hub, browser)
        assert (me["name"], me["email"], me["role"]) == (
            "ada of Node",
            "ada@example.edu",
            "learner",
        )
        assert (count(IdentityLink), count(LoginSession)) == (1, number)


async def test_an_address_that_node_does_not_vouch_for_is_of_no_domain(
    hub, visit, node_issuer, there, rules, reasons
):
    rules(DOMAIN)
    browser = await visit()
    back = await node_issuer.log_in(there, await begin(browser), "unverified-eve")
    await is_refused(hub, browser, await browser.get(back), reasons, Refusal.NO_MEMBER)


async def test_who_says_no_there_reads_so(hub, visit, node_issuer, there, reasons):
    browser = await visit()
    back = await node_issuer.log_in(there, await begin(browser), None)
    await is_refused(hub, browser, await browser.get(back), reasons, Refusal.CANCELLED)


async def test_a_way_back_is_good_once(hub, visit, node_issuer, there, rules, reasons, count):
    rules(DOMAIN)
    browser = await visit()
    back = await node_issuer.log_in(there, await begin(browser), "ada")
    thief = await visit()
    assert (await thief.get(back)).status_code == 403
    cookies = dict(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    thief.cookies.update(cookies)
    assert (await thief.get(back)).status_code == 403
    assert reasons() == [Refusal.OTHER_BROWSER, Refusal.REPLAYED]
    assert count(LoginSession) == 1


async def test_node_gives_nothing_for_a_code_without_its_verifier(hub, visit, node_issuer, there):
    victim = await visit()
    back = await node_issuer.log_in(there, await begin(victim), "ada")
    params = dict(parse_qsl(urlsplit(back).query))
    call = system_call(hub.institution)
    way = await way_in(hub, call, "oidc.node")
    assert return_address(hub, way) == BACK
    # Somebody who has seen the way back, but not the cookie.
    guess = Begun(params["state"], "not the browser's secret")
    with pytest.raises(AuthError, match="invalid_grant"):
        await exchange(hub, way, guess.request("node", BACK), params)


async def test_a_code_of_another_login_is_worth_nothing(
    hub, visit, node_issuer, there, rules, reasons
):
    rules(DOMAIN)
    victim, attacker = await visit(), await visit()
    stolen = dict(
        parse_qsl(urlsplit(await node_issuer.log_in(there, await begin(victim), "ada")).query)
    )
    own = dict(
        parse_qsl(urlsplit(await node_issuer.log_in(there, await begin(attacker), "ada")).query)
    )
    answer = await attacker.get(f"{BACK}?{urlencode(own | {'code': stolen['code']})}")
    await is_refused(hub, attacker, answer, reasons, Refusal.PROVIDER_FAILED, 502)


async def test_an_account_is_connected(hub, visit, node_issuer, there, count):
    browser = await visit("educator")
    me = await whoami(hub, browser)
    back = await node_issuer.log_in(there, await connect_url(browser, "oidc.node"), "grace")
    assert (await browser.get(back)).headers["location"] == "/account/identities"
    other = await visit()
    back = await node_issuer.log_in(there, await begin(other), "grace")
    assert (await other.get(back)).status_code == 303
    assert (await whoami(hub, other))["id"] == me["id"]
    assert count(IdentityLink) == 1


@pytest.mark.parametrize("allowed", [""])
async def test_an_issuer_inside_the_network_needs_the_operators_word(hub, visit, reasons, allowed):
    browser = await visit()
    answer = await browser.get(START)
    await is_refused(hub, browser, answer, reasons, Refusal.PROVIDER_FAILED, 502)
