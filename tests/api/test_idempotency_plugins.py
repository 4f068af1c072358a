"""Keys on the routes of plugins, and on switching plugins."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from bloop.accounts.sessions import system_call
from bloop.store.models import EVERY_INSTITUTION, AuditLine, IdempotencyKey, OutboxEvent
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.hub import log_in

KEY = {"idempotency-key": "a"}

VIEWS = """
    from bloop_sdk import Response

    def write(unit, name):
        unit.emit("wiki.edited", f"page:{name}", {"name": name})

    async def edit(request, ctx):
        await ctx.transaction(write, request.query_params["name"])
        return Response(status=201, headers={"location": "/x/wiki/1"}, body=b"made", url="")

    async def stubborn(request, ctx):
        try:
            await ctx.transaction(write, "stubborn")
        except Exception:
            return {"made": False}
        return {"made": True}

    async def keep(request, ctx):
        await ctx.run_sync(ctx.store.set, "count", (ctx.store.get("count") or 0) + 1)
        return {"count": ctx.store.get("count")}

    async def crash(request, ctx):
        if "first" in request.query_params:
            await ctx.transaction(write, "crash")
        raise ValueError("hunter2")

    async def ask(request, ctx):
        counted = getattr(ask, "counted", 0) + 1
        ask.counted = counted
        return {"asked": counted}
"""


def route(name, action="content:read"):
    return {
        "path": f"/{name}",
        "handler": f"bloop_wiki.views:{name}",
        "action": action,
        "methods": ["POST"],
    }


@pytest.fixture
def config_path(config_path, site):
    names = ("edit", "stubborn", "keep", "crash", "ask")
    actions = [{"name": "wiki:edit", "role": "educator", "help": "Edit the wiki."}]
    contributes = {"routes": [route(name, "wiki:edit") for name in names], "actions": actions}
    write_plugin(
        site, "wiki", code=CODE, files={"views.py": VIEWS}, manifest={"contributes": contributes}
    )
    with config_path.open("a") as file:
        file.write("\n[plugins.wiki]\nenabled = true\n")
    return config_path


def edits(hub) -> int:
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        found = select(func.count()).where(OutboxEvent.topic == "wiki.edited")
        return unit.session.scalar(found)


async def test_what_a_plugin_does_in_its_transaction_is_done_once(hub, operator):
    answers = [await operator.post("/x/wiki/edit?name=a", headers=KEY) for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, b"made")}
    assert {answer.headers["location"] for answer in answers} == {"/x/wiki/1"}
    assert ["idempotent-replayed" in answer.headers for answer in answers] == [False, True, True]
    other = await operator.post("/x/wiki/edit?name=b", headers=KEY)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert edits(hub) == 1


async def test_what_a_plugin_keeps_in_its_store_is_kept_once(operator):
    for _ in range(2):
        assert (await operator.post("/x/wiki/keep", headers=KEY)).json() == {"count": 1}
    assert (await operator.post("/x/wiki/keep")).json() == {"count": 2}


async def test_what_a_plugin_does_without_the_hub_is_done_again(operator):
    asked = [(await operator.post("/x/wiki/ask", headers=KEY)).json() for _ in range(2)]
    assert asked == [{"asked": 1}, {"asked": 2}]


async def test_a_plugin_that_fails_before_its_effect_may_be_asked_again(hub, operator):
    for _ in range(2):
        assert (await operator.post("/x/wiki/crash", headers=KEY)).status_code == 502
    assert edits(hub) == 0
    assert (await operator.post("/x/wiki/crash?first", headers=KEY)).status_code == 502
    again = await operator.post("/x/wiki/crash?first", headers=KEY)
    assert again.json()["code"] == "idempotency_answer_lost" and edits(hub) == 1


async def test_a_plugin_that_hides_the_refusal_hides_nothing(hub, operator, monkeypatch):
    from bloop.store.database import Database

    assert (await operator.post("/x/wiki/stubborn", headers=KEY)).json() == {"made": True}
    read_one, looks = Database.read_one, []

    async def late(self, statement, call, **parameters):
        """The first look comes before the other request has committed."""
        if statement.name == "store.idempotency_key":
            looks.append(1)
            if len(looks) == 1:
                return None
        return await read_one(self, statement, call, **parameters)

    monkeypatch.setattr(Database, "read_one", late)
    again = await operator.post("/x/wiki/stubborn", headers=KEY)
    assert again.json() == {"made": True} and again.headers["idempotent-replayed"] == "true"
    assert len(looks) == 2 and edits(hub) == 1


async def test_an_answer_is_given_again_only_to_who_may_still_ask(hub, operator, client):
    await operator.post("/x/wiki/edit?name=a", headers=KEY)
    off = await operator.put("/api/v1/plugins/wiki/institution", json={"enabled": False})
    assert off.status_code == 204
    assert (await operator.post("/x/wiki/edit?name=a", headers=KEY)).status_code == 404
    await operator.put("/api/v1/plugins/wiki/institution", json={"enabled": True})
    assert (await operator.post("/x/wiki/edit?name=a", headers=KEY)).status_code == 201
    learner = await hub.database.run(log_in, hub, "learner", hub.institution)
    client.headers["authorization"] = f"Bearer {learner.token}"
    assert (await client.post("/x/wiki/edit?name=a", headers=KEY)).status_code == 403


def keys(hub) -> int:
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        return unit.session.scalar(select(func.count()).select_from(IdempotencyKey))


async def test_an_undo_that_is_sent_twice_takes_one_edit_back(hub, operator, config_path):
    texts = [config_path.read_text()]
    for act in ("disable", "enable"):
        assert (await operator.post(f"/api/v1/plugins/wiki/{act}")).status_code == 200
        texts.append(config_path.read_text())
    undone = [await operator.post("/api/v1/plugins/undo", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in undone] == [200, 200]
    assert undone[1].content == undone[0].content
    assert config_path.read_text() == texts[1]
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        lines = select(func.count()).where(AuditLine.action == "plugins.undone")
        assert unit.session.scalar(lines) == 1


async def test_an_undo_that_edits_nothing_leaves_its_key_free(hub, operator, config_path):
    refused = await operator.post("/api/v1/plugins/undo", headers=KEY)
    assert refused.status_code == 422 and keys(hub) == 0
    await operator.post("/api/v1/plugins/wiki/disable")
    done = await operator.post("/api/v1/plugins/undo", headers=KEY)
    assert done.status_code == 200 and keys(hub) == 1


async def test_a_key_is_claimed_before_hub_toml_is_edited(hub, operator, config_path, monkeypatch):
    from bloop.hub import switching

    class Killed(BaseException):
        """What stands for the end of the process: no handler of it gives the key back."""

    await operator.post("/api/v1/plugins/wiki/disable")
    await operator.post("/api/v1/plugins/wiki/enable")
    write_undo = switching.write_undo

    def dies(config):
        write_undo(config)
        raise Killed

    monkeypatch.setattr(switching, "write_undo", dies)
    assert (await operator.post("/api/v1/plugins/undo", headers=KEY)).status_code == 500
    monkeypatch.setattr(switching, "write_undo", write_undo)
    before = config_path.read_text()
    again = await operator.post("/api/v1/plugins/undo", headers=KEY)
    assert again.json()["code"] == "idempotency_answer_lost"
    assert config_path.read_text() == before
