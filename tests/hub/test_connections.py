"""A connection from its making to its sync, with a plugin that talks to a system over HTTP."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content.models import Container, Item
from bloop.content.sync_models import Quarantine
from bloop.content.syncing import ask_for_refresh, ask_for_sync
from bloop.hub import Hub
from bloop.hub.connections import NewConnection, change, check, create, discover, open_provider
from bloop.hub.contexts import open_connection_context
from bloop.jobs.models import Job
from bloop.kernel.config_errors import InvalidConfigError
from bloop.kernel.connections import choose, set_state
from bloop.kernel.faults import PluginFailedError
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop_sdk import Call, Principal, PrincipalKind, Role
from bloop_sdk.testing import FakeTransport
from tests.content.course import rows
from tests.sdk.shelf.fake_shelf import BAD, GOOD, FakeShelf
from tests.support.hub import add_institution

SHELF = Path(__file__).parents[1] / "sdk" / "shelf"
PATIENCE_SECONDS = 120


@pytest.fixture
async def hub(hub_toml, site):
    shutil.copytree(SHELF / "bloop_shelf", site / "bloop_shelf")
    shutil.copy(SHELF / "bloop-plugin.toml", site / "bloop_shelf")
    info = site / "bloop_shelf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bloop-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bloop.plugins]\nshelf = bloop_shelf:ShelfPlugin\n")
    hub_toml.write_text(hub_toml.read_text() + "[plugins.shelf]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    hub.outside.transport = FakeTransport(FakeShelf())
    yield hub
    await hub.stop()


@pytest.fixture
def admin(hub):
    call = system_call(hub.institution)
    with hub.database.unit(call) as unit:
        user = User(institution_id=hub.institution, name="Grace", role="admin")
        unit.session.add(user)
        unit.session.flush()
        return Call(Principal(PrincipalKind.USER, user.id, Role.ADMIN), hub.institution, call.trace)


def new(credential=GOOD, name="Shelf"):
    settings = {"base_url": credential["base_url"]}
    return NewConnection(
        plugin="shelf", name=name, settings=settings, secrets={"token": credential["token"]}
    )


def held(hub, connection):
    (row,) = rows(hub.database, system_call(hub.institution), Connection)
    assert row.id == connection
    return row


async def run(hub, call, function, *args, **kwargs):
    return await hub.database.run(in_unit, hub.database, call, function, *args, **kwargs)


async def ended(hub, job):
    """The job's row, when it is over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            (row,) = await asyncio.to_thread(
                rows, hub.database, system_call(hub.institution), Job, Job.id == job
            )
            if row.state in {"succeeded", "failed", "cancelled"}:
                return row
            await asyncio.sleep(0.05)


async def test_it_is_made_checked_discovered_chosen_and_read(hub, admin):
    connection = await create(hub, admin, new())
    assert held(hub, connection).state == "unconfigured"

    status = await check(hub, admin, connection)
    assert status.state is ConnectionState.ACTIVE
    assert held(hub, connection).checked["account"] == "Ada"
    assert [one.remote_id for one in await discover(hub, admin, connection)] == ["c1", "c2"]

    await run(hub, admin, choose, connection, containers=["c1"], streams=None)
    job = await ended(hub, await run(hub, admin, ask_for_sync, connection))

    assert job.state == "succeeded", job.error
    assert job.result["written"] > 0
    assert job.result["requests"] > 0
    found = rows(hub.database, system_call(hub.institution), Container)
    assert [one.remote_id for one in found] == ["c1"]
    again = await ended(hub, await run(hub, admin, ask_for_sync, connection))
    assert (again.id != job.id, again.result["written"]) == (True, 0)


async def test_a_dry_run_is_a_job_that_writes_nothing(hub, admin):
    connection = await create(hub, admin, new())
    await check(hub, admin, connection)

    job = await ended(hub, await run(hub, admin, ask_for_sync, connection, dry_run=True))

    assert (job.state, job.result["dry_run"]) == ("succeeded", True)
    assert job.result["new"] > 0
    assert rows(hub.database, system_call(hub.institution), Item) == []


async def test_a_wrong_token_is_told_and_a_right_one_mends_it(hub, admin):
    connection = await create(hub, admin, new(BAD))

    status = await check(hub, admin, connection)
    assert (status.state, status.recoverable) == (ConnectionState.AUTH_FAILED, False)
    assert status.cure

    await change(hub, admin, connection, secrets={"token": GOOD["token"]}, name="Books")
    assert (await check(hub, admin, connection)).state is ConnectionState.ACTIVE
    assert held(hub, connection).name == "Books"


async def test_secrets_are_sealed_and_open_for_their_connection_alone(hub, admin):
    connection = await create(hub, admin, new())
    row = held(hub, connection)
    assert GOOD["token"].encode() not in row.secrets
    assert row.settings == {"base_url": GOOD["base_url"]}
    assert list(row.secrets_set_at) == ["token"]

    context = await open_connection_context(hub, admin, connection)
    assert context.config.token.get_secret_value() == GOOD["token"]
    await context.keep_secrets({"token": "renewed"})
    context = await open_connection_context(hub, admin, connection)
    assert context.config.token.get_secret_value() == "renewed"

    stranger = system_call(add_institution(hub, "other"))
    with pytest.raises(NotFoundError):
        await open_provider(hub, stranger, connection)


async def test_what_a_trial_renews_stays_with_the_trial(hub, admin):
    connection = await create(hub, admin, new())
    tried = {"token": "newer"}
    context = await open_connection_context(hub, admin, connection, trial=tried)
    await context.keep_secrets({"token": "renewed"})
    assert tried == {"token": "renewed"}
    kept = (await open_connection_context(hub, admin, connection)).config
    assert kept.token.get_secret_value() == GOOD["token"]


class Lazy:
    """Looks at a request only as its hints are taken."""

    def verify_webhook(self, request):
        yield request.nothing


async def test_whatever_a_plugin_raises_of_a_hint_is_its_failure(hub, admin):
    connection = await create(hub, admin, new())
    provider = replace(await open_provider(hub, admin, connection), inner=Lazy())
    with pytest.raises(PluginFailedError, match="verify_webhook"):
        provider.verify_webhook(object())


async def test_wrong_settings_make_no_connection(hub, admin):
    wrong = NewConnection(plugin="shelf", name="Shelf", settings={"adress": "x"})
    with pytest.raises(InvalidConfigError, match="adress"):
        await create(hub, admin, wrong)
    assert rows(hub.database, system_call(hub.institution), Connection) == []


async def test_a_site_is_connected_once(hub, admin):
    await create(hub, admin, new())
    with pytest.raises(ConflictError, match="connected with"):
        await create(hub, admin, new(name="Again"))


async def test_one_sync_at_a_time(hub, admin):
    connection = await create(hub, admin, new())
    with pytest.raises(ConflictError, match="no settings that work yet"):
        await run(hub, admin, ask_for_sync, connection)
    await check(hub, admin, connection)

    def ask_twice(unit):
        first = ask_for_sync(unit, connection)
        assert ask_for_sync(unit, connection) == first
        with pytest.raises(ConflictError, match="another sync"):
            ask_for_sync(unit, connection, full=True)
        return first

    job = await run(hub, system_call(hub.institution), ask_twice)
    assert (await ended(hub, job)).state == "succeeded"
    await run(hub, admin, set_state, connection, ConnectionState.SUSPENDED, "paused", "resume it")
    with pytest.raises(ConflictError, match="is paused"):
        await run(hub, admin, ask_for_sync, connection)


async def test_a_record_in_quarantine_is_fetched_again(hub, admin):
    system = FakeShelf()
    hub.outside.transport = FakeTransport(system)
    broken = system.item("i10")
    title = broken.pop("title")
    connection = await create(hub, admin, new())
    await check(hub, admin, connection)
    await ended(hub, await run(hub, admin, ask_for_sync, connection))
    call = system_call(hub.institution)
    assert [one.ref for one in rows(hub.database, call, Quarantine)] == ["page:i10"]

    broken["title"] = title
    (job,) = await run(hub, admin, ask_for_refresh, connection, ["page:i10"], key="retry-1")
    same = await run(hub, admin, ask_for_refresh, connection, ["page:i10"], key="retry-1")
    assert same == [job]

    assert (await ended(hub, job)).result["written"] == 1
    assert rows(hub.database, call, Quarantine)[0].resolved_at is not None
    with pytest.raises(InvalidError):
        await run(hub, admin, ask_for_refresh, connection, [])
