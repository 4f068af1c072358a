"""The fake context: every context of the contract in one, with tables, templates and rights."""

import sys

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Mapped, mapped_column

from bloop_sdk import FatalError, Request, UnsupportedError
from bloop_sdk.tables import ID, plugin_base
from bloop_sdk.testing import FakeContext, Killed, fake_call

Base = plugin_base("marks")


class Mark(Base):
    __tablename__ = "marks_mark"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    title: Mapped[str]


def add(unit, mark_id, title, institution=None):
    owner = institution or unit.institution
    unit.session.add(Mark(id=mark_id, title=title, institution_id=owner))
    unit.emit("marks.added", f"mark:{mark_id}", {"title": title})
    unit.audit("marks:add", f"mark:{mark_id}")
    return unit.enqueue("tidy", {"mark": mark_id}, key="tidy", delay=5.0)


def titles(unit):
    return list(unit.session.scalars(select(Mark.title).order_by(Mark.title)))


@pytest.fixture
def ctx():
    return FakeContext(plugin_id="marks", tables=Base.metadata)


async def test_a_transaction_keeps_rows_events_audit_and_jobs_together(ctx):
    first = await ctx.transaction(add, "1", "One")
    again = await ctx.transaction(add, "2", title="Two")
    assert await ctx.read(titles) == ["One", "Two"]
    assert first == again == ctx.database.jobs[0].id
    assert [(job.kind, job.payload, job.delay) for job in ctx.database.jobs] == [
        ("tidy", {"mark": "1"}, 5.0)
    ]
    assert [event.aggregate for event in ctx.database.events] == ["mark:1", "mark:2"]
    assert [line.resource for line in ctx.database.audited] == ["mark:1", "mark:2"]


async def test_a_transaction_that_raises_leaves_nothing(ctx):
    def fail(unit):
        add(unit, "1", "One")
        unit.session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ctx.transaction(fail)
    assert await ctx.read(titles) == []
    assert ctx.database.events == ctx.database.jobs == ctx.database.audited == []


@pytest.mark.parametrize(
    "work",
    [
        lambda unit: unit.session.add(Mark(id="1", title="x", institution_id=unit.institution)),
        lambda unit: unit.session.execute(insert(Mark), [{"id": "1", "title": "x"}]),
        lambda unit: unit.emit("marks.read", "mark:1", {}),
        lambda unit: unit.enqueue("tidy", {}),
        lambda unit: unit.audit("marks:read", "mark:1"),
    ],
)
async def test_a_read_that_writes_is_refused(ctx, work):
    with pytest.raises(FatalError, match=r"use ctx\.transaction"):
        await ctx.read(work)


async def test_each_institution_sees_its_own_rows(ctx):
    await ctx.transaction(add, "1", "Mine")
    ctx.call = fake_call("another")
    assert await ctx.read(titles) == []
    await ctx.transaction(add, "2", "Theirs")
    assert await ctx.read(titles) == ["Theirs"]
    with pytest.raises(FatalError, match=r"institution_id=unit\.institution"):
        await ctx.transaction(add, "3", "Stray", institution="elsewhere")


async def test_sql_as_text_has_to_name_its_institution(ctx):
    await ctx.transaction(add, "1", "One")
    count = text("SELECT count(*) FROM marks_mark WHERE institution_id = :institution")
    own = {"institution": ctx.call.institution}
    assert await ctx.read(lambda unit: unit.session.scalar(count, own)) == 1
    with pytest.raises(FatalError, match="SQL without its institution"):
        await ctx.read(lambda unit: unit.session.scalar(text("SELECT count(*) FROM marks_mark")))


async def test_tables_that_the_hub_refuses_are_refused():
    class Stray(plugin_base("other")):
        __tablename__ = "stray"
        id: Mapped[str] = mapped_column(ID, primary_key=True)

    with pytest.raises(FatalError, match="name it other_stray"):
        await FakeContext(plugin_id="other", tables=Stray.metadata).read(titles)


async def test_a_topic_of_somebody_else_is_refused(ctx):
    with pytest.raises(FatalError, match=r"begin it with \"marks\."):
        await ctx.transaction(lambda unit: unit.emit("content.changed", "mark:1", {}))


def test_rights_are_those_that_are_given():
    assert FakeContext().may("marks:read")
    assert FakeContext(actions=frozenset({"marks:read"})).may("marks:read")
    assert not FakeContext(actions=frozenset()).may("marks:read")


def test_a_template_of_the_package_is_rendered_and_escaped(tmp_path, monkeypatch):
    package = tmp_path / "bloop_pages"
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    template = "<form action='{{ base }}'>{{ csrf }}</form>{{ locale }} {{ title }}"
    (package / "templates" / "page.html").write_text(template)
    monkeypatch.syspath_prepend(tmp_path)
    made = FakeContext(plugin_id="pages").render("page.html", title="<b>")
    assert made == "<form action='/x/pages'>test-csrf</form>en &lt;b&gt;"


def test_without_jinja_rendering_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(UnsupportedError, match="pip install jinja2"):
        FakeContext().render("page.html")


async def test_blocking_calls_are_steps_at_which_it_may_be_killed():
    context = FakeContext()
    context.steps.plan(2, context.steps.kill)
    assert await context.run_sync(len, "abc") == 3
    with pytest.raises(Killed):
        await context.run_sync(len, "abc")
    with pytest.raises(Killed):
        await context.run_sync(len, "abc")


async def test_there_is_no_network_unless_one_is_given():
    with pytest.raises(UnsupportedError, match="no network"):
        await FakeContext().http.send(Request(url="https://lms.example"))
