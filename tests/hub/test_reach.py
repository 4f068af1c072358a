"""What plugins read of the hub, keep in it, and do for each other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from inspect import get_annotations
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, update

from bloop.hub import Hub
from bloop.hub.contexts import PluginCall, open_context
from bloop.kernel.breaker import Breakers
from bloop.kernel.calls import Calls
from bloop.kernel.faults import PluginFailedError, PluginUnavailableError
from bloop.kernel.models import InstitutionPlugin
from bloop.ops import purge_rows
from bloop.store.models import Blob, PluginFile
from bloop_sdk import (
    BloopError,
    DeadlineError,
    RetriableError,
    Role,
    UnsupportedError,
)
from bloop_sdk.providers.ai import Budget, LanguageProvider, Message, Speech, SpeechProvider
from bloop_sdk.testing.distributions import write_plugin
from tests.content.course import Course, connect, file, leaf, module, open_to_everybody, page
from tests.content.course import course as a_course
from tests.support.database import make_call
from tests.support.hub import add_institution

VOICE = """
    import asyncio
    from bloop_sdk import UnavailableError
    from bloop_sdk.providers.ai import Speech, Voice

    class Speaker:
        def __init__(self, ctx):
            self.ctx = ctx
            self.hanging = asyncio.Event()

        async def voices(self):
            who = self.ctx.call.principal
            return [Voice(id=who.id, name=self.ctx.plugin_id, language="en", version="1")]

        async def synthesize(self, text, voice, pace=1.0):
            if text == "crash":
                raise KeyError(text)
            if text == "away":
                raise UnavailableError("no answer")
            if text == "rubbish":
                return b""
            if text == "hang":
                self.hanging.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    ENDED.append(text)
            return Speech(pcm=b"\\0\\0", rate=8000, words=(), exact=True)

    ENDED = []
"""
WRITER = """
    class Writer:
        def __init__(self, ctx):
            pass

        async def generate(self, messages, schema, budget):
            return None

        async def stream(self, messages, budget):
            for message in messages:
                if message.text == "crash":
                    raise KeyError(message.text)
                yield message.text
"""


@pytest.fixture
async def hub(hub_toml, site):
    """A hub whose plugin `atelier` uses two voices, and a model."""
    uses = ["speech", "language", "avatar"]
    write_plugin(site, "atelier", manifest={"uses": uses, "scopes": ["content:read"]})
    write_plugin(site, "author", manifest={"scopes": ["content:read", "content:write"]})
    for name in ("first", "second", "third"):
        provides = {"speech": f"bloop_{name}.voice:Speaker"}
        write_plugin(site, name, files={"voice.py": VOICE}, manifest={"provides": provides})
    provides = {"language": "bloop_writer.model:Writer"}
    write_plugin(site, "writer", files={"model.py": WRITER}, manifest={"provides": provides})
    enabled = {"atelier": 0, "author": 0, "first": 20, "second": 10, "writer": 0}
    with hub_toml.open("a") as text:
        for name, order in enabled.items():
            text.write(f"\n[plugins.{name}]\nenabled = true\norder = {order}\n")
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    await asyncio.to_thread(hub.load_plugins)
    yield hub
    await hub.stop()


@pytest.fixture
def home(hub):
    return make_call(hub.institution, name="ada")


@pytest.fixture
def away(hub):
    """Somebody of a second institution."""
    return make_call(add_institution(hub, "away"), name="bob")


async def opened(hub, call, plugin="atelier"):
    return await open_context(hub, PluginCall, plugin, call)


# -- content


PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
LESSON = (
    '<p><img src="bloop:file:a%26b.png" alt="A"> <a href="bloop:file:hidden.txt">x</a>'
    '<a href="bloop:file:gone.txt#p=2&amp;q">y</a> <a href="bloop:page:p2">z</a></p>'
)


@pytest.fixture
async def lesson(hub, home):
    """A course with a lesson, a draft and files; the ids of what is in it, by remote id."""
    from bloop.content.engine import run_read
    from bloop.content.models import Item

    pages = [page(1, LESSON), page(2), page(3, published=False)]
    files = [
        file("a&b.png", PNG, media_type="image/png"),
        file("hidden.txt", b"hidden", published=False),
        file("plain.txt", b"x" * 2000, media_type="image/png"),
    ]
    nodes = [module(1), leaf(pages[1], "m1", 1), leaf(pages[0], "m1", 2)]
    provider = Course(
        containers=[a_course(language="fr")], contents=[*nodes, *pages, *files], batch_size=20
    )
    connection = connect(hub.database, home)
    await run_read(hub.database, hub.blobs, provider, home, connection=connection)
    open_to_everybody(hub.database, home)
    with hub.database.unit(home) as unit:
        unit.session.execute(update(Item).where(Item.remote_id == "p2").values(language="de"))
        rows = unit.session.execute(select(Item.remote_id, Item.id, Item.container_id)).all()
        return {remote: id_ for remote, id_, _ in rows} | {"course": rows[0][2]}


def as_role(call, role):
    return replace(call, principal=replace(call.principal, role=role))


async def test_a_lesson_comes_with_the_files_that_its_html_names(hub, home, lesson, tmp_path):
    ctx = await opened(hub, home)
    found = await ctx.content.item(lesson["p1"])
    address = f"/files/{lesson['course']}/a%26b.png"
    assert (found.title, found.kind, found.language, found.version) == ("Page 1", "page", "fr", 1)
    assert address in found.html
    assert list(found.files) == [address]
    picture = found.files[address]
    assert (picture.name, picture.media_type, picture.size) == ("a&b.png", "image/png", 48)
    await ctx.content.save(picture, tmp_path / "picture")
    assert (tmp_path / "picture").read_bytes() == PNG
    assert (await ctx.content.item(lesson["p2"])).language == "de"


async def test_the_items_of_a_course_are_in_the_order_of_its_tree(hub, home, lesson):
    ctx = await opened(hub, home)
    found = await ctx.content.items(lesson["course"])
    assert [one.title for one in found] == ["Page 2", "Page 1", "a&b.png", "plain.txt"]
    assert [one.language for one in found[:2]] == ["de", "fr"]
    assert not any(one.html or one.files for one in found)


async def test_a_plugin_sees_no_more_than_the_caller_and_no_more_than_it_asked_for(
    hub, home, away, lesson
):
    # An educator sees drafts; a plugin that only reads does not see them for one.
    for plugin, role, seen in (
        ("author", Role.EDUCATOR, 6),
        ("author", Role.LEARNER, 4),
        ("atelier", Role.EDUCATOR, 4),
    ):
        ctx = await opened(hub, as_role(home, role), plugin)
        assert len(await ctx.content.items(lesson["course"])) == seen
        if seen == 4:
            with pytest.raises(BloopError) as refused:
                await ctx.content.item(lesson["p3"])
            assert refused.value.code == "not_found"
    ctx = await opened(hub, away)
    for ask in (ctx.content.item(lesson["p1"]), ctx.content.items(lesson["course"])):
        with pytest.raises(BloopError) as refused:
            await ask
        assert refused.value.code == "not_found"
    narrow = replace(home, principal=replace(home.principal, scopes=frozenset({"jobs:read"})))
    ctx = await opened(hub, narrow)
    with pytest.raises(BloopError) as refused:
        await ctx.content.item(lesson["p1"])
    assert refused.value.code == "forbidden"


async def test_a_plugin_without_the_scope_reads_no_content(hub, home):
    ctx = await opened(hub, home, "first")
    with pytest.raises(UnsupportedError, match="does not say") as refused:
        _ = ctx.content
    assert 'scopes = ["content:read"]' in refused.value.cure


async def test_a_file_is_saved_only_as_it_was_shown(hub, home, lesson, tmp_path):
    ctx = await opened(hub, home)
    found = await ctx.content.item(lesson["p1"])
    (picture,) = found.files.values()
    with pytest.raises(BloopError, match="changed meanwhile"):
        await ctx.content.save(replace(picture, sha256="0" * 64), tmp_path / "a")
    with pytest.raises(BloopError) as refused:
        await ctx.content.save(replace(picture, id=lesson["hidden.txt"]), tmp_path / "a")
    assert refused.value.code == "not_found"
    small = replace(ctx.content, most=10)
    with pytest.raises(BloopError, match="at most 10"):
        await small.save(picture, tmp_path / "a")
    assert not list(tmp_path.glob("a*"))


# -- files


async def kept(ctx, tmp_path, name="videos/a.mp4", content=b"video", media_type="video/mp4"):
    source = tmp_path / "source"
    source.write_bytes(content)
    return await ctx.files.put(name, source, media_type)


async def test_a_file_is_found_again_by_its_name_and_by_nobody_else(hub, home, away, tmp_path):
    ctx = await opened(hub, home)
    made = await kept(ctx, tmp_path)
    assert await ctx.files.get("videos/a.mp4") == made
    assert (made.size, made.media_type) == (5, "video/mp4")
    await ctx.files.save("videos/a.mp4", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"video"
    for other in (await opened(hub, away), await opened(hub, home, "author")):
        assert await other.files.get("videos/a.mp4") is None
        assert await other.files.names() == []
        with pytest.raises(BloopError) as refused:
            await other.files.save("videos/a.mp4", tmp_path / "b")
        assert refused.value.code == "not_found"


async def test_names_begin_as_asked_and_what_has_one_is_replaced(hub, home, tmp_path):
    ctx = await opened(hub, home)
    for name in ("b%", "b_1", "a", "bü", "B"):
        await kept(ctx, tmp_path, name)
    assert await ctx.files.names("b") == ["b%", "b_1", "bü"]
    assert await ctx.files.names("b%") == ["b%"]
    again = await kept(ctx, tmp_path, "a", b"other", "text/vtt; charset=utf-8")
    assert await ctx.files.get("a") == again
    await ctx.files.delete("a")
    await ctx.files.delete("a")
    assert await ctx.files.get("a") is None
    for name, media_type in (("", "a/b"), ("x" * 201, "a/b"), ("a\nb", "a/b"), ("a", "video")):
        with pytest.raises(BloopError) as refused:
            await kept(ctx, tmp_path, name, media_type=media_type)
        assert refused.value.code == "invalid"
    with pytest.raises(BloopError, match="is no file"):
        await ctx.files.put("c", tmp_path, "a/b")


async def test_many_at_once_keep_one_name_and_each_finds_it_whole(hub, home, tmp_path):
    ctx = await opened(hub, home)
    for n in range(8):
        (tmp_path / f"s{n}").write_bytes(bytes([n % 2]) * 1000)
    made = await asyncio.gather(
        *(ctx.files.put("same", tmp_path / f"s{n}", "a/b") for n in range(8))
    )
    found = await ctx.files.get("same")
    assert found in made
    with hub.database.unit(home) as unit:
        counts = [
            unit.session.scalar(select(func.count()).select_from(one)) for one in (PluginFile, Blob)
        ]
    assert counts == [1, 2]


async def test_a_kill_between_bytes_and_row_leaves_nothing_wrong(hub, home, tmp_path, monkeypatch):
    ctx = await opened(hub, home)
    first = await kept(ctx, tmp_path)

    def killed(*_args):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("bloop.store.files.PluginFiles._keep", killed)
        with pytest.raises(SystemExit):
            await kept(ctx, tmp_path, content=b"never named")
    assert await ctx.files.get("videos/a.mp4") == first
    again = await kept(ctx, tmp_path, content=b"never named")
    assert await ctx.files.get("videos/a.mp4") == again


async def test_bytes_that_are_gone_from_the_disk_are_not_there(hub, home, tmp_path):
    ctx = await opened(hub, home)
    made = await kept(ctx, tmp_path)
    hub.blobs.path(made.sha256).unlink()
    assert await ctx.files.get(made.name) is None
    assert await kept(ctx, tmp_path) == made
    assert await ctx.files.get(made.name) == made


async def test_a_purge_takes_the_bytes_that_only_the_plugin_named(hub, home, tmp_path):
    ctx, other = await opened(hub, home), await opened(hub, home, "author")
    own = await kept(ctx, tmp_path, "own", b"own")
    shared = await kept(ctx, tmp_path, "shared", b"shared")
    await kept(other, tmp_path, "theirs", b"shared")
    with hub.database.unit(home) as unit:
        going = purge_rows.blobs_of(unit.session, "atelier", content=False)
        assert going == {(home.institution, own.sha256)}
        digests = {own.sha256, shared.sha256}
        purge_rows.forget_blobs(unit.session, {(home.institution, one) for one in digests})
        assert purge_rows.held_anywhere(unit.session, digests) == digests


# -- other plugins


async def test_providers_come_in_the_operators_order_with_their_own_context(hub, home):
    ctx = await opened(hub, home)
    offers = await ctx.providers.offers("speech")
    assert [(one.plugin_id, one.name) for one in offers] == [
        ("second", "Second"),
        ("first", "First"),
    ]
    speaker = await ctx.providers.get("speech")
    (voice,) = await speaker.voices()
    assert (voice.name, voice.id) == ("second", "ada")
    assert isinstance(speaker, SpeechProvider)
    speaker = await ctx.providers.get("speech", "first")
    assert (await speaker.voices())[0].name == "first"
    assert isinstance(await speaker.synthesize("hi", "ada"), Speech)


async def test_what_a_manifest_does_not_say_it_uses_it_does_not_get(hub, home):
    ctx = await opened(hub, home, "author")
    for ask in (ctx.providers.offers("speech"), ctx.providers.get("speech", "first")):
        with pytest.raises(UnsupportedError, match="does not say") as refused:
            await ask
        assert "`uses`" in refused.value.cure


async def test_an_institution_gets_no_provider_that_it_switched_off(hub, home, away):
    with hub.database.unit(away) as unit:
        for name in ("first", "second"):
            row = InstitutionPlugin(
                institution_id=away.institution, plugin_id=name, enabled=name == "first"
            )
            unit.session.add(row)
    ctx = await opened(hub, away)
    assert [one.plugin_id for one in await ctx.providers.offers("speech")] == ["first"]
    with pytest.raises(PluginUnavailableError) as refused:
        await ctx.providers.get("speech", "second")
    assert refused.value.cure == "an admin can switch second on"
    assert len(await (await opened(hub, home)).providers.offers("speech")) == 2


async def test_where_nobody_has_it_the_cure_names_who_could(hub, home, away):
    with hub.database.unit(away) as unit:
        for name in ("first", "second"):
            row = InstitutionPlugin(institution_id=away.institution, plugin_id=name, enabled=False)
            unit.session.add(row)
    ctx = await opened(hub, away)
    with pytest.raises(PluginUnavailableError) as refused:
        await ctx.providers.get("speech")
    ours = [one for one in refused.value.cure.split(", or ") if " third" in one or "admin" in one]
    assert ours == [
        "`bloop plugins enable third`",
        "an admin can switch first on",
        "an admin can switch second on",
    ]
    with pytest.raises(PluginUnavailableError) as refused:
        await ctx.providers.get("avatar")
    assert refused.value.cure == "install a plugin that provides avatar"


async def test_a_provider_fails_in_one_way_and_its_breaker_is_of_one_institution(hub, home, away):
    speaker = await (await opened(hub, home)).providers.get("speech")
    for text in ("crash", "rubbish"):
        with pytest.raises(PluginFailedError, match="plugin second: synthesize"):
            await speaker.synthesize(text, "v")
    for _ in range(3):
        with pytest.raises(RetriableError, match="no answer"):
            await speaker.synthesize("away", "v")
    with pytest.raises(RetriableError, match="paused after repeated failures"):
        await speaker.synthesize("hi", "v")
    elsewhere = await (await opened(hub, away)).providers.get("speech")
    assert await elsewhere.synthesize("hi", "v")


async def test_a_call_has_a_deadline_and_ends_with_who_awaits_it(hub, home, monkeypatch):
    from bloop.hub import guarded

    speaker = await (await opened(hub, home)).providers.get("speech")
    from bloop_second.voice import ENDED

    task = asyncio.create_task(speaker.synthesize("hang", "v"))
    async with asyncio.timeout(30):
        await speaker.inner.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (ENDED, hub.kernel.calls._under_way["second"]) == (["hang"], 0)
    monkeypatch.setattr(guarded, "CALL_SECONDS", 0.01)
    guarded._guard_of.cache_clear()
    speaker = await (await opened(hub, home)).providers.get("speech")
    with pytest.raises(DeadlineError, match=r"second: synthesize took longer than 0\.01 s"):
        await speaker.synthesize("hang", "v")
    guarded._guard_of.cache_clear()


async def test_a_stream_comes_part_by_part_and_its_failure_is_the_plugins(hub, home):
    model = await (await opened(hub, home)).providers.get("language")
    assert isinstance(model, LanguageProvider)
    budget = Budget(max_tokens=5, seconds=5)
    parts = model.stream([Message(role="user", text=text) for text in "ab"], budget)
    assert [part async for part in parts] == ["a", "b"]
    failing = model.stream([Message(role="user", text=text) for text in ("a", "crash")], budget)
    assert await anext(failing) == "a"
    with pytest.raises(PluginFailedError, match="plugin writer: stream"):
        await anext(failing)
    with pytest.raises(PluginFailedError, match="which is no Generation"):
        await model.generate([], None, budget)


async def test_every_capability_can_be_guarded():
    from bloop.hub.guarded import _guard_of
    from bloop_sdk._protocols import protocol_faults
    from bloop_sdk.providers import CAPABILITIES

    calls = Calls(Breakers())
    calls.admit("x", "x")
    for name, capability in CAPABILITIES.items():
        named = {one for base in capability.protocol.__mro__ for one in get_annotations(base)}
        inner, handle = SimpleNamespace(**dict.fromkeys(named)), SimpleNamespace(plugin_id="x")
        bare = _guard_of(name, ())(inner, handle, calls, "")
        assert not list(protocol_faults(capability.protocol, bare))
