"""The fake context: every context of the contract in one, with tables, templates and rights."""

import asyncio
import gc
import sys

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Mapped, mapped_column

from bloop_sdk import FatalError, Item, ItemFile, JobView, Request, UnsupportedError
from bloop_sdk.tables import ID, plugin_base
from bloop_sdk.testing import FakeContent, FakeContext, FakeProviders, Killed, fake_call

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


async def test_a_unit_tells_what_became_of_a_job(ctx):
    id_ = await ctx.transaction(add, "1", "One")
    assert await ctx.read(lambda unit: unit.job(id_)) == JobView(
        id=id_, kind="tidy", state="waiting"
    )
    ctx.database.views[id_] = JobView(id=id_, kind="tidy", state="failed", error={"code": "x"})
    assert (await ctx.read(lambda unit: unit.job(id_))).lost
    assert await ctx.read(lambda unit: unit.job("nobody")) is None


async def test_filters_of_a_test_change_a_copy_or_nothing():
    def breaks(value, **_):
        value.clear()
        raise ZeroDivisionError("no")

    filters = {
        "adds": lambda value, more: [*value, more],
        "breaks": breaks,
        "none": lambda *_, **__: None,
    }
    providers = FakeProviders(filters={"filter_things": filters})
    done = await providers.filtered("filter_things", [1], list, more=2)
    assert (done.value, [one.plugin_id for one in done.left_out]) == ([1, 2], ["breaks"])


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
    with pytest.raises(UnsupportedError, match=r"pip install bloop-sdk\[pages\]"):
        FakeContext(package="json").render("page.html")


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


async def test_content_is_what_the_test_gives(tmp_path):
    picture = ItemFile(id="f1", name="a.png", media_type="image/png", size=3, sha256="0" * 64)
    given = {"container": "c1", "kind": "page", "language": "en", "version": 1}
    lesson = Item(id="i1", title="One", html="<p>", files={"/files/c1/a": picture}, **given)
    other = Item(id="i2", title="Two", html="", **given | {"container": "c2"})
    ctx = FakeContext(content=FakeContent([lesson, other], contents={"f1": b"png"}))
    assert await ctx.content.item("i1") == lesson
    assert [(one.id, one.html, one.files) for one in await ctx.content.items("c1")] == [
        ("i1", "", {})
    ]
    await ctx.content.save(picture, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"png"
    with pytest.raises(FatalError) as refused:
        await ctx.content.item("i3")
    assert refused.value.code == "not_found"


async def test_files_are_kept_as_long_as_the_context(tmp_path):
    ctx = FakeContext()
    (tmp_path / "a").write_bytes(b"video")
    kept = await ctx.files.put("videos/a", tmp_path / "a", "video/mp4")
    await ctx.files.put("other", tmp_path / "a", "text/plain")
    assert await ctx.files.get("videos/a") == kept
    assert (kept.size, len(kept.sha256)) == (5, 64)
    assert await ctx.files.names("videos/") == ["videos/a"]
    await ctx.files.save("videos/a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"video"
    await ctx.files.delete("videos/a")
    await ctx.files.delete("videos/a")
    assert await ctx.files.get("videos/a") is None
    folder = ctx.files._folder
    assert folder.is_dir()
    del ctx
    # A thread that has just written may hold what it was given for a moment longer.
    for _ in range(500):
        gc.collect()
        if not folder.exists():
            break
        await asyncio.sleep(0.02)
    assert not folder.exists()


async def test_a_file_has_a_name_and_a_media_type(ctx, tmp_path):
    (tmp_path / "a").write_bytes(b"video")
    for name, media_type in (("", "a/b"), ("a\nb", "a/b"), ("x" * 201, "a/b"), ("a", "video")):
        with pytest.raises(FatalError) as refused:
            await ctx.files.put(name, tmp_path / "a", media_type)
        assert refused.value.code == "invalid"


async def test_providers_are_objects_in_the_order_in_which_they_are_given():
    one, two = object(), object()
    ctx = FakeContext(providers=FakeProviders({"speech": {"piper": one, "espeak": two}}))
    assert [offer.plugin_id for offer in await ctx.providers.offers("speech")] == [
        "piper",
        "espeak",
    ]
    assert await ctx.providers.get("speech") is one
    assert await ctx.providers.get("speech", "espeak") is two
    for asked in (("speech", "azure"), ("renderer", None)):
        with pytest.raises(FatalError) as refused:
            await ctx.providers.get(*asked)
        assert refused.value.code == "plugin_unavailable"


def test_a_signed_address_tells_what_was_asked_for():
    assert FakeContext(plugin_id="marks").signed("/a/1", 60) == "/x/marks/a/1?signed=for-60-s"
