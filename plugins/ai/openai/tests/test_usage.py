"""What was used: by month and institution, on the command line and on a page."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import click
import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from standin import Standin

from bloop_openai import cli, pages, usage
from bloop_openai.config import OpenAIConfig
from bloop_openai.prices import PRICES, cost_of, known_price
from bloop_openai.provider import OpenAILanguage
from bloop_openai.tables import metadata
from bloop_sdk.providers.ai import Budget, Message
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, fake_call, http_client


@pytest.fixture
def ctx():
    model = Standin(model="gpt-5-mini")
    return FakeContext(
        plugin_id="openai",
        config=OpenAIConfig.model_validate(model.settings | {"monthly_tokens": 10_000}),
        http=http_client(FakeTransport(model), Clock()),
        tables=metadata,
        package="bloop_openai",
    )


async def test_a_month_is_summed_by_model(ctx, monkeypatch):
    config = ctx.config
    await usage.keep(ctx, config, 1000, 200)
    await usage.keep(ctx, config, 500, 0, failed=True)
    other = config.model_copy(update={"model": "gpt-4.1"})
    await usage.keep(ctx, other, 2000, 300)
    monkeypatch.setattr(usage, "this_month", lambda: "2026-12")
    await usage.keep(ctx, config, 7, 7)
    found = await usage.month_of(ctx, config, "2026-12")
    assert (found.tokens, found.left) == (14, 9986)
    monkeypatch.undo()
    found = (await usage.month_of(ctx, config, usage.this_month())).as_json()
    assert [(one["model"], one["calls"], one["failed"]) for one in found["models"]] == [
        ("gpt-4.1", 1, 0),
        ("gpt-5-mini", 2, 1),
    ]
    assert (found["tokens"], found["left"]) == (4000, 6000)
    assert found["cost"] == pytest.approx((2000 * 2 + 300 * 8 + 1500 * 0.25 + 200 * 2) / 1e6)


async def test_institutions_have_each_their_own(ctx):
    await usage.keep(ctx, ctx.config, 9000, 1000)
    with pytest.raises(usage.BudgetError):
        await usage.check_budget(ctx, ctx.config)
    # The same database, as another institution sees it.
    other = FakeContext(plugin_id="openai", config=ctx.config, call=fake_call("other"))
    other.__dict__["database"] = ctx.database
    await usage.check_budget(other, ctx.config)
    assert (await usage.month_of(other, ctx.config, usage.this_month())).tokens == 0


async def test_a_row_that_another_process_began_meanwhile_is_added_to(ctx, monkeypatch):
    original = usage._add
    tries = []

    def raced(unit, key, amounts, cost):
        tries.append(key)
        if len(tries) == 1:
            month, model = key
            for _ in range(2):  # As if the other one had committed between our two statements.
                row = usage.Usage(institution_id=unit.institution, month=month, model=model)
                unit.session.add(row)
            unit.session.flush()
        return original(unit, key, amounts, cost)

    monkeypatch.setattr(usage, "_add", raced)
    await usage.keep(ctx, ctx.config, 10, 1)
    assert len(tries) == 2
    assert (await usage.month_of(ctx, ctx.config, usage.this_month())).tokens == 11


async def test_nonsense_counts_fit_the_table(ctx):
    await usage.keep(ctx, ctx.config, 10**30, -5)
    assert (await usage.month_of(ctx, ctx.config, usage.this_month())).tokens == usage.MOST


def test_months():
    assert usage.resets_at("2026-12") == datetime(2027, 1, 1, tzinfo=UTC)
    assert usage.resets_at("2026-01") == datetime(2026, 2, 1, tzinfo=UTC)
    assert usage.named("2026-3") == "2026-03"


def test_prices():
    assert known_price("gpt-5-mini-2025-08-07") == PRICES["gpt-5-mini"]
    assert known_price("gpt-4o-2024-08-06") == (2.5, 10.0)
    assert known_price("gpt-4o-2024-05-13") == (5.0, 15.0), "the first one stayed dearer"
    assert known_price("llama3.2") is None
    assert cost_of(None, 5, 5) is None
    own = {"base_url": "http://localhost:1/v1", "model": "gpt-5"}
    assert OpenAIConfig.model_validate(own).price is None, "another server's gpt-5 is not OpenAI's"
    assert OpenAIConfig.model_validate({"price_in": 9.0}).price == (9.0, 2.0)
    assert OpenAIConfig.model_validate(own | {"price_in": 0, "price_out": 0}).price == (0, 0)


def test_the_migration_makes_the_tables():
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        importlib.import_module("bloop_openai.migrations.0001_openai").upgrade()
        made = sa.MetaData()
        made.reflect(connection)
    for name, table in metadata.tables.items():
        columns = {one.name: (str(one.type), one.nullable) for one in made.tables[name].columns}
        assert columns == {one.name: (str(one.type), one.nullable) for one in table.columns}
    engine.dispose()


async def ran(capsys, command, ctx, **arguments):
    await command.callback.__wrapped__(ctx, **arguments)
    return capsys.readouterr().out


async def test_the_usage_command(ctx, capsys):
    await usage.keep(ctx, ctx.config, 1000, 200)
    lines = (await ran(capsys, cli.usage, ctx, month=None, as_json=False)).splitlines()
    assert "1,200 tokens of 10,000; it begins anew" in lines[0]
    assert lines[1] == "  gpt-5-mini: 1,000 in, 200 out, calls: 1, 0.00 US dollars"
    found = json.loads(await ran(capsys, cli.usage, ctx, month="2020-01", as_json=True))
    assert (found["tokens"], found["models"], found["resets_at"][:10]) == (0, [], "2020-02-01")
    with pytest.raises(click.BadParameter):
        await ran(capsys, cli.usage, ctx, month="13-2020", as_json=False)


async def test_the_check_command(ctx, capsys):
    ctx.http._transport._system.say('{"capital": "Paris", "in_europe": true}')
    text = await ran(capsys, cli.check, ctx, as_json=False)
    assert "api.openai.com is reached, and gpt-5-mini answers" in text
    assert "held to a schema by the server" in text
    assert "0.25 in, 2 out" in text
    assert "models there: gpt-5-mini" in text


async def test_the_check_finds_anew_what_a_server_takes(ctx, capsys):
    vendor = ctx.http._transport._system
    vendor.formats = set()
    vendor.say(*['{"capital": "Paris", "in_europe": true}'] * 2)
    assert json.loads(await ran(capsys, cli.check, ctx, as_json=True))["structured"] == "none"
    vendor.formats = {"json_schema"}
    assert json.loads(await ran(capsys, cli.check, ctx, as_json=True))["structured"] == "schema"


async def test_openai_is_told_to_keep_nothing(ctx):
    vendor = ctx.http._transport._system
    asked = [Message(role="user", text="x")]
    budget = Budget(max_tokens=5, seconds=20)
    await OpenAILanguage(ctx).generate(asked, None, budget)
    assert [piece async for piece in OpenAILanguage(ctx).stream(asked, budget)] == ["x"]
    assert [one["store"] for one in vendor.requests] == [False, False]


async def test_the_page(ctx):
    view = await pages.overview(None, ctx)
    assert "Nothing was asked yet this month" in view.html
    await usage.keep(ctx, ctx.config, 1000, 200)
    html = (await pages.overview(None, ctx)).html
    assert "8,800 of 10,000 tokens are left" in html
    assert "1,000 tokens in, 200 out; calls: 1" in html
    free = replace(ctx, config=ctx.config.model_copy(update={"monthly_tokens": 0}))
    assert "no limit" in (await pages.overview(None, free)).html
