"""Secrets and addresses that go wrong everywhere at once are shown nowhere.

They are pushed through requests, jobs, consumers, webhooks and plugins that fail; then every log
line, problem, audit line, event, metric and state that came of it is searched.
"""

from __future__ import annotations

import asyncio
import io
import logging

import pytest
import structlog
from sqlalchemy import MetaData, create_engine, select, text

from bloop.accounts.service import issue_link
from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit
from bloop.telemetry import logs
from bloop_sdk.testing.distributions import CODE, write_plugin

SECRET, MAIL = "CanaryCanaryCanary0123456789", "canary.person@example.org"
FORMS = (
    f"Authorization: Bearer {SECRET}",
    f"password={SECRET}",
    f'{{"api_key": "{SECRET}"}}',
    f"https://user:{SECRET}@example.org/x",
    f"GET https://example.org/x?access_token={SECRET}&a=1",
    f"sk_live_{SECRET}",
    f"nobody at {MAIL}",
)
TOLD = " | ".join(FORMS)
LEAKY = f"""
    from bloop_sdk import FatalError, ForbiddenRecordError

    TOLD = {TOLD!r}

    async def refuse(request, ctx):
        raise ForbiddenRecordError(TOLD, cure=TOLD)

    async def crash(request, ctx):
        ctx.log.error("crashed " + TOLD, token={SECRET!r}, email={MAIL!r}, note=TOLD)
        raise ValueError(TOLD)

    async def work(ctx, payload):
        ctx.progress(1, 2, TOLD)
        ctx.log.info(TOLD)
        await ctx.transaction(
            lambda unit: unit.audit("leaky:work", "thing:1", {{"note": TOLD, "email": {MAIL!r}}})
        )
        raise FatalError(TOLD, cure=TOLD)

    def take(unit, event):
        raise ValueError(TOLD)
"""
BROKEN = f"""
    raise RuntimeError({TOLD!r})
"""


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that tells whatever it has, and one that does so when imported."""
    at = "bloop_leaky.views:"
    manifest = {
        "contributes": {
            "routes": [
                {"path": f"/{name}", "handler": at + name, "action": "content:read"}
                for name in ("refuse", "crash")
            ],
            "jobs": [{"kind": "work", "handler": f"{at}work", "attempts": 1}],
            "consumers": [{"name": "take", "topics": ["t.*"], "handler": f"{at}take"}],
        }
    }
    write_plugin(site, "leaky", code=CODE, files={"views.py": LEAKY}, manifest=manifest)
    write_plugin(site, "broken", code=BROKEN)
    with config_path.open("a") as file:
        file.write("\n[plugins.leaky]\nenabled = true\n\n[plugins.broken]\nenabled = true\n")
        file.write('\n[net]\nallow = ["127.0.0.1"]\n')
    return config_path


@pytest.fixture
def written():
    """What is logged, as JSON lines; what was configured before comes back."""
    root = logging.getLogger()
    before = root.level, root.handlers[:], structlog.get_config()
    # The test's own client is no part of the hub.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    structlog.configure(**before[2])


async def ask(client):
    """Requests with canaries wherever there is room; gives all that was answered."""
    headers = {"authorization": f"Bearer {SECRET}", "cookie": f"bloop_session={SECRET}"}
    answers = [
        await client.get(f"/start?token=x.{SECRET}"),
        await client.get(f"/api/v1/nothing/{MAIL}?password={SECRET}"),
        await client.get(f"/api/v1/items/{MAIL}"),
        await client.get("/api/v1/account", headers=headers),
        await client.post("/api/v1/containers", json={"title": 7, "password": SECRET, MAIL: MAIL}),
        await client.post("/api/v1/containers", content=f'{{"password": "{SECRET}", '),
        await client.get("/api/v1/audit", params={"since": MAIL}),
        await client.get("/api/v1/jobs", params={"limit": f"password={SECRET}"}),
        await client.post("/api/v1/events/parked/replay", params={"consumer": MAIL}),
        await client.get("/x/leaky/refuse"),
        await client.get("/x/leaky/crash"),
        await client.get(f"/x/leaky/{MAIL}"),
        await client.post(
            "/api/v1/webhooks",
            json={"name": "n", "url": f"ftp://user:{SECRET}@example.org", "topics": ["*"]},
        ),
        await client.get("/api/v1/plugins"),
        await client.get("/api/v1/plugins/broken"),
        await client.get("/readyz"),
        await client.get("/metrics"),
    ]
    return [f"{one.request.url.path.partition('@')[0]}: {one.text}" for one in answers]


async def fail_in_the_background(hub, written):
    """A job and a consumer that fail with canaries, each to its end."""
    call = system_call(hub.institution)

    def begin(unit):
        unit.outbox.append("t.happened", "a:1", {"n": 1})
        return hub.jobs.enqueue(unit, "leaky.work", {}, plugin_id="leaky", max_attempts=1)

    await hub.database.run(in_unit, hub.database, call, begin)
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(both_failed, hub):  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.05)


def both_failed(hub):
    return rows(hub, "event_parked") and any("'failed'" in row for row in rows(hub, "job"))


def rows(hub, *names):
    """The rows of some tables, or of all, as their owner sees them."""
    engine = create_engine(hub.database.owner_url)
    metadata = MetaData()
    with engine.begin() as connection:
        if hub.database.dialect == "postgresql":
            connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
        metadata.reflect(connection, only=names or None)
        found = [
            f"{table.name}: {tuple(row)}"
            for table in metadata.sorted_tables
            if not names or table.name in names
            for row in connection.execute(select(table))
        ]
    engine.dispose()
    return found


async def test_what_is_secret_or_personal_is_shown_nowhere(hub, operator, written, capfd):
    token = await hub.database.run(in_unit, hub.database, system_call(hub.institution), issue_link)
    answers = await ask(operator)
    await fail_in_the_background(hub, written)
    answers.append((await operator.get("/api/v1/jobs")).text)
    answers.append((await operator.get("/api/v1/events/parked")).text)
    answers.append((await operator.get("/api/v1/audit")).text)
    answers.append((await operator.get("/metrics")).text)
    # The access log, and what was written before the log was ours.
    out, err = capfd.readouterr()
    lines = [*written.getvalue().splitlines(), *out.splitlines(), *err.splitlines()]
    everywhere = [*answers, *lines, *await asyncio.to_thread(rows, hub)]
    shown = [one for one in everywhere if SECRET in one or MAIL in one or token in one]
    assert shown == []
    told = "\n".join(everywhere)
    assert told.count("**********") > 20, "what failed is told, and masked"
    for where in ("crashed", "leaky:work", "leaky.take", "job failed"):
        assert where in told, where
