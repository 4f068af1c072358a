"""Factors, step-up and what institutions ask for, as programs meet them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import httpx
import pyotp
import pytest
from sqlalchemy import select, update

from bloop.accounts.mfa import guard, login
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import Method, start_session, token_hash
from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_app, routes_of
from bloop.store.models import AuditLine
from bloop.store.types import utcnow
from tests.support.authenticator import Authenticator
from tests.support.hub import add_institution, log_in

ROUTES = routes_of(API)
STALE = guard.FRESH + timedelta(minutes=1)


@pytest.fixture
async def come(hub):
    """Programs at the door, each with the session of a new user."""
    transport = httpx.ASGITransport(create_app(hub), raise_app_exceptions=True)
    clients = []

    def open_client(role=None, institution=None):
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost:8080")
        clients.append(client)
        client.event_hooks["response"].append(partial(renew, client))
        if role is not None:
            session = log_in(hub, role, institution or hub.institution)
            client.headers["authorization"] = f"Bearer {session.token}"
            client.user, client.session = session.user_id, session.token
        return client

    yield open_client
    for client in clients:
        await client.aclose()


async def renew(client, response):
    """Go on with the token that a step-up gave, as its caller has to."""
    if response.url.path == "/api/v1/account/step-up" and response.is_success:
        await response.aread()
        if token := response.json().get("token"):
            client.session = token
            client.headers["authorization"] = f"Bearer {token}"


def age(hub, client, by=STALE):
    """Let the last proof of a session be some time ago."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.execute(
            update(LoginSession)
            .where(LoginSession.token_hash == token_hash(client.session))
            .values(proved_at=utcnow() - by)
        )
    hub.sessions.forget(client.session)


async def add_app(client, at=0):
    made = (await client.post("/api/v1/account/totp")).json()
    app = pyotp.TOTP(made["key"])
    code = app.at(utcnow().timestamp() + at)
    added = await client.post("/api/v1/account/totp/confirm", json={"code": code})
    assert added.status_code == 200, added.text
    return app, added.json()["recovery_codes"]


async def add_passkey(client, device=None):
    device = device or Authenticator()
    options = (await client.post("/api/v1/account/passkeys/options")).json()["options"]
    body = {"name": "Ada's phone", "credential": device.create(options)}
    added = await client.post("/api/v1/account/passkeys", json=body)
    assert added.status_code == 201, added.text
    return device, added


async def test_factors_are_set_up_shown_and_removed(hub, come):
    ada = come("learner")
    _, codes = await add_app(ada)
    assert len(codes) == 10
    _, added = await add_passkey(ada)
    assert added.json()["recovery_codes"] == [] and added.headers["cache-control"] == "no-store"
    found = (await ada.get("/api/v1/account/factors")).json()
    assert found["totp"]["last_used_at"] and found["recovery_codes"] == 10
    (passkey,) = found["passkeys"]
    assert (passkey["name"], passkey["last_used_at"], passkey["synced"]) == (
        "Ada's phone",
        None,
        False,
    )
    again = await ada.post("/api/v1/account/recovery-codes")
    assert again.status_code == 201 and not set(again.json()["codes"]) & set(codes)
    assert (await ada.delete("/api/v1/account/totp")).status_code == 204
    assert (await ada.delete("/api/v1/account/totp")).status_code == 404
    assert (await ada.delete(f"/api/v1/account/passkeys/{passkey['id']}")).status_code == 204
    gone = (await ada.get("/api/v1/account/factors")).json()
    assert (gone["totp"], gone["passkeys"], gone["recovery_codes"]) == (None, [], 0)


async def test_a_stale_session_is_refused_until_it_is_proved_again(hub, come):
    admin = come("admin")
    app, _ = await add_app(admin)
    body = {"name": "CRM", "url": "https://crm.example/hooks", "topics": ["content.*"]}
    age(hub, admin)
    refused = await admin.post("/api/v1/webhooks", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    assert "/api/v1/account/step-up" in refused.json()["cure"]
    assert (await admin.get("/api/v1/webhooks")).status_code == 200, "reading goes on"
    ways = (await admin.get("/api/v1/account/step-up")).json()["ways"]
    assert ways == ["totp", "recovery_code"]
    proof = {"way": "totp", "text": app.at(utcnow().timestamp() + 30)}
    before = admin.session
    [session] = (await admin.get("/api/v1/account/sessions")).json()["items"]
    done = await admin.post("/api/v1/account/step-up", json=proof)
    assert done.json() == {"seconds": 600, "token": admin.session, "csrf_token": None}
    assert done.headers["cache-control"] == "no-store"
    assert admin.session != before
    old = await admin.get("/api/v1/account", headers={"authorization": f"Bearer {before}"})
    assert old.status_code == 401, "who had found the old token does not get what was proved"
    [still] = (await admin.get("/api/v1/account/sessions")).json()["items"]
    assert still == session | {"seen_at": still["seen_at"]}, "it is the same device's session"
    made = await admin.post("/api/v1/webhooks", json=body)
    assert made.json().get("code") != "step_up_required"
    again = await admin.post("/api/v1/account/step-up", json=proof)
    assert (again.status_code, again.json()["code"]) == (403, "proof_refused")


async def test_a_refused_proof_is_written_down_and_refreshes_nothing(hub, come):
    admin = come("admin")
    await add_app(admin)
    age(hub, admin)
    for body in (
        {"way": "totp", "text": "000000"},
        {"way": "password", "text": "password"},
        {"way": "recovery_code", "text": "x"},
    ):
        refused = await admin.post("/api/v1/account/step-up", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "proof_refused"), body
    assert (await admin.post("/api/v1/webhooks")).json()["code"] == "step_up_required"
    with hub.database.unit(system_call(hub.institution)) as unit:
        lines = unit.session.scalars(select(AuditLine).where(AuditLine.action == "mfa.refused"))
        assert [line.detail["way"] for line in lines] == ["totp", "password", "recovery_code"]
    for faulty in ({"way": "totp"}, {"way": "passkey"}, {"way": "guess", "text": "1"}):
        assert (await admin.post("/api/v1/account/step-up", json=faulty)).status_code == 422


async def test_too_many_wrong_codes_say_how_long_to_wait(hub, come):
    ada = come("learner")
    await add_app(ada)
    body = {"way": "totp", "text": "000000"}
    statuses = [
        (await ada.post("/api/v1/account/step-up", json=body)).status_code for _ in range(6)
    ]
    assert set(statuses) == {403, 429} and statuses[:3] == [403] * 3
    waiting = await ada.post("/api/v1/account/step-up", json=body)
    if waiting.status_code == 429:
        assert int(waiting.headers["retry-after"]) >= 1


async def test_a_password_that_the_login_knows_is_a_proof(hub, come, monkeypatch):
    from bloop.accounts.mfa import routes
    from bloop.accounts.mfa.proofs import Passwords

    async def check(request, password):
        return password == "correct horse"

    monkeypatch.setattr(routes, "PASSWORDS", Passwords(has=lambda *_: True, check=check))
    ada = come("learner")
    age(hub, ada)
    assert (await ada.get("/api/v1/account/step-up")).json()["ways"] == ["password"]
    wrong = await ada.post("/api/v1/account/step-up", json={"way": "password", "text": "no"})
    assert wrong.status_code == 403
    assert (await ada.post("/api/v1/account/totp")).json()["code"] == "step_up_required"
    right = {"way": "password", "text": "correct horse"}
    assert (await ada.post("/api/v1/account/step-up", json=right)).status_code == 200
    assert (await ada.post("/api/v1/account/totp")).status_code == 201


async def test_a_session_from_before_the_first_factor_changes_none(hub, come, monkeypatch):
    """Or whoever began it with a stolen password would have a factor of their own."""
    from bloop.accounts.mfa import routes
    from bloop.accounts.mfa.proofs import Passwords

    async def check(request, password):
        return True

    monkeypatch.setattr(routes, "PASSWORDS", Passwords(has=lambda *_: True, check=check))
    ada, thief = come("admin"), come()
    with hub.database.unit(system_call(hub.institution)) as unit:
        thief.session = start_session(unit, unit.get(User, ada.user)).token
    thief.headers["authorization"] = f"Bearer {thief.session}"
    app, _ = await add_app(ada)
    for method, path, body in (
        ("POST", "/api/v1/account/totp", None),
        ("POST", "/api/v1/account/totp/confirm", {"code": "000000"}),
        ("DELETE", "/api/v1/account/totp", None),
        ("POST", "/api/v1/account/passkeys/options", None),
        ("POST", "/api/v1/account/passkeys", {"name": "x", "credential": {}}),
        ("DELETE", "/api/v1/account/passkeys/none", None),
        ("POST", "/api/v1/account/recovery-codes", None),
    ):
        refused = await thief.request(method, path, json=body)
        assert refused.json()["code"] == "step_up_required", path
    password = {"way": "password", "text": "stolen"}
    assert (await thief.post("/api/v1/account/step-up", json=password)).status_code == 403
    assert (await thief.get("/api/v1/account/step-up")).json()["ways"] == ["totp", "recovery_code"]
    proof = {"way": "totp", "text": app.at(utcnow().timestamp() + 30)}
    assert (await thief.post("/api/v1/account/step-up", json=proof)).status_code == 200
    assert (await thief.post("/api/v1/account/totp")).status_code == 201
    assert (await ada.post("/api/v1/account/step-up", json=password)).status_code == 200


async def test_a_passkey_proves_again_once_and_only_for_its_own_session(hub, come):
    ada, bob = come("learner"), come("learner")
    device, _ = await add_passkey(ada)
    await add_passkey(bob)
    age(hub, ada)
    bobs = (await bob.post("/api/v1/account/step-up/options")).json()["options"]
    mine = (await ada.post("/api/v1/account/step-up/options")).json()["options"]
    swapped = {"way": "passkey", "credential": device.get(bobs)}
    assert (await ada.post("/api/v1/account/step-up", json=swapped)).status_code == 403
    proof = {"way": "passkey", "credential": device.get(mine)}
    assert (await ada.post("/api/v1/account/step-up", json=proof)).status_code == 200
    assert (await ada.post("/api/v1/account/totp")).status_code == 201
    assert (await ada.post("/api/v1/account/step-up", json=proof)).status_code == 403


async def test_every_sensitive_route_asks_for_a_fresh_proof(hub, come):
    """And none of them does anything before: each is asked as the route table has it."""
    operator = come("operator")
    age(hub, operator)
    sensitive = [route for route in ROUTES if route.step_up]
    paths = {f"{route.method} {route.path}" for route in sensitive}
    assert {
        "POST /api/v1/plugins/{plugin_id}/enable",
        "POST /api/v1/plugins/{plugin_id}/disable",
        "POST /api/v1/plugins/undo",
        "PUT /api/v1/plugins/{plugin_id}/institution",
        "POST /api/v1/webhooks",
        "POST /api/v1/webhooks/{webhook_id}/rotate",
        "POST /api/v1/account/totp",
        "POST /api/v1/account/passkeys",
        "DELETE /api/v1/account/totp",
        "DELETE /api/v1/users/{user_id}/factors",
        "PUT /api/v1/mfa",
    } <= paths
    for route in sensitive:
        answer = await operator.request(route.method, route.path)
        assert answer.json()["code"] == "step_up_required", route.path


async def test_a_login_waits_for_its_second_factor(hub, come):
    ada = come("learner")
    _, codes = await add_app(ada)

    def begin(unit):
        return login.second_factor_needed(unit, unit.get(User, ada.user), Method.PASSWORD)

    with hub.database.unit(system_call(hub.institution)) as unit:
        needed = begin(unit)
    guest = come()
    body = {"token": needed.token, "way": "recovery_code", "text": codes[0]}
    assert (
        await guest.get("/api/v1/account", headers={"authorization": f"Bearer {needed.token}"})
    ).status_code == 401, "it is no session"
    wrong = await guest.post("/api/v1/login/second-factor", json=body | {"text": "no"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "proof_refused")
    for token in ("nothing", f"{hub.institution}.{'x' * 43}"):
        over = await guest.post("/api/v1/login/second-factor", json=body | {"token": token})
        assert over.status_code == 403
        asked = await guest.post("/api/v1/login/second-factor/options", json={"token": token})
        assert asked.status_code == 403
    done = await guest.post("/api/v1/login/second-factor", json=body)
    assert done.status_code == 200 and done.json()["user"] == ada.user
    who = await guest.get("/api/v1/account")
    assert who.json()["csrf_token"] == done.json()["csrf_token"]
    assert (await guest.post("/api/v1/login/second-factor", json=body)).status_code == 403


async def test_a_passkey_alone_logs_in_wherever_its_account_is(hub, come):
    there = add_institution(hub, "there")
    ada = come("educator", there)
    device, _ = await add_passkey(ada)
    guest = come()
    origin = {"origin": "http://localhost:8080"}
    begin = {"url": "/api/v1/login/passkey/options", "headers": origin}
    options = (await guest.post(**begin)).json()["options"]
    credential = device.get(options)
    done = await guest.post("/api/v1/login/passkey", json={"credential": credential})
    assert done.status_code == 200, done.text
    who = (await guest.get("/api/v1/account")).json()
    assert (who["id"], who["institution"]) == (ada.user, there)
    replayed = await come().post("/api/v1/login/passkey", json={"credential": credential})
    assert replayed.status_code == 403
    elsewhere = device.handle
    for handle in ("", "AAAA", elsewhere[:-6] + "AAAAAA"):
        options = (await come().post(**begin)).json()["options"]
        device.handle = handle
        forged = {"credential": device.get(options)}
        refused = await come().post("/api/v1/login/passkey", json=forged)
        assert (refused.status_code, refused.json()["code"]) == (403, "proof_refused"), handle


async def test_an_institution_that_asks_lets_nobody_in_without(hub, come):
    admin, educator, learner = come("admin"), come("educator"), come("learner")
    await add_app(admin)
    known = await admin.get("/api/v1/mfa")
    assert known.json()["roles"] == []
    tag = {"if-match": known.headers["etag"]}
    roles = {"roles": ["operator", "educator"]}
    changed = await admin.put("/api/v1/mfa", json=roles, headers=tag)
    assert changed.json()["roles"] == ["educator", "operator"]
    assert (await admin.put("/api/v1/mfa", json=roles, headers=tag)).status_code == 412
    assert (await learner.put("/api/v1/mfa", json=roles, headers=tag)).status_code == 403
    hub.sessions.forget(educator.session)
    refused = await educator.get("/api/v1/containers")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    assert (await learner.get("/api/v1/containers")).status_code == 200
    assert (await educator.get("/api/v1/account/factors")).json()["required"]
    await add_app(educator)
    assert (await educator.get("/api/v1/containers")).status_code == 200
    await educator.delete("/api/v1/account/totp")
    assert (await educator.get("/api/v1/containers")).status_code == 403


async def test_who_lacks_the_factor_reaches_nothing_but_enrolment(hub, come):
    """Every route that is not marked is refused, whatever it takes, plugins' included."""
    admin, educator = come("admin"), come("educator")
    await add_app(admin)
    await admin.put("/api/v1/mfa", json={"roles": ["educator"]}, headers={"if-match": "*"})
    hub.sessions.forget(educator.session)
    reached = {"DELETE /api/v1/session"}
    for route in ROUTES:
        if f"{route.method} {route.path}" in reached:
            continue  # It would end the walk.
        answer = await educator.request(route.method, route.path)
        told = answer.headers.get("content-type", "").startswith("application/problem+json")
        if not told or answer.json()["code"] not in {"second_factor_required", "forbidden"}:
            reached.add(f"{route.method} {route.path}")
    assert reached == {
        # These take a proof of their own in place of a session.
        "POST /api/v1/connections/{connection_id}/hints",
        "POST /api/v1/join",
        "POST /api/v1/password-reset",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /start",
        "GET /.well-known/jwks.json",
        "GET /api/v1/openapi.json",
        "GET /x/{plugin}",
        "DELETE /api/v1/session",
        "GET /api/v1/account",
        "GET /api/v1/account/factors",
        "GET /api/v1/account/step-up",
        "GET /api/v1/mfa",
        "POST /api/v1/account/passkeys",
        "POST /api/v1/account/passkeys/options",
        "POST /api/v1/account/step-up",
        "POST /api/v1/account/step-up/options",
        "POST /api/v1/account/totp",
        "POST /api/v1/account/totp/confirm",
        "POST /api/v1/login/passkey",
        "POST /api/v1/login/passkey/options",
        "POST /api/v1/login/second-factor",
        "POST /api/v1/login/second-factor/options",
        "POST /api/v1/session",
        "POST /api/v1/tokens/refresh",
    }


async def test_a_session_of_two_factors_is_not_asked_again(hub, come):
    ada = come()
    with hub.database.unit(system_call(hub.institution)) as unit:
        user = User(institution_id=unit.institution, name="Ada", role="educator")
        unit.session.add(user)
        unit.session.flush()
        token = start_session(unit, user, Method.PASSKEY, second_factor=True).token
    admin = come("admin")
    await admin.put("/api/v1/mfa", json={"roles": ["educator"]}, headers={"if-match": "*"})
    ada.headers["authorization"] = f"Bearer {token}"
    assert (await ada.get("/api/v1/containers")).status_code == 200


async def test_an_admin_resets_factors_of_their_own_institution_alone(hub, come):
    admin, ada = come("admin"), come("learner")
    outsider = come("learner", add_institution(hub, "there"))
    operator = come("operator")
    await add_app(ada)
    assert (await ada.delete(f"/api/v1/users/{ada.user}/factors")).status_code == 403
    assert (await admin.delete(f"/api/v1/users/{outsider.user}/factors")).status_code == 404
    assert (await admin.delete(f"/api/v1/users/{operator.user}/factors")).status_code == 403
    assert (await admin.delete(f"/api/v1/users/{ada.user}/factors")).status_code == 204
    hub.sessions.forget(ada.session)
    assert (await ada.get("/api/v1/account")).status_code == 401


async def test_a_hub_without_a_name_says_what_passkeys_need(hub, come):
    ada = come("learner")
    answer = await ada.post("/api/v1/account/passkeys/options", headers={"host": "127.0.0.1:8080"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_passkeys")
    assert "localhost" in answer.json()["cure"]
