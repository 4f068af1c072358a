from __future__ import annotations

import asyncio

import pytest
import uvicorn
from sqlalchemy import update

from bloop.accounts.mfa.guard import FRESH
from bloop.accounts.models import LoginSession
from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_edge, routes_of
from bloop.ops.serve import bind
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.hub import add_institution

VIEWS = """
    from bloop_sdk import AuthError, ForbiddenRecordError, Response, UnavailableError

    async def hello(request, ctx):
        return {"plugin": ctx.plugin_id, "name": request.path_params["name"]}

    async def page(request, ctx):
        return Response(status=201, headers={"content-type": "text/html"}, body=b"<p>hi", url="")

    async def note(request, ctx):
        return {"got": await request.json()}

    async def crash(request, ctx):
        raise ValueError(f"hunter2 of {ctx.call.institution}")

    async def leak(request, ctx):
        raise OSError("GET https://api.example/?token=s3cr3t-token-1 was refused")

    async def rubbish(request, ctx):
        return object()

    async def refuse(request, ctx):
        raise ForbiddenRecordError("not this one", cure="another one")

    def exits(request, ctx):
        raise SystemExit(3)

    async def hear(request, ctx):
        body = await request.body()
        if request.headers.get("x-secret") != "known":
            raise AuthError("this is not signed")
        if body == b"away":
            raise UnavailableError("nobody is there who could say")
        return {"from": request.path_params["who"], "said": body.decode(),
                "institution": ctx.call.institution, "kind": ctx.call.principal.kind}
"""


def route(path, handler, action="content:read", **more):
    return {"path": path, "handler": f"bloop_wiki.views:{handler}", "action": action, **more}


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that adds routes and an action."""
    routes = [
        route("/hello/{name}", "hello"),
        route("/edit", "page", "wiki:edit", methods=["POST"]),
        route("/note", "note", methods=["POST"]),
        route("/refund", "note", methods=["POST"], step_up=True),
        route("/undeclared", "page", "wiki:unknown"),
        *(route(f"/{name}", name) for name in ("crash", "leak", "rubbish", "refuse", "exits")),
    ]
    actions = [{"name": "wiki:edit", "role": "admin", "help": "Edit the wiki."}]
    inbound = [{"path": "/hooks/{who}", "handler": "bloop_wiki.views:hear"}]
    contributes = {"routes": routes, "actions": actions, "inbound": inbound}
    write_plugin(
        site,
        "wiki",
        code=CODE,
        files={"views.py": VIEWS},
        manifest={"contributes": contributes},
    )
    with config_path.open("a") as file:
        file.write("\n[plugins.wiki]\nenabled = true\n")
    return config_path


async def test_a_plugin_answers_below_its_own_path(operator):
    answer = await operator.get("/x/wiki/hello/ada%20l")
    assert answer.json() == {"plugin": "wiki", "name": "ada l"}
    assert (await operator.get("/x/wiki/nowhere")).status_code == 404
    assert (await operator.get("/x/nothing/hello/a")).status_code == 404
    wrong = await operator.post("/x/wiki/hello/ada")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


async def test_the_action_of_a_route_is_enforced_its_own_ones_too(client, operator):
    made = await operator.post("/x/wiki/edit")
    assert (made.status_code, made.text) == (201, "<p>hi")
    assert "script-src" in made.headers["content-security-policy"]
    assert (await operator.get("/x/wiki/undeclared")).status_code == 403
    assert (await operator.head("/x/wiki/edit")).status_code == 405
    operator.headers.pop("authorization")
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("crash", 502, "plugin_failed"),
        ("rubbish", 502, "plugin_failed"),
        ("exits", 502, "plugin_failed"),
        ("refuse", 422, "record_forbidden"),
    ],
)
async def test_what_a_plugin_does_wrong_is_its_own_failure(hub, operator, path, status, code):
    answer = await operator.get(f"/x/wiki/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 200


async def test_another_system_calls_without_a_login_and_is_proved_by_the_plugin(hub, client):
    known, path = {"x-secret": "known"}, f"/in/{hub.institution}/wiki/hooks/till"
    for _ in range(6):  # Strangers cannot have it left alone.
        refused = await client.post(path, content=b"{}")
        assert (refused.status_code, "signed" in refused.text) == (403, False)
    for _ in range(6):  # Nor can whom it asks.
        away = await client.post(path, content=b"away", headers=known)
        assert (away.status_code, away.json()["code"]) == (503, "unavailable")
    answer = await client.post(path, content=b"as it is ", headers=known)
    assert answer.json() == {
        "from": "till",
        "said": "as it is ",
        "institution": hub.institution,
        "kind": "system",
    }
    away = add_institution(hub, "away")
    there = await client.post(path.replace(hub.institution, away), headers=known)
    assert there.json()["institution"] == away
    for wrong in ("*", "0" * 36, "x" * 500):
        nobody = await client.post(path.replace(hub.institution, wrong), headers=known)
        assert nobody.status_code == 404
    assert (await client.get(path, headers=known)).status_code == 405
    assert (await client.post(f"{path}/more", headers=known)).status_code == 404
    assert (await client.post("/x/wiki/hooks/till", headers=known)).status_code in {401, 404}


async def test_a_route_can_ask_for_a_fresh_proof_of_who_one_is(hub, operator):
    assert (await operator.post("/x/wiki/refund", json={})).status_code == 200
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        long_ago = utcnow() - 2 * FRESH
        unit.session.execute(update(LoginSession).values(proved_at=long_ago))
    hub.sessions.forget(operator.headers["authorization"].removeprefix("Bearer "))
    late = await operator.post("/x/wiki/refund", json={})
    assert (late.status_code, late.json()["code"]) == (403, "step_up_required")
    assert (await operator.post("/x/wiki/note", json={})).status_code == 200


async def test_a_route_that_fails_again_and_again_is_left_alone(hub, operator):
    for _ in range(5):
        await operator.get("/x/wiki/crash")
    answer = await operator.get("/x/wiki/crash")
    assert (answer.status_code, answer.json()["code"]) == (503, "circuit_open")
    assert int(answer.headers["retry-after"]) >= 1
    doctor = (await operator.get("/api/v1/plugins/wiki")).json()
    assert not doctor["healthy"]
    (breaker,) = [one for one in doctor["breakers"] if one["operation"] == "route /crash"]
    # What fails with one institution's data is no reason to leave another alone.
    assert breaker["connection"] == hub.institution


async def test_a_plugin_that_is_off_has_no_routes(operator):
    await operator.put("/api/v1/plugins/wiki/institution", json={"enabled": False})
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 404
    await operator.put("/api/v1/plugins/wiki/institution", json={"enabled": True})
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 200
    await operator.post("/api/v1/plugins/wiki/disable")
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 404


async def test_an_answer_to_head_has_no_body_on_the_wire(hub, operator):
    """Whatever follows its head, a proxy would take for the answer to somebody else's request."""
    edge = create_edge(hub)
    edge.use(routes_of(API))
    server = uvicorn.Server(
        uvicorn.Config(edge, port=0, lifespan="off", log_config=None, http="httptools")
    )
    listener = bind("127.0.0.1", 0)
    listener.listen()
    serving = asyncio.create_task(server.serve([listener]))
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    token = operator.headers["authorization"]
    lines = ["HEAD /x/wiki/hello/ada HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {token}"]
    writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    head, _, rest = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    server.should_exit = True
    await serving
    assert head.startswith(b"HTTP/1.1 200")
    assert rest == b""


@pytest.mark.parametrize("body", [b"{", b"", b"[" * 100_000, b'"\\ud800"', b"\xff", b"NaN"])
async def test_a_body_that_is_no_json_is_its_senders_fault_and_costs_nobody_else(operator, body):
    for _ in range(6):
        answer = await operator.post("/x/wiki/note", content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed_body")
    assert (await operator.post("/x/wiki/note", json={"a": [1]})).json() == {"got": {"a": [1]}}


async def test_a_body_that_never_ends_costs_the_plugin_nothing(hub, operator):
    edge = create_edge(hub)
    edge.use(routes_of(API))
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x/wiki/note",
        "scheme": "http",
        "query_string": b"",
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"authorization", operator.headers["authorization"].encode()),
        ],
    }
    sent = []

    async def gone():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    for _ in range(6):
        await edge(dict(scope), gone, send)
    assert (await operator.post("/x/wiki/note", json=1)).json() == {"got": 1}


async def test_what_failed_for_one_institution_is_told_to_no_other(hub, operator, visit):
    for _ in range(5):
        await operator.get("/x/wiki/crash")
    other = await hub.database.run(add_institution, hub, "other")
    learner, admin = await visit("learner", other), await visit("admin", other)
    for who, path in (
        (learner, "/x/wiki/crash"),
        (admin, "/x/wiki/crash"),
        (admin, "/api/v1/plugins/wiki"),
        (admin, "/plugins"),
    ):
        assert f"hunter2 of {hub.institution}" not in (await who.get(path)).text
    assert f"hunter2 of {hub.institution}" in (await operator.get("/api/v1/plugins/wiki")).text


async def test_a_secret_in_what_a_plugin_raises_is_shown_to_nobody(operator):
    answer = await operator.get("/x/wiki/leak")
    assert (answer.status_code, answer.json()["code"]) == (502, "plugin_failed")
    doctor = await operator.get("/api/v1/plugins/wiki")
    for text in (answer.text, doctor.text):
        assert "was refused" in text
        assert "s3cr3t" not in text
