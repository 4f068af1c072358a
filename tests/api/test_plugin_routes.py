from __future__ import annotations

import pytest

from bloop_sdk.testing.distributions import CODE, write_plugin

VIEWS = """
    from bloop_sdk import ForbiddenRecordError, Response

    async def hello(request, ctx):
        return {"plugin": ctx.plugin_id, "name": request.path_params["name"]}

    async def page(request, ctx):
        return Response(status=201, headers={"content-type": "text/html"}, body=b"<p>hi", url="")

    async def crash(request, ctx):
        raise ValueError("hunter2")

    async def rubbish(request, ctx):
        return object()

    async def refuse(request, ctx):
        raise ForbiddenRecordError("not this one", cure="another one")

    def exits(request, ctx):
        raise SystemExit(3)
"""


def route(path, handler, action="content:read", **more):
    return {"path": path, "handler": f"bloop_wiki.views:{handler}", "action": action, **more}


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that adds routes and an action."""
    routes = [
        route("/hello/{name}", "hello"),
        route("/edit", "page", "wiki:edit", methods=["POST"]),
        route("/undeclared", "page", "wiki:unknown"),
        *(route(f"/{name}", name) for name in ("crash", "rubbish", "refuse", "exits")),
    ]
    actions = [{"name": "wiki:edit", "role": "admin", "help": "Edit the wiki."}]
    contributes = {"routes": routes, "actions": actions}
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


async def test_a_route_that_fails_again_and_again_is_left_alone(operator):
    for _ in range(5):
        await operator.get("/x/wiki/crash")
    answer = await operator.get("/x/wiki/crash")
    assert (answer.status_code, answer.json()["code"]) == (503, "circuit_open")
    assert int(answer.headers["retry-after"]) >= 1
    doctor = (await operator.get("/api/v1/plugins/wiki")).json()
    assert not doctor["healthy"]
    assert any(breaker["operation"] == "route /crash" for breaker in doctor["breakers"])


async def test_a_plugin_that_is_off_has_no_routes(operator):
    await operator.put("/api/v1/plugins/wiki/institution", json={"enabled": False})
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 404
    await operator.put("/api/v1/plugins/wiki/institution", json={"enabled": True})
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 200
    await operator.post("/api/v1/plugins/wiki/disable")
    assert (await operator.get("/x/wiki/hello/ada")).status_code == 404
