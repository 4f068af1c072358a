"""What a plugin does for somebody: as that person may, as their token may, as it was granted."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from bloop.accounts.actions import GUEST_SCOPES
from bloop.accounts.models import User
from bloop.accounts.sessions import GUEST, system_call
from bloop.content import service
from bloop.hub import Hub
from bloop.hub.contexts import PluginCall, open_context
from bloop.jobs.models import Job
from bloop.kernel.states import PluginState
from bloop.store.database import in_unit
from bloop_sdk import PrincipalKind, Role
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.database import make_call
from tests.support.hub import log_in

VIEWS = """
    async def rights(request, ctx):
        asked = request.query_params.getlist("action")
        scopes = sorted(ctx.call.principal.scopes)
        return {"may": [one for one in asked if ctx.may(one)], "scopes": scopes}

    async def ask(request, ctx):
        return {"job": await ctx.transaction(lambda unit: unit.enqueue("count", {}))}

    async def count(ctx, payload):
        return {"scopes": sorted(ctx.call.principal.scopes), "role": ctx.call.principal.role}
"""
TABLES = """
    from sqlalchemy import MetaData
    from sqlalchemy.orm import Mapped, mapped_column
    from bloop_sdk.tables import ID, plugin_base

    Base = plugin_base("wiki")

    class Entry(Base):
        __tablename__ = "wiki_entry"
        id: Mapped[str] = mapped_column(ID, primary_key=True)
        job: Mapped[str]

    metadata = Base.metadata
"""
MIGRATION = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None

    def upgrade():
        op.create_table(
            "wiki_entry",
            sa.Column("id", sa.String(36), primary_key=True),
            sa.Column("institution_id", sa.String(36), nullable=False),
            sa.Column("job", sa.String, nullable=False),
        )
"""
REACHES = """
    from sqlalchemy import MetaData, Table, column, delete, insert, select, table, text, update
    from bloop_wiki.tables import Entry

    def users():
        from bloop.accounts.models import User  # What no plugin should import.
        return User

    def bare():
        return table("account_user", column("id"), column("role"), column("institution_id"))

    def given(unit):
        return {"institution": unit.institution}

    TRIES = {
        "mapped": lambda unit: unit.session.scalars(select(users())).all(),
        "count": lambda unit: unit.session.scalars(select(users().id)).all(),
        "get": lambda unit: unit.session.get(users(), unit.session.info.get("somebody", "x")),
        "update": lambda unit: unit.session.execute(update(users()).values(role="operator")),
        "delete": lambda unit: unit.session.execute(delete(users())),
        "add": lambda unit: (unit.session.add(users()(name="x", role="o")), unit.session.flush()),
        "add at the end": lambda unit: unit.session.add(users()(name="x", role="operator")),
        "bare table": lambda unit: unit.session.execute(select(bare().c.role)).all(),
        "bare update": lambda unit: unit.session.execute(update(bare()).values(role="operator")),
        "reflected": lambda unit: unit.session.execute(
            select(Table("account_user", MetaData(), autoload_with=unit.session.connection()))
        ),
        "subquery": lambda unit: unit.session.scalars(
            select(Entry.id).where(Entry.id.in_(select(users().id)))
        ).all(),
        "text": lambda unit: unit.session.execute(
            text("SELECT role FROM account_user WHERE institution_id = :institution"), given(unit)
        ).all(),
        "text that joins": lambda unit: unit.session.execute(
            text(
                "SELECT 1 FROM wiki_entry e, /* */ \\"account_user\\" u"
                " WHERE e.institution_id = :institution"
            ),
            given(unit),
        ).all(),
        "text that writes": lambda unit: unit.session.execute(
            text("UPDATE account_user SET role = 'operator' WHERE institution_id = :institution"),
            given(unit),
        ),
        "audit lines": lambda unit: unit.session.execute(
            text("DELETE FROM audit_line WHERE institution_id = :institution"), given(unit)
        ),
    }

    def own(unit):
        unit.session.add(Entry(id="1", job="none"))
        unit.session.flush()
        named = text(
            "SELECT job, 'FROM account_user' FROM wiki_entry WHERE institution_id = :institution"
        )
        assert unit.session.execute(named, given(unit)).all()
        unit.audit("wiki:edit", "entry:1")
        unit.enqueue("count", {})
        unit.session.commit()
        return unit.session.scalars(select(Entry.job)).all()

    def half(unit):
        unit.session.add(Entry(id="2", job="none"))
        unit.session.commit()
        raise KeyError("half")
"""


def part(**more):
    return {"action": "content:read", **more}


@pytest.fixture
def config_path(hub_toml, site):
    views = "bloop_wiki.views"
    write_plugin(
        site,
        "wiki",
        code=CODE,
        files={
            "views.py": VIEWS,
            "tables.py": TABLES,
            "reaches.py": REACHES,
            "migrations/0001_initial.py": MIGRATION,
        },
        manifest={
            "scopes": ["content:write"],
            "contributes": {
                "routes": [
                    part(path="/rights", handler=f"{views}:rights"),
                    part(path="/ask", handler=f"{views}:ask", methods=["POST"]),
                ],
                "actions": [
                    {"name": "wiki:read", "role": "guest", "help": "Read the wiki."},
                    {"name": "wiki:edit", "role": "admin", "help": "Edit the wiki."},
                ],
                "jobs": [{"kind": "count", "handler": f"{views}:count"}],
                "tables": {
                    "metadata": "bloop_wiki.tables:metadata",
                    "migrations": "bloop_wiki.migrations",
                },
            },
        },
    )
    with hub_toml.open("a") as file:
        file.write("\n[plugins.wiki]\nenabled = true\n")
    return hub_toml


@pytest.fixture
async def hub(config_path):
    hub = Hub.open(config_path, "api")
    await hub.database.run(hub.tables.upgrade)
    await hub.start()
    await hub.loaded()
    assert hub.kernel.plugins["wiki"].status.state is PluginState.READY
    yield hub
    await hub.stop()


GRANTED = {"content:read", "content:write", "wiki:read", "wiki:edit"}
ASKED = [*sorted(GRANTED), "users:read", "plugins:toggle", "shop:buy"]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("learner", {"content:read", "wiki:read"}),
        ("educator", {"content:read", "content:write", "wiki:read"}),
        ("operator", GRANTED),
    ],
)
async def test_a_plugin_has_what_both_the_person_and_its_manifest_have(hub, visit, role, expected):
    client = await visit(role)
    answer = (await client.get("/x/wiki/rights", params={"action": ASKED})).json()
    assert set(answer["may"]) == expected
    assert set(answer["scopes"]) == expected


async def test_a_guest_is_given_no_more_by_a_plugin(hub):
    call = replace(make_call(hub.institution), principal=GUEST)
    narrowed = (await open_context(hub, PluginCall, "wiki", call)).call.principal
    assert narrowed.scopes == {"content:read", "wiki:read"}
    assert GUEST_SCOPES - narrowed.scopes == {"hub:visit", "events:watch"}


async def test_a_plugin_that_acts_for_itself_has_what_it_was_granted(hub):
    call = make_call(hub.institution, Role.ADMIN, kind=PrincipalKind.PLUGIN, name="wiki")
    narrowed = (await open_context(hub, PluginCall, "wiki", call)).call.principal
    assert narrowed.scopes == GRANTED


async def test_a_token_narrows_a_plugin_as_well_and_a_job_that_it_asks_for(hub):
    call = make_call(hub.institution, Role.OPERATOR)
    scopes = frozenset({"content:read", "users:read", "wiki:edit"})
    scoped = replace(call, principal=replace(call.principal, scopes=scopes))
    ctx = await open_context(hub, PluginCall, "wiki", scoped)
    assert ctx.call.principal.scopes == {"content:read", "wiki:edit"}

    job = await ctx.transaction(lambda unit: unit.enqueue("count", {}))
    for _ in range(600):
        with hub.database.reading(system_call(hub.institution)) as unit:
            found = unit.session.scalar(select(Job).where(Job.id == job))
        if found.state in {"succeeded", "failed"}:
            break
        await asyncio.sleep(0.05)
    assert found.result == {"scopes": ["content:read", "wiki:edit"], "role": "operator"}


async def test_a_command_by_a_plugins_call_is_decided_by_what_is_left(hub):
    educator = make_call(hub.institution, Role.EDUCATOR)
    ctx = await open_context(hub, PluginCall, "wiki", educator)
    course = await hub.database.run(
        in_unit, hub.database, ctx.call, service.create_container, title="x", kind="course"
    )
    with pytest.raises(Exception, match="may not content:publish"):
        await hub.database.run(
            in_unit, hub.database, ctx.call, service.publish, type(course), course.id, None, None
        )


async def test_a_plugin_reaches_no_table_but_its_own_whoever_it_acts_for(hub, site):
    await hub.database.run(log_in, hub, "learner", hub.institution)
    from bloop_wiki import reaches

    def roles():
        with hub.database.unit(system_call(hub.institution)) as unit:
            return sorted(unit.session.scalars(select(User.role)))

    before = await hub.database.run(roles)
    ctx = await open_context(hub, PluginCall, "wiki", make_call(hub.institution, Role.OPERATOR))
    for name, work in reaches.TRIES.items():
        with pytest.raises(Exception, match=r"not its own|no_such_table") as refused:
            await ctx.transaction(work)
        assert getattr(refused.value, "code", "") == "foreign_table", name
    for name in ("mapped", "bare table", "text", "subquery"):
        with pytest.raises(Exception, match="not its own"):
            await ctx.read(reaches.TRIES[name])
    assert await hub.database.run(roles) == before


async def test_its_own_tables_events_jobs_and_lines_are_committed_together(hub):
    from bloop_wiki import reaches

    ctx = await open_context(hub, PluginCall, "wiki", make_call(hub.institution))
    assert await ctx.transaction(reaches.own) == ["none"]
    with pytest.raises(KeyError):
        await ctx.transaction(reaches.half)
    from bloop_wiki.tables import Entry

    ids = await ctx.read(lambda unit: unit.session.scalars(select(Entry.id)).all())
    assert ids == ["1"]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ('@words("w") permit (principal, action, resource);', "about every action"),
        (
            '@words("w") forbid (principal, action == Action::"content:read", resource);',
            "about content:read",
        ),
        (None, "cannot be read"),
    ],
)
@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_plugin_whose_policies_are_refused_does_not_run_and_says_why(
    hub_toml, site, rules, reason
):
    contributes = {
        "actions": [{"name": "rude:edit", "role": "admin", "help": "Edit."}],
        "policies": "rules.cedar",
    }
    files = {} if rules is None else {"rules.cedar": rules}
    write_plugin(site, "rude", code=CODE, files=files, manifest={"contributes": contributes})
    with hub_toml.open("a") as file:
        file.write("\n[plugins.rude]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    status = hub.kernel.plugins["rude"].status
    await hub.stop()
    assert status.state is PluginState.LOAD_FAILED
    assert reason in status.reason
    assert status.cure


RULES = """
@id("editors")
@words("educators edit as well")
permit (principal in Role::"educator", action == Action::"ruled:edit", resource);

@id("careful")
@words("it takes two things to burn")
forbid (principal, action == Action::"ruled:burn", resource)
unless { context.second_factor };
"""


@pytest.fixture
def ruled(config_path, site):
    paths = {"edit": ["GET", "POST"], "burn": ["POST"], "read": ["GET", "POST"]}
    actions = [
        {"name": f"ruled:{name}", "role": role, "help": "Do it."}
        for name, role in (("edit", "admin"), ("burn", "admin"), ("read", "learner"))
    ]
    routes = [
        {"path": f"/{name}", "handler": "bloop_ruled.views:done", "action": f"ruled:{name}"}
        | {"methods": methods}
        for name, methods in paths.items()
    ]
    write_plugin(
        site,
        "ruled",
        code=CODE,
        files={"rules.cedar": RULES, "views.py": "async def done(request, ctx):\n    return {}\n"},
        manifest={"contributes": {"actions": actions, "routes": routes, "policies": "rules.cedar"}},
    )
    with config_path.open("a") as file:
        file.write("\n[plugins.ruled]\nenabled = true\n")


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_plugins_policies_decide_its_routes(ruled, hub, visit):
    statuses = {}
    for role in ("learner", "educator", "admin"):
        session = await hub.database.run(log_in, hub, role, hub.institution)
        client = await visit()
        client.headers["authorization"] = f"Bearer {session.token}"
        client.headers["accept"] = "application/json"
        for method, path in (("GET", "edit"), ("POST", "edit"), ("POST", "burn"), ("POST", "read")):
            answer = await client.request(method, f"/x/ruled/{path}")
            statuses[role, method, path] = answer.status_code
            if (role, path) == ("admin", "burn"):
                assert "it takes two things to burn" in answer.text
    allowed = {key for key, status in statuses.items() if status == 200}
    assert set(statuses.values()) == {200, 403}
    assert allowed == {
        ("learner", "POST", "read"),
        *(("educator", *one) for one in (("GET", "edit"), ("POST", "edit"), ("POST", "read"))),
        *(("admin", *one) for one in (("GET", "edit"), ("POST", "edit"), ("POST", "read"))),
    }
