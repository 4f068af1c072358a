"""The pages of API keys, as people without JavaScript meet them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from bloop.accounts.sessions import system_call
from bloop.accounts.tokens.models import ApiKey
from bloop.hub import Hub
from bloop.store.types import utcnow
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

FORM = {"name": "Grade <b>book</b>", "days": "30", "scope:content:read": "on"}


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def make(visitor, path, **more):
    form = FORM | {"csrf": csrf_of(await visitor.get(f"{path}/new"))} | more
    return await visitor.post(f"{path}/new", data=form)


@pytest.mark.parametrize(
    ("role", "path", "prefix"),
    [("learner", "/account/keys", "bloop_pat_"), ("admin", "/keys", "bloop_key_")],
)
async def test_a_key_is_made_shown_once_and_revoked_after_a_question(visit, role, path, prefix):
    visitor = await visit(role)
    assert "No keys yet" in (await visitor.get(path)).text
    made = await make(visitor, path, role="educator")
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    (key,) = re.findall(rf"{prefix}\w+", made.text)
    listed = (await visitor.get(path)).text
    assert key not in listed
    assert "Grade &lt;b&gt;book&lt;/b&gt;" in listed and f"…{key[-10:-6]}" in listed
    assert "content:read" in listed and "never used" in listed

    (question,) = re.findall(rf'href="({path}/[0-9a-f-]+/revoke)"', listed)
    asked = await visitor.get(question)
    assert "taken back" in asked.text
    assert (await visitor.post(question, data={})).status_code == 403
    gone = await visitor.post(question, data={"csrf": csrf_of(asked)})
    assert (gone.status_code, gone.headers["location"]) == (303, path)
    assert "No keys yet" in (await visitor.get(path)).text
    assert (await visitor.get(question)).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "wrong-name"),
        ({"days": "0"}, "wrong-days"),
        ({"days": "000000007" * 600}, "wrong-days"),
        ({"days": "²"}, "wrong-days"),
        ({"role": "operator"}, "wrong-role"),
        ({"scope:content:read": ""}, "wrong-scopes"),
        ({"role": "learner", "scope:users:read": "on"}, "wrong-scopes"),
    ],
    ids=["no name", "0 days", "endless days", "days²", "operator", "no scope", "scope above role"],
)
async def test_a_form_with_a_fault_comes_back_with_it_and_what_was_given(visit, wrong, said):
    visitor = await visit("admin")
    answer = await make(visitor, "/keys", **({"role": "educator"} | wrong))
    assert (answer.status_code, f'id="{said}"' in answer.text) == (422, True)
    if "name" not in wrong:
        assert "Grade &lt;b&gt;book&lt;/b&gt;" in answer.text
    assert "No keys yet" in (await visitor.get("/keys")).text


async def test_only_what_one_may_oneself_is_offered(visit):
    learner, admin = await visit("learner"), await visit("admin")
    assert 'name="scope:users:read"' not in (await learner.get("/account/keys/new")).text
    assert 'name="scope:users:read"' in (await admin.get("/keys/new")).text
    for scope in ("hub:visit", "ops:read"):
        assert f'name="scope:{scope}"' not in (await admin.get("/keys/new")).text
    operator = await visit("operator")
    assert 'name="scope:ops:read"' not in (await operator.get("/keys/new")).text
    assert 'name="scope:ops:read"' in (await operator.get("/account/keys/new")).text
    sneaked = await make(learner, "/account/keys", **{"scope:users:read": "on"})
    assert "users:read" not in (await learner.get("/account/keys")).text
    assert sneaked.status_code == 200


async def test_each_role_meets_what_the_api_lets_it_do(visit):
    for role, own, all_ in ((None, 401, 401), ("learner", 200, 403), ("educator", 200, 403)):
        visitor = await visit(role)
        assert (await visitor.get("/account/keys")).status_code == own
        assert (await visitor.get("/keys")).status_code == all_
        assert ('href="/account/keys"' in (await visitor.get("/account/keys")).text) is bool(role)
    assert 'href="/keys"' in (await (await visit("admin")).get("/webhooks")).text


async def test_another_institutions_keys_are_not_there(hub, visit):
    await make(await visit("admin"), "/keys", role="educator")
    stranger = await visit("admin", add_institution(hub, "elsewhere"))
    assert "No keys yet" in (await stranger.get("/keys")).text


async def test_a_key_that_ends_says_so(hub, visit):
    visitor = await visit("admin")
    await make(visitor, "/keys", role="educator", days="7")
    assert "ends soon" in (await visitor.get("/keys")).text
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.execute(update(ApiKey).values(expires_at=utcnow() - timedelta(days=1)))
    assert "expired" in (await visitor.get("/keys")).text
