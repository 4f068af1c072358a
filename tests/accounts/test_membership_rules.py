"""Rules of membership: what can be said, who may say it, and from which version."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bloop.accounts.identities.rules import role_for
from bloop.accounts.identities.schemas import MembershipRule
from bloop.hub import Hub
from bloop_sdk import Role
from bloop_sdk.providers.identity import Identity
from tests.web.conftest import csrf_of

STAFF = {"role": "educator", "claim": "groups", "value": "staff", "provider": "oidc.school"}
DOMAIN = {"role": "learner", "domain": "example.edu"}


def identity(**given):
    return Identity(issuer="https://login.example.edu", subject="1", **given)


@pytest.mark.parametrize(
    ("email", "fits"),
    [
        ("ada@example.edu", True),
        ("ada@EXAMPLE.edu", True),
        ("ada@sub.example.edu", False),
        ("ada@notexample.edu", False),
        ("ada@example.edu@evil.example", False),
        ("example.edu", False),
        ("", False),
        (None, False),
    ],
)
def test_a_domain_is_what_stands_behind_the_last_sign(email, fits):
    found = role_for([DOMAIN], "oidc.school", identity(email=email, email_verified=True))
    assert found == (Role.LEARNER if fits else None)


@pytest.mark.parametrize(
    ("groups", "fits"),
    [
        ("staff", True),
        (["all", "staff"], True),
        ("staffers", False),
        (["staffers"], False),
        ({"staff": True}, False),
        (True, False),
        (None, False),
    ],
)
def test_a_claim_is_the_value_or_holds_it(groups, fits):
    found = role_for([STAFF], "oidc.school", identity(claims={"groups": groups}))
    assert found == (Role.EDUCATOR if fits else None)


def test_a_claim_means_something_with_its_provider_only():
    person = identity(claims={"groups": "staff"})
    assert role_for([STAFF], "oidc.other", person) is None
    assert role_for([STAFF | {"provider": None}], "oidc.other", person) is None


def test_the_first_rule_that_fits_decides():
    person = identity(email="ada@example.edu", email_verified=True, claims={"groups": ["staff"]})
    assert role_for([STAFF, DOMAIN], "oidc.school", person) is Role.EDUCATOR
    assert role_for([DOMAIN, STAFF], "oidc.school", person) is Role.LEARNER


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"role": "learner"},
        {"role": "operator", "domain": "example.edu"},
        {"role": "operator", "domain": "example.edu", "above_educator": True},
        {"role": "guest", "domain": "example.edu"},
        {"role": "admin", "domain": "example.edu"},
        {"role": "educator", "domain": "example.edu", "above_educator": True},
        {"role": "learner", "domain": "edu"},
        {"role": "learner", "domain": "@example.edu"},
        {"role": "learner", "domain": "*.example.edu"[0:1]},
        {"role": "learner", "claim": "groups", "provider": "oidc.school"},
        {"role": "learner", "claim": "groups", "value": "staff"},
        {"role": "learner", "value": "staff", "provider": "oidc.school"},
        {**STAFF, "domain": "example.edu"},
        {**DOMAIN, "and": "more"},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(wrong):
    with pytest.raises(ValidationError):
        MembershipRule(**wrong)


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def test_rules_are_replaced_from_the_version_that_was_read(hub, visit):
    admin = await visit("admin")
    token = {"x-csrf-token": csrf_of(await admin.get("/account/identities"))}
    path = "/api/v1/membership-rules"
    first = await admin.get(path)
    assert (first.json(), first.headers["etag"]) == ({"rules": [], "row_version": 0}, '"v0"')
    body = {"rules": [STAFF, DOMAIN]}
    assert (await admin.put(path, json=body, headers=token)).status_code == 428
    made = await admin.put(path, json=body, headers=token | {"if-match": '"v0"'})
    assert made.json() == {"rules": [STAFF, DOMAIN], "row_version": 1}
    for stale in ('"v0"', '"v7"'):
        answer = await admin.put(path, json={"rules": []}, headers=token | {"if-match": stale})
        assert answer.status_code == 412, answer.text
    wrong = {"rules": [{"role": "operator", "domain": "example.edu"}]}
    refused = await admin.put(path, json=wrong, headers=token | {"if-match": '"v1"'})
    assert refused.status_code == 422
    emptied = await admin.put(path, json={"rules": []}, headers=token | {"if-match": '"v1"'})
    assert emptied.json() == {"rules": [], "row_version": 2}


async def test_rules_are_the_admins(hub, visit):
    for role in ("learner", "educator"):
        someone = await visit(role)
        assert (await someone.get("/api/v1/membership-rules")).status_code == 403
    assert (await (await visit()).get("/api/v1/membership-rules")).status_code == 401
