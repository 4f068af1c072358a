"""`POST /api/v1/password-reset`: a link's token sets a password once, for programs."""

from __future__ import annotations

import pytest

from bloop.accounts.login import changes
from tests.accounts.login.conftest import NEW_PASSWORD, PASSWORD, on_sqlite


@pytest.fixture
async def token(ada, run):
    """What a link to a new password holds."""
    return await run(changes.issue_reset_for, ada)


@pytest.fixture
def choose(visit):
    async def send(token, password=NEW_PASSWORD, *, headers=(), **more):
        client = await visit()
        client.headers["accept"] = "application/json"
        body = {"token": token, "password": password} | more
        answer = await client.post("/api/v1/password-reset", json=body, headers=dict(headers))
        return answer, client

    return send


async def test_it_sets_the_password_once_ends_every_session_and_logs_in(ada, log_in, token, choose):
    _, before = await log_in()
    answer, client = await choose(token)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["user"], bool(told["csrf_token"])) == (ada, True)
    assert (await client.get("/api/v1/account")).status_code == 200
    assert (await before.get("/api/v1/account")).status_code == 401
    again, other = await choose(token, PASSWORD)
    assert again.status_code == 403
    assert (await other.get("/api/v1/account")).status_code == 401
    assert (await log_in())[0].status_code == 401
    assert (await log_in(password=NEW_PASSWORD))[0].status_code == 200


@on_sqlite
async def test_a_password_that_will_not_do_is_told_and_leaves_the_link_good(token, choose):
    weak, _ = await choose(token, "ada lovelace 1815")
    assert weak.status_code == 422
    assert "ada lovelace 1815" not in weak.text and token not in weak.text
    assert (await choose(token))[0].status_code == 200


@on_sqlite
async def test_what_is_no_token_is_refused_without_an_echo(hub, ada, choose):
    for bad in ("nonsense", f"{hub.institution}.{'x' * 43}", f"*.{'x' * 43}"):
        answer, _ = await choose(bad)
        assert answer.status_code == 403
        assert bad not in answer.text and NEW_PASSWORD not in answer.text
    for bad, more in (("", {}), ("x" * 201, {}), (["x"], {}), ("x", {"user": ada})):
        answer, _ = await choose(bad, **more)
        assert answer.status_code == 422, (bad, more)
        assert NEW_PASSWORD not in answer.text


@on_sqlite
async def test_another_sites_page_uses_no_link_up(token, choose):
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await choose(token, headers=headers))[0].status_code == 403
    assert (await choose(token))[0].status_code == 200
