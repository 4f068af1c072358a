"""What plugins have that run for somebody: rows, events, jobs, settings, and a way out."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest
from sqlalchemy import select

from bloop.accounts.messages.models import Message
from bloop.accounts.people.service import add_user
from bloop.content.enrolling.service import end, enrol
from bloop.content.queries import CONTAINER_IS_VISIBLE
from bloop.content.service import create_container
from bloop.hub.units import PluginUnit
from bloop.jobs.models import Job
from bloop.jobs.queries import JOB
from bloop.kernel.models import InstitutionPlugin
from bloop.store.models import AuditLine, OutboxEvent
from bloop_sdk import (
    CallContext,
    ConfigError,
    ConnectionContext,
    JobContext,
    RequestContext,
    Role,
    UnsupportedError,
)
from bloop_sdk._http.urls import AddressRefusedError
from bloop_sdk.http import Request
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.database import make_call
from tests.support.hub import add_institution

TABLES = """
    from sqlalchemy import MetaData
    from sqlalchemy.orm import Mapped, mapped_column
    from bloop_sdk.tables import ID, plugin_base

    Base = plugin_base("notebook")

    class Entry(Base):
        __tablename__ = "notebook_entry"
        id: Mapped[str] = mapped_column(ID, primary_key=True)
        text: Mapped[str]

    metadata = Base.metadata
"""
MIGRATION = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None

    def upgrade():
        op.create_table(
            "notebook_entry",
            sa.Column("id", sa.String(36), primary_key=True),
            sa.Column("institution_id", sa.String(36), nullable=False),
            sa.Column("text", sa.String, nullable=False),
        )
"""
CONFIG = """
    from bloop_sdk import PluginConfig, Scope, setting

    class Config(PluginConfig):
        word: str = setting("hub", scope=Scope.INSTITUTION, description="A word")
        server: str | None = setting(None, scope=Scope.INSTITUTION, description="Its URL")
"""
WORK = """
    from sqlalchemy import select
    from bloop_sdk.http import Request
    from bloop_notebook.tables import Entry

    def add(unit, id, text, fail=False):
        unit.session.add(Entry(id=id, text=text))
        unit.emit("notebook.written", f"entry:{id}", {"id": id})
        unit.audit("notebook:write", f"entry:{id}")
        job = unit.enqueue("count", {"extra": 1}, key=f"count-{id}")
        if fail:
            raise KeyError(id)
        return job

    def texts(unit):
        return sorted(unit.session.scalars(select(Entry.text)))

    async def count(ctx, payload):
        found = await ctx.read(texts)
        ctx.progress(len(found), len(found), "counted")
        return {
            "plugin": ctx.plugin_id, "job": ctx.job, "word": ctx.config.word, "who":
            ctx.call.principal.id, "texts": found, "extra": payload["extra"],
        }
"""


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that has a table, a job, settings and hosts."""
    write_plugin(
        site,
        "notebook",
        code=CODE,
        files={
            "tables.py": TABLES,
            "config.py": CONFIG,
            "work.py": WORK,
            "migrations/0001_initial.py": MIGRATION,
        },
        manifest={
            "config": "bloop_notebook.config:Config",
            "scopes": ["enrolments:write", "messages:send", "users:read"],
            "network": {"hosts": ["{server}", "API.example.org"]},
            "contributes": {
                "tables": {
                    "metadata": "bloop_notebook.tables:metadata",
                    "migrations": "bloop_notebook.migrations",
                },
                "jobs": [
                    {
                        "kind": "count",
                        "handler": "bloop_notebook.work:count",
                        "queue": "slow",
                        "attempts": 2,
                    }
                ],
            },
        },
    )
    with config_path.open("a") as file:
        file.write('\n[net]\nallow = ["127.0.0.1"]\n\n[plugins.notebook]\nenabled = true\n')
    return config_path


@pytest.fixture
async def hub(config_path):
    """A hub that has been started; where it is not embedded, after `bloop db upgrade`."""
    from bloop.hub import Hub

    hub = Hub.open(config_path, "api")
    await hub.database.run(hub.tables.upgrade)
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def home(hub):
    return make_call(hub.institution, name="ada")


@pytest.fixture
def away(hub):
    """Somebody of a second institution."""
    return make_call(add_institution(hub, "away"), name="bob")


@pytest.fixture
def learner(hub, home):
    """The id of a learner of the first institution."""
    with hub.database.unit(home) as unit:
        lea = {"name": "Lea", "email": "lea@example.org", "role": Role.LEARNER}
        return add_user(unit, **lea, how="added").id


async def opened(hub, call, kind=None, **own):
    from bloop.hub.contexts import PluginCall, open_context

    return await open_context(hub, kind or PluginCall, "notebook", call, **own)


def work():
    import bloop_notebook.work as module

    return module


async def test_a_transaction_is_the_rows_the_event_the_audit_line_and_the_job_or_none(hub, home):
    ctx = await opened(hub, home)
    with pytest.raises(KeyError):
        await ctx.transaction(work().add, "a", "gone", fail=True)
    job = await ctx.transaction(work().add, "b", "kept")
    with hub.database.unit(home) as unit:
        events = unit.session.scalars(
            select(OutboxEvent).where(OutboxEvent.topic.like("notebook%"))
        ).all()
        lines = unit.session.scalars(
            select(AuditLine).where(AuditLine.action.like("notebook%"))
        ).all()
        jobs = unit.session.scalars(select(Job)).all()
        assert [(event.topic, event.aggregate, event.actor) for event in events] == [
            ("notebook.written", "entry:b", "user:ada")
        ]
        assert [line.resource for line in lines] == ["entry:b"]
        assert [(row.id, row.kind, row.queue, row.max_attempts) for row in jobs] == [
            (job, "notebook.count", "slow", 2)
        ]
        assert (jobs[0].plugin_id, jobs[0].idempotency_key) == ("notebook", "notebook:count-b")


async def test_two_institutions_never_see_each_others_rows(hub, home, away):
    for call, text in ((home, "ours"), (away, "theirs")):
        ctx = await opened(hub, call)
        await ctx.transaction(work().add, text, text)
        assert await ctx.transaction(work().texts) == [text]
        assert await ctx.read(work().texts) == [text]


async def test_a_plugin_lets_somebody_in_and_takes_back_only_its_own(hub, home, learner):
    with hub.database.unit(home) as unit:
        course = create_container(unit, title="Sold", audience="enrolled", published=True).id

    async def sees():
        call = make_call(hub.institution, name=learner, role=Role.LEARNER)
        return await hub.database.read_one(CONTAINER_IS_VISIBLE, call, id=course) is not None

    ctx = await opened(hub, home)
    assert not await sees()
    for _ in range(2):
        await ctx.transaction(PluginUnit.enrol, course, learner)
    assert await sees()
    with hub.database.unit(home) as unit:
        by_hand = enrol(unit, course, user=learner)
    await ctx.transaction(PluginUnit.unenrol, course, learner)
    assert await sees()
    with hub.database.unit(home) as unit:
        end(unit, course, by_hand)
    assert not await sees()


async def test_a_plugin_that_does_not_say_so_lets_nobody_in_and_tells_nobody(hub, home, learner):
    ctx = await opened(hub, home)
    manifest = ctx.manifest.model_copy(update={"scopes": ()})
    with hub.database.unit(home) as unit:
        own = PluginUnit(unit, manifest, hub.jobs, lambda: ctx.config)
        with pytest.raises(UnsupportedError, match="enrolments:write"):
            own.enrol("some", learner)
        with pytest.raises(UnsupportedError, match="messages:send"):
            own.tell(learner, "Hello", "you")
        with pytest.raises(UnsupportedError, match="users:read"):
            own.contact(learner)
        with pytest.raises(UnsupportedError, match="users:read"):
            own.contacts([learner])
        with pytest.raises(UnsupportedError, match="users:read"):
            own.find_people("Lea")
        with pytest.raises(UnsupportedError, match="enrolments:write"):
            own.titles(courses=["some"])
        with pytest.raises(UnsupportedError, match="enrolments:write"):
            own.find_courses()


async def test_a_plugin_that_says_so_learns_who_somebody_is_and_reads_its_settings(
    hub, home, learner
):
    from bloop.hub.contexts import config_now

    ctx = await opened(hub, home)
    found = await ctx.read(PluginUnit.contact, learner)
    assert (found.name, found.email) == ("Lea", "lea@example.org")
    assert await ctx.read(PluginUnit.contact, "nobody") is None
    many = await ctx.read(PluginUnit.contacts, [learner, "nobody", learner])
    assert {id_: one.name for id_, one in many.items()} == {learner: "Lea"}
    for text in ("LEA@example.org", "le", "example.org"):
        assert list(await ctx.read(PluginUnit.find_people, text)) == [learner], text
    for text in ("", " ", "%", "eve"):
        assert await ctx.read(PluginUnit.find_people, text) == {}, text
    assert await ctx.transaction(lambda unit: unit.config) is ctx.config
    assert await hub.database.run(config_now, hub, "notebook", home) == ctx.config


async def test_a_plugin_has_somebody_told_by_whoever_brings_messages(hub, home, learner):
    ctx = await opened(hub, home)
    await ctx.transaction(PluginUnit.tell, learner, "Receipt", "Thank you")
    await ctx.transaction(PluginUnit.tell, "nobody", "Receipt", "Thank you")
    with hub.database.unit(home) as unit:
        (message,) = unit.session.scalars(select(Message))
        assert (message.kind, message.recipient) == ("plugin.notebook", "lea@example.org")


async def test_a_plugin_emits_and_enqueues_only_what_is_its_own(hub, home):
    ctx = await opened(hub, home)
    for topic in ("content.item.deleted", "notebooks.written", "notebook"):
        with pytest.raises(ValueError, match=r'begin it with "notebook\."'):
            await ctx.transaction(lambda unit, topic=topic: unit.emit(topic, "a:b", {}))
    with pytest.raises(ValueError, match="declare it"):
        await ctx.transaction(lambda unit: unit.enqueue("import", {}))


async def test_a_read_writes_nothing_whichever_way_it_tries(hub, home):
    ctx = await opened(hub, home)
    await ctx.transaction(work().add, "a", "kept")
    module = work()

    def pending(unit):
        unit.session.add(module.Entry(id="b", text="b"))

    def flushed(unit):
        pending(unit)
        unit.session.flush()

    def changed(unit):
        unit.session.scalars(select(module.Entry)).one().text = "changed"

    def deleted(unit):
        from sqlalchemy import delete

        unit.session.execute(delete(module.Entry))

    for attempt in (
        pending,
        flushed,
        changed,
        deleted,
        lambda unit: unit.emit("notebook.x", "a:b", {}),
        lambda unit: unit.audit("x", "a:b"),
        lambda unit: unit.enqueue("count", {}),
    ):
        with pytest.raises(RuntimeError, match="only reads"):
            await ctx.read(attempt)
    assert await ctx.read(work().texts) == ["kept"]


async def test_what_was_read_can_be_used_after_the_unit(hub, home):
    ctx = await opened(hub, home)
    await ctx.transaction(work().add, "a", "kept")
    rows = await ctx.read(lambda unit: unit.session.scalars(select(work().Entry)).all())
    assert [(row.id, row.text) for row in rows] == [("a", "kept")]


async def test_a_read_waits_for_no_writer_and_sees_one_state(hub, home):
    ctx, module = await opened(hub, home), work()
    await ctx.transaction(module.add, "a", "before")
    began, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(unit):
        first = module.texts(unit)
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result(30)
        return first, module.texts(unit)

    reading = asyncio.create_task(ctx.read(slow))
    await began.wait()
    await ctx.transaction(module.add, "b", "meanwhile")
    may_end.set()
    assert await reading == (["before"], ["before"])
    assert await ctx.read(module.texts) == ["before", "meanwhile"]


async def test_a_job_runs_with_the_settings_and_rows_of_who_asked(hub, home, away):
    with hub.database.unit(away) as unit:
        unit.session.add(
            InstitutionPlugin(
                institution_id=away.institution,
                plugin_id="notebook",
                enabled=True,
                settings={"word": "away"},
            )
        )
    for call, word, who in ((home, "hub", "ada"), (away, "away", "bob")):
        ctx = await opened(hub, call)
        job_id = await ctx.transaction(work().add, word, word)
        async with asyncio.timeout(30):
            while True:
                job = JOB.as_dict(await hub.database.read_one(JOB, call, id=job_id))
                if job["state"] in {"succeeded", "failed"}:
                    break
                await asyncio.sleep(0.02)
        assert orjson.loads(orjson.dumps(job["result"])) == {
            "plugin": "notebook",
            "job": job_id,
            "word": word,
            "who": who,
            "texts": [word],
            "extra": 1,
        }
        assert (job["progress_done"], job["progress_message"]) == (1, "counted")


async def test_an_institution_that_switched_it_off_gets_no_context(hub, away):
    from bloop.kernel.faults import PluginUnavailableError

    with hub.database.unit(away) as unit:
        unit.session.add(
            InstitutionPlugin(institution_id=away.institution, plugin_id="notebook", enabled=False)
        )
    with pytest.raises(PluginUnavailableError, match="switched off for this institution"):
        await opened(hub, away)


@asynccontextmanager
async def listening():
    """A server of the machine's own that answers everybody."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def set_server(hub, call, url):
    with hub.database.unit(call) as unit:
        unit.session.merge(
            InstitutionPlugin(
                institution_id=call.institution,
                plugin_id="notebook",
                enabled=True,
                settings={"server": url},
            )
        )
    hub.choices.forget(call.institution)


async def test_a_plugin_reaches_the_hosts_that_it_declared_and_no_other(hub, home, away):
    async with listening() as url:
        set_server(hub, home, url)
        ctx = await opened(hub, home)
        assert (await ctx.http.send(Request(url=url))).body == b"hi"
        with pytest.raises(AddressRefusedError, match="none of this plugin's hosts") as refused:
            await ctx.http.send(Request(url="http://localhost:1/"))
        assert "[network] hosts" in refused.value.cure
        # What one institution set opens nothing to another.
        ctx = await opened(hub, away)
        with pytest.raises(AddressRefusedError, match="none of this plugin's hosts"):
            await ctx.http.send(Request(url=url))


async def test_the_guard_of_the_hub_stands_before_declared_hosts_too(hub, home):
    set_server(hub, home, "http://127.0.0.2:9/")
    ctx = await opened(hub, home)
    with pytest.raises(AddressRefusedError, match="internal address"):
        await ctx.http.send(Request(url="http://127.0.0.2:9/"))


async def test_requests_to_the_outside_are_counted_by_plugin_and_host(hub, home):
    from bloop.telemetry.metrics import metrics

    async with listening() as url:
        set_server(hub, home, url)
        ctx = await opened(hub, home)
        counter = metrics().outbound_requests.labels("notebook", "127.0.0.1", 200)
        before = counter._value.get()
        await ctx.http.send(Request(url=url))
        assert counter._value.get() == before + 1


async def test_an_imported_file_has_no_way_out_but_the_rest(hub, home, tmp_path):
    from bloop.hub.contexts import file_context

    set_server(hub, home, "http://127.0.0.1:9/")
    ctx = file_context(hub, "notebook", home, "some-connection", tmp_path / "a.tiny")
    assert (ctx.connection, ctx.source) == ("some-connection", tmp_path / "a.tiny")
    assert ctx.config.server == "http://127.0.0.1:9/"
    with pytest.raises(UnsupportedError, match="no way to the outside"):
        await ctx.http.send(Request(url="http://127.0.0.1:9/"))
    with pytest.raises(UnsupportedError):
        ctx.http.stream(Request(url="http://127.0.0.1:9/"))
    await ctx.transaction(work().add, "a", "by an import")
    assert await ctx.read(work().texts) == ["by an import"]
    await ctx.run_sync(ctx.store.set, "key", [1])
    assert await ctx.run_sync(ctx.store.get, "key") == [1]


async def test_a_setting_that_became_wrong_is_told_before_any_code_runs(hub, home):
    with hub.database.unit(home) as unit:
        unit.session.add(
            InstitutionPlugin(
                institution_id=home.institution,
                plugin_id="notebook",
                enabled=True,
                settings={"word": ["no", "word"]},
            )
        )
    with pytest.raises(ConfigError, match="word"):
        await opened(hub, home)


def test_the_classes_have_what_the_contract_names():
    from bloop.hub.contexts import ConnectionCall, JobCall, PluginCall
    from bloop.web.plugin_calls import RequestCall

    for kind, protocol in (
        (PluginCall, CallContext),
        (ConnectionCall, ConnectionContext),
        (JobCall, JobContext),
        (RequestCall, RequestContext),
    ):
        named = {name for base in protocol.__mro__ for name in vars(base) if name[0] != "_"}
        assert named <= {*dir(kind), *kind.__dataclass_fields__}


@pytest.mark.parametrize("url", ["https://*", "https://*.example", "https://[::1", "https://?ost"])
async def test_an_institutions_setting_opens_the_way_to_one_host_alone(hub, home, url):
    set_server(hub, home, url)
    ctx = await opened(hub, home)
    with pytest.raises(AddressRefusedError, match="none of this plugin's hosts"):
        await ctx.http.send(Request(method="GET", url="https://other.example/"))
