from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bloop.accounts.access import Router, call_of
from bloop.accounts.actions import VISIT
from bloop.accounts.http import expected_version, json_response, not_modified
from bloop.accounts.service import csrf_token, issue_link
from bloop.accounts.sessions import system_call
from bloop.api import deadlines
from bloop.api.app import create_app
from bloop.api.security import nonce_of
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop_sdk import RateLimitedError


class Secret(BaseModel):
    password: int


def things() -> Router:  # noqa: C901 - many small handlers, one router
    router = Router(prefix="/api/v1/things")

    @router.get("/{thing}", action="content:read")
    async def show(request: Request, thing: str) -> Response:
        if thing == "missing":
            raise NotFoundError("no such thing")
        if thing == "broken":
            raise RuntimeError("the password is hunter2")
        if thing == "busy":
            raise RateLimitedError("slow down", retry_after=7.2)
        if thing == "slow":
            await asyncio.sleep(10)
        return not_modified(request, 3) or json_response({"thing": thing}, version=3)

    @router.patch("/{thing}", action="content:write")
    async def change(request: Request, thing: str) -> Response:
        if expected_version(request) not in {3, None}:
            raise ConflictError("it moved on", current=3)
        return json_response({"body": len(await request.body())}, version=4)

    @router.post("", action="content:write")
    async def create(request: Request, body: Secret) -> Response:
        return json_response({"made": True}, 201)

    @router.post("/upload", action="content:import", upload=True)
    async def upload(request: Request) -> Response:
        return json_response({"body": len(await request.body())})

    @router.get("/page/{name}", action=VISIT)
    async def page(request: Request, name: str) -> Response:
        return HTMLResponse(f"<script nonce={nonce_of(request)}></script>")

    @router.get("/who/am", action=VISIT)
    async def who(request: Request) -> Response:
        call = call_of(request)
        return json_response({"id": call.principal.id, "trace": call.trace.trace_id})

    return router


@pytest.fixture
def extra():
    return [things()]


async def log_in(hub, client) -> str:
    call = system_call(hub.institution)
    token = await hub.database.run(in_unit, hub.database, call, issue_link)
    answer = await client.get(f"/start?token={token}")
    assert answer.status_code == 303
    return client.cookies["bloop_session"]


async def test_the_hub_lives(client):
    answer = await client.get("/healthz")
    assert answer.json() == {"status": "alive"}
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_hub_is_ready(client):
    answer = await client.get("/readyz")
    assert answer.status_code == 200, answer.json()


async def test_a_stranger_gets_a_problem_that_says_what_to_do(client):
    answer = await client.get("/api/v1/things/a")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "login_required"
    assert "Bearer" in answer.json()["cure"]
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_link_logs_in_once(hub, client):
    token = await hub.database.run(in_unit, hub.database, system_call(hub.institution), issue_link)
    first = await client.get(f"/start?token={token}")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie
    assert (await client.get("/api/v1/things/a")).status_code == 200
    client.cookies.clear()
    second = await client.get(f"/start?token={token}")
    assert second.status_code == 403 and second.json()["code"] == "link_refused"


async def test_the_session_ends_when_one_logs_out(hub, client):
    token = await log_in(hub, client)
    bearer = {"authorization": f"Bearer {token}"}
    client.cookies.clear()
    assert (await client.get("/api/v1/things/a", headers=bearer)).status_code == 200
    assert (await client.delete("/api/v1/session", headers=bearer)).status_code == 204
    assert (await client.get("/api/v1/things/a", headers=bearer)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"x-csrf-token": "TOKEN"}, 200),
        ({"x-csrf-token": "TOKEN", "origin": "http://127.0.0.1:8080"}, 200),
        ({"x-csrf-token": "TOKEN", "origin": "http://evil.example"}, 403),
        ({"x-csrf-token": "TOKEN", "origin": "null"}, 403),
        ({"x-csrf-token": "TOKEN", "sec-fetch-site": "cross-site"}, 403),
        ({"x-csrf-token": "TOKEN", "sec-fetch-site": "same-site"}, 403),
        ({"x-csrf-token": "TOKEN", "sec-fetch-site": "same-origin"}, 200),
        ({"x-csrf-token": "of another session"}, 403),
    ],
)
async def test_a_change_by_cookie_needs_the_token_of_its_own_page(hub, client, headers, status):
    session = await log_in(hub, client)
    filled = {
        name: csrf_token(session) if value == "TOKEN" else value for name, value in headers.items()
    }
    answer = await client.patch("/api/v1/things/a", headers={"if-match": '"v3"', **filled})
    assert answer.status_code == status, answer.text


async def test_a_form_carries_its_token_and_arrives_whole(hub, client):
    session = await log_in(hub, client)
    form = {"csrf": csrf_token(session), "title": "ä" * 1000}
    answer = await client.patch("/api/v1/things/a", data=form, headers={"if-match": "*"})
    assert answer.status_code == 200
    assert answer.json()["body"] == len(str(httpx.QueryParams(form)))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("localhost", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8080", 421),
        ("", 421),
    ],
)
async def test_on_loopback_only_loopback_names_are_answered(client, host, status):
    answer = await client.get("/healthz", headers={"host": host})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/things/missing", 404, "not_found"),
        ("/api/v1/things/broken", 500, "internal_error"),
        ("/api/v1/things/busy", 503, "rate_limited"),
        ("/api/v1/nowhere", 404, "not_found"),
        ("/api/v1/things/", 404, "not_found"),
    ],
)
async def test_errors_are_problems_and_defects_stay_inside(hub, client, path, status, code):
    await log_in(hub, client)
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "hunter2" not in answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == ("8" if status == 503 else None)


async def test_a_wrong_method_names_the_right_ones(hub, client):
    answer = await client.put("/api/v1/things/a")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, PATCH"


async def test_a_client_that_holds_the_version_gets_304(hub, client):
    await log_in(hub, client)
    first = await client.get("/api/v1/things/a")
    assert first.headers["etag"] == '"v3"'
    again = await client.get("/api/v1/things/a", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("match", "status"), [(None, 428), ('"v3"', 200), ('"v2"', 412), ("*", 200), ("v3", 422)]
)
async def test_a_change_names_the_version_it_was_made_from(hub, client, match, status):
    client.headers["x-csrf-token"] = csrf_token(await log_in(hub, client))
    headers = {"if-match": match} if match else {}
    answer = await client.patch("/api/v1/things/a", headers=headers)
    assert answer.status_code == status


async def test_what_is_wrong_with_a_body_is_said_without_repeating_it(hub, client):
    client.headers["x-csrf-token"] = csrf_token(await log_in(hub, client))
    answer = await client.post("/api/v1/things", json={"password": "hunter2"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.password"
    assert "hunter2" not in answer.text
    broken = await client.post(
        "/api/v1/things", content=b"{", headers={"content-type": "application/json"}
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed")


async def test_a_body_that_is_too_long_is_refused_announced_or_not(hub, client):
    client.headers["x-csrf-token"] = csrf_token(await log_in(hub, client))
    client.headers["if-match"] = "*"

    async def chunks():
        for _ in range(20):
            yield b"x" * 100_000

    announced = await client.patch("/api/v1/things/a", content=b"x" * 2_000_000)
    streamed = await client.patch("/api/v1/things/a", content=chunks())
    assert (announced.status_code, streamed.status_code) == (413, 413)
    uploaded = await client.post("/api/v1/things/upload", content=chunks())
    assert uploaded.json() == {"body": 2_000_000}


async def test_a_request_continues_the_trace_it_came_with(client):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    answer = await client.get("/api/v1/things/who/am", headers=headers)
    assert answer.json()["trace"] == trace
    for wrong in ("", "00-xyz", f"00-{'0' * 32}-00f067aa0ba902b7-01"):
        fresh = await client.get("/api/v1/things/who/am", headers={"traceparent": wrong})
        assert fresh.json()["trace"].strip("0")


async def test_a_page_allows_its_own_scripts_and_data_allows_nothing(client):
    page = await client.get("/api/v1/things/page/a")
    nonce = page.text.split("nonce=")[1].split(">")[0]
    assert f"'nonce-{nonce}'" in page.headers["content-security-policy"]
    data = await client.get("/healthz")
    assert data.headers["content-security-policy"].startswith("default-src 'none'")


async def test_no_other_site_may_read_an_answer(hub, client):
    await log_in(hub, client)
    elsewhere = {"origin": "https://evil.example", "access-control-request-method": "PUT"}
    for path in ("/api/v1/things/a", "/api/v1/things/page/a", "/api/v1/things/nothing", "/healthz"):
        for method in ("GET", "OPTIONS"):
            answer = await client.request(method, path, headers=elsewhere)
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_head_answers_like_get(hub, client):
    await log_in(hub, client)
    answer = await client.head("/api/v1/things/a")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"v3"')


async def test_looking_at_a_link_does_not_use_it_up(hub, client):
    token = await hub.database.run(in_unit, hub.database, system_call(hub.institution), issue_link)
    await client.head(f"/start?token={token}")
    assert (await client.get(f"/start?token={token}")).status_code == 303


async def test_an_answer_that_takes_too_long_is_cut_off(hub, monkeypatch):
    monkeypatch.setattr(deadlines, "SWEEP_SECONDS", 0.02)
    router = things()
    router.routes[0].deadline = 0.05
    app = create_app(hub, extra=[router])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        await log_in(hub, client)
        answer = await client.get("/api/v1/things/slow")
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline")


async def test_the_action_is_checked_before_the_arguments_are_looked_at(hub, client):
    wrong = {"content": b"{", "headers": {"content-type": "application/json"}}
    assert (await client.post("/api/v1/things", **wrong)).status_code == 401
    assert (await client.patch("/api/v1/things/a")).status_code == 401


async def test_an_app_with_a_route_that_states_no_action_does_not_start(hub):
    app = create_app(hub)
    app.get("/sneaky")(lambda: None)
    with pytest.raises(RuntimeError, match="/sneaky"):
        await app({"type": "http"}, None, None)
