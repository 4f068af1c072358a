"""Tokens and API keys at the hub's door: who gets them, and what they open."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.accounts.tokens import forms
from bloop.accounts.tokens.forms import Form
from bloop.store.models import AuditLine
from bloop_sdk.testing.distributions import write_plugin
from tests.support.hub import add_institution, log_in

TOKENS, REFRESH = "/api/v1/tokens", "/api/v1/tokens/refresh"
OWN, ALL = "/api/v1/account/keys", "/api/v1/keys"
RETRY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


@pytest.fixture
def config_path(hub_toml, site):
    """A hub with a plugin that has an action of its own."""
    action = {"name": "wiki:edit", "role": "educator", "help": "Edit the wiki."}
    write_plugin(site, "wiki", manifest={"contributes": {"actions": [action]}})
    with hub_toml.open("a") as file:
        file.write("\n[plugins.wiki]\nenabled = true\n")
    return hub_toml


@pytest.fixture
def ask(hub, client):
    """Send a request with a token; nothing is remembered of any token before."""

    async def send(method, path, token=None, **more):
        for known in list(hub.sessions._known):
            hub.sessions.forget(known)
        headers = more.pop("headers", {})
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await client.request(method, path, headers=headers, **more)

    return send


@pytest.fixture
async def session(hub):
    """The session of a learner."""
    return (await hub.database.run(log_in, hub, "learner", hub.institution)).token


@pytest.fixture
async def admin(hub):
    """The session of an admin."""
    return (await hub.database.run(log_in, hub, "admin", hub.institution)).token


async def granted(ask, session, **body):
    answer = await ask("POST", TOKENS, session, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_device_gets_tokens_renews_them_and_gives_them_up(ask, session):
    answer = await ask("POST", TOKENS, session, json={"name": "Phone", "client": "bloop-mobile"})
    assert answer.headers["cache-control"] == "no-store"
    pair = answer.json()
    assert (pair["token_type"], pair["expires_in"], pair["scope"]) == ("Bearer", 600, None)
    who = (await ask("GET", "/api/v1/account", pair["access_token"])).json()
    assert (who["role"], who["csrf_token"]) == ("learner", None)

    (device,) = (await ask("GET", TOKENS, pair["access_token"])).json()["items"]
    assert (device["id"], device["name"], device["client"]) == (pair["id"], "Phone", "bloop-mobile")
    assert pair["refresh_token"] not in json.dumps(device)

    renewed = (await ask("POST", REFRESH, json={"refresh_token": pair["refresh_token"]})).json()
    assert renewed["id"] == pair["id"]
    token = renewed["access_token"]
    assert (await ask("DELETE", f"{TOKENS}/{pair['id']}", token)).status_code == 204
    for dead in (token, pair["access_token"]):
        assert (await ask("GET", "/api/v1/account", dead)).status_code == 401
    assert (await ask("GET", "/api/v1/account", session)).status_code == 200


async def test_logging_out_with_an_access_token_ends_the_tokens_of_its_device(ask, session):
    pair, other = await granted(ask, session), await granted(ask, session)
    assert (await ask("DELETE", "/api/v1/session", pair["access_token"])).status_code == 204
    assert (await ask("GET", "/api/v1/account", pair["access_token"])).status_code == 401
    refused = await ask("POST", REFRESH, json={"refresh_token": pair["refresh_token"]})
    assert refused.json()["code"] == "invalid_grant"
    assert (await ask("GET", "/api/v1/account", other["access_token"])).status_code == 200


async def test_a_refresh_token_that_comes_again_ends_its_device_and_says_nothing_of_it(
    hub, ask, session
):
    pair = await granted(ask, session)
    body = {"refresh_token": pair["refresh_token"]}
    renewed = (await ask("POST", REFRESH, json=body)).json()
    unknown = {"refresh_token": forms.mint(Form.REFRESH, hub.institution)}
    answers = [
        await ask("POST", REFRESH, json=given)
        for given in (body, body, unknown, {"refresh_token": "nonsense"})
    ]
    told = [{**answer.json(), "trace_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [400] * 4
    assert told == [told[0]] * 4
    assert told[0]["code"] == "invalid_grant"
    assert (await ask("GET", "/api/v1/account", renewed["access_token"])).status_code == 401
    with hub.database.unit(system_call(hub.institution)) as unit:
        lines = select(AuditLine.action).where(AuditLine.action.startswith("tokens."))
        actions = unit.session.scalars(lines.order_by(AuditLine.seq)).all()
    assert actions == ["tokens.granted", "tokens.reused"]


async def test_an_answer_that_was_lost_comes_again_for_the_same_key(ask, session):
    pair = await granted(ask, session)
    body, headers = {"refresh_token": pair["refresh_token"]}, {"idempotency-key": RETRY}
    lost, again = [await ask("POST", REFRESH, json=body, headers=dict(headers)) for _ in range(2)]
    assert (lost.status_code, again.status_code) == (200, 200)
    assert lost.json()["refresh_token"] == again.json()["refresh_token"]
    assert (await ask("POST", REFRESH, json=body)).status_code == 400
    short = await ask("POST", REFRESH, json=body, headers={"idempotency-key": "short"})
    assert short.status_code == 422


async def test_tokens_are_given_for_a_login_alone(ask, session):
    pair = await granted(ask, session)
    key = (await ask("POST", OWN, session, json={"name": "x", "scopes": ["tokens:write"]})).json()
    for token, code in ((pair["access_token"], "forbidden"), (key["key"], "step_up_required")):
        answer = await ask("POST", TOKENS, token, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert (await ask("POST", TOKENS, json={})).status_code == 401


async def test_scopes_are_never_more_than_their_makers(ask, session):
    for scope in ("users:read", "content:raed", "wiki:edit", ""):
        answer = await ask("POST", TOKENS, session, json={"scope": scope})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_scope"), scope
    pair = await granted(ask, session, scope="tokens:write content:read")
    assert pair["scope"] == "content:read tokens:write"
    token = pair["access_token"]
    assert (await ask("GET", "/api/v1/containers", token)).status_code == 200
    assert (await ask("GET", "/api/v1/account", token)).status_code == 403
    wider = await ask("POST", OWN, token, json={"name": "x", "scopes": ["account:read"]})
    assert (wider.status_code, wider.json()["code"]) == (400, "invalid_scope")
    made = await ask("POST", OWN, token, json={"name": "x", "scopes": ["content:read"]})
    assert made.status_code == 201
    renewed = (await ask("POST", REFRESH, json={"refresh_token": pair["refresh_token"]})).json()
    assert renewed["scope"] == pair["scope"]


async def test_a_key_opens_what_its_scopes_name_and_nothing_else(ask, session):
    body = {"name": "Script", "scopes": ["content:read", "tokens:read"], "days": 7}
    made = await ask("POST", OWN, session, json=body)
    assert made.headers["cache-control"] == "no-store"
    key = made.json()["key"]
    assert (await ask("GET", "/api/v1/containers", key)).status_code == 200
    assert (await ask("GET", "/api/v1/account", key)).status_code == 403
    (listed,) = (await ask("GET", OWN, key)).json()["items"]
    assert (listed["name"], listed["hint"], listed["scopes"]) == (
        "Script",
        key[-10:-6],
        body["scopes"],
    )
    assert key not in json.dumps(listed)
    assert (await ask("DELETE", f"{OWN}/{listed['id']}", key)).status_code == 403
    assert (await ask("DELETE", f"{OWN}/{listed['id']}", session)).status_code == 204
    assert (await ask("GET", "/api/v1/containers", key)).status_code == 401


async def test_a_key_of_the_institution_acts_for_itself_and_makes_no_wider_one(ask, admin):
    body = {"name": "CRM", "role": "educator", "scopes": ["content:write", "content:read"]}
    key = (await ask("POST", ALL, admin, json=body)).json()["key"]
    course = await ask("POST", "/api/v1/containers", key, json={"kind": "course", "title": "Waves"})
    assert course.status_code == 201, course.text
    assert (await ask("GET", ALL, key)).status_code == 403
    assert (await ask("DELETE", "/api/v1/session", admin)).status_code == 204
    assert (await ask("GET", "/api/v1/containers", key)).status_code == 200


async def test_a_key_makes_no_keys_but_revokes_them(ask, admin, session):
    body = {"name": "x", "role": "admin", "scopes": ["keys:write", "keys:read", "content:read"]}
    shared = (await ask("POST", ALL, admin, json=body)).json()["key"]
    own = {"name": "x", "scopes": ["tokens:write"]}
    personal = (await ask("POST", OWN, session, json=own)).json()["key"]
    for path, key, wanted in ((ALL, shared, body), (OWN, personal, own)):
        refused = await ask("POST", path, key, json=wanted)
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
        assert "log in" in refused.json()["cure"], "there is nothing a key could be proved by"
    (mine,) = (await ask("GET", OWN, session)).json()["items"]
    assert (await ask("DELETE", f"{OWN}/{mine['id']}", personal)).status_code == 204
    (listed,) = (await ask("GET", ALL, shared)).json()["items"]
    assert (await ask("GET", OWN, shared)).status_code == 403
    answer = await ask("DELETE", "/api/v1/session", shared)
    assert answer.status_code == 403  # account:write is not among its scopes.
    assert (await ask("DELETE", f"{ALL}/{listed['id']}", shared)).status_code == 204
    assert (await ask("GET", ALL, shared)).status_code == 401


async def test_a_scope_beyond_the_keys_own_role_is_refused(ask, admin):
    body = {"name": "x", "role": "learner", "scopes": ["content:write"]}
    answer = await ask("POST", ALL, admin, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_scope")
    for role in ("operator", "guest", "system", ""):
        assert (await ask("POST", ALL, admin, json={**body, "role": role})).status_code == 422


async def test_actions_of_plugins_are_scopes(ask, admin):
    body = {"name": "x", "role": "educator", "scopes": ["wiki:edit"]}
    assert (await ask("POST", ALL, admin, json=body)).status_code == 201
    answer = await ask("POST", ALL, admin, json={**body, "role": "learner"})
    assert answer.json()["code"] == "invalid_scope"


async def test_a_learner_sees_no_keys_of_the_institution_and_nobody_those_of_another(
    hub, ask, session, admin
):
    elsewhere = add_institution(hub, "elsewhere")
    stranger = (await hub.database.run(log_in, hub, "admin", elsewhere)).token
    body = {"name": "x", "role": "learner", "scopes": ["content:read"]}
    made = (await ask("POST", ALL, admin, json=body)).json()
    assert (await ask("GET", ALL, session)).status_code == 403
    assert (await ask("GET", ALL, stranger)).json()["items"] == []
    assert (await ask("DELETE", f"{ALL}/{made['id']}", stranger)).status_code == 404
    pair = await granted(ask, session)
    for path in (f"{TOKENS}/{pair['id']}", f"{OWN}/{made['id']}"):
        assert (await ask("DELETE", path, stranger)).status_code == 404
        assert (await ask("DELETE", path, admin)).status_code == 404
    assert (await ask("GET", "/api/v1/account", pair["access_token"])).status_code == 200


async def test_a_cookie_holds_no_token_of_a_program_and_a_bearer_needs_no_cross_site_token(
    hub, ask, session
):
    pair = await granted(ask, session)
    for token in (pair["access_token"], pair["refresh_token"]):
        cookie = {"cookie": f"{hub.sessions.cookie}={token}"}
        assert (await ask("GET", "/api/v1/account", headers=cookie)).status_code == 401
    # With the bearer beside it, a browser's cookie does not count.
    headers = {"cookie": f"{hub.sessions.cookie}={session}", "origin": "https://evil.example"}
    path = f"{TOKENS}/{pair['id']}"
    assert (await ask("DELETE", path, headers=dict(headers))).status_code == 403
    assert (await ask("DELETE", path, pair["access_token"], headers=headers)).status_code == 204


async def test_a_refresh_token_opens_nothing_but_the_next_pair(ask, session):
    pair = await granted(ask, session)
    assert (await ask("GET", "/api/v1/account", pair["refresh_token"])).status_code == 401
    for other in (pair["access_token"], session):
        answer = await ask("POST", REFRESH, json={"refresh_token": other[:200]})
        assert answer.json()["code"] == "invalid_grant"


async def test_the_public_keys_are_for_everybody_and_hold_nothing_private(ask, session):
    await granted(ask, session)
    answer = await ask("GET", "/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert len(keys) == 2
    for key in keys:
        assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": ["x"]}, []])
async def test_what_is_sent_as_a_refresh_token_is_never_repeated(ask, body):
    answer = await ask("POST", REFRESH, json=body)
    assert answer.status_code == 422
    secret = {"refresh_token": "bloop_rt_" + "s" * 300}
    assert "ssss" not in (await ask("POST", REFRESH, json=secret)).text
