"""What is removed each night, and what stays."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from bloop.content import service
from bloop.content.models import Item
from bloop.store.database import in_unit
from bloop.store.models import OutboxEvent
from bloop_sdk.storyboard import Storyboard
from tests.support.database import make_call


def board(text):
    line = [{"id": "line", "text": text}]
    visual = {"kind": "bullets", "items": ["one"]}
    scene = {"id": "one", "title": "One", "narration": line, "visual": visual}
    return Storyboard.model_validate({"title": "Waves", "scenes": [scene]})


@pytest.fixture
async def make(ctx, hub, write_lesson, made):
    from bloop_studio import asking
    from bloop_studio.options import Options

    item = await ctx.content.item(await hub.database.run(write_lesson))

    async def run(text, **options):
        number = (await asking.write(ctx, item, board(text), None)).number
        options = Options(quality="480p", **options)
        return await made(await asking.ask(ctx, item, options, number=number))

    return run


async def age(ctx, days):
    """So many days go by."""
    from bloop_studio.tables import Piece, Video

    def work(unit):
        rows = [(row, "used_at") for row in unit.session.scalars(select(Piece))]
        rows += [(row, "finished_at") for row in unit.session.scalars(select(Video))]
        assert rows
        for row, name in rows:
            setattr(row, name, getattr(row, name) - timedelta(days=days))

    await ctx.transaction(work)


async def test_what_was_made_of_a_lesson_waits_for_it_in_the_trash(ctx, hub, write_lesson):
    from bloop_studio import asking, listening, storyboards

    call, topic = make_call(hub.institution), "content.item.deleted"
    id_ = await hub.database.run(write_lesson)
    kept = await asking.write(ctx, await ctx.content.item(id_), board("By hand"), None)
    await hub.database.run(in_unit, hub.database, call, service.trash, Item, id_, None)

    def told():
        with hub.database.reading(call) as unit:
            found = select(OutboxEvent).where(OutboxEvent.topic == topic)
            return unit.session.scalars(found).one().payload

    said = await hub.database.run(told)
    await ctx.transaction(listening.forget_lesson, SimpleNamespace(payload=said))
    await hub.database.run(in_unit, hub.database, call, service.restore, Item, id_, None)
    assert (await ctx.read(storyboards.newest, id_)).id == kept.id
    gone = {name: value for name, value in said.items() if name != "restorable"}
    await ctx.transaction(listening.forget_lesson, SimpleNamespace(payload=gone))
    assert await ctx.read(storyboards.newest, id_) is None


async def test_a_video_goes_when_another_one_has_taken_its_place_for_long(ctx, make, toys):
    from bloop_studio import tidying, videos

    first, other = await make("First words"), await make("First words", theme="dark")
    await age(ctx, 100)
    second = await make("Second words")
    assert (await tidying.tidy(ctx, {}))["videos"] == 0, "it was replaced a moment ago"
    await age(ctx, 100)
    kept = set(await ctx.files.names())
    done = await tidying.tidy(ctx, {})
    assert (done["videos"], await ctx.read(videos.one, first.id)) == (1, None)
    stay = {name for row in (second, other) for name in row.files.values()}
    assert set(await ctx.files.names()) == stay, "files of videos stay, other pieces are old"
    assert done["removed"] == len(kept - stay)
    assert (await tidying.tidy(ctx, {}))["removed"] == 0


async def test_pieces_of_a_removed_video_go_when_nothing_used_them_for_long(ctx, make, toys):
    from bloop_studio import tidying, videos

    row = await make("First words")
    await ctx.transaction(videos.remove, row.id)
    kept = await ctx.files.names()
    assert (await tidying.tidy(ctx, {}))["removed"] == 0
    again = await make("First words")
    assert (again.report["reused"], again.files) == (1, row.files), "so that it is there at once"
    await ctx.transaction(videos.remove, again.id)
    await ctx.transaction(lambda unit: unit.session.execute(update(pieces()).values(used_at=old())))
    assert (await tidying.tidy(ctx, {}))["removed"] == len(kept)
    assert await ctx.files.names() == []


def pieces():
    from bloop_studio.tables import Piece

    return Piece


def old():
    from bloop_studio.tables import now

    return now() - timedelta(days=31)


async def test_what_a_dead_job_left_goes_too(ctx, make, toys, tmp_path):
    from bloop_studio import tidying

    await make("First words")
    (tmp_path / "clip").write_bytes(b"kept, and then its process was killed")
    await ctx.files.put("clip/orphan", tmp_path / "clip", "video/mp4")
    await ctx.files.put("logo", tmp_path / "clip", "image/png")
    dead, alive = ctx.data_dir / "work-dead", ctx.data_dir / "work-alive"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "scene.mp4").write_bytes(b"half")
    os.utime(dead, (1, 1))
    done = await tidying.tidy(ctx, {})
    assert (done["removed"], done["folders"]) == (0, 1), "a file is adopted before it is old"
    assert (dead.exists(), alive.exists()) == (False, True)
    await age(ctx, 31)
    await tidying.tidy(ctx, {})
    assert await ctx.files.get("clip/orphan") is None
    assert await ctx.files.get("logo"), "it is no piece of a video"


async def test_previews_are_made_once_and_go_the_next_day_and_what_videos_are_made_of_stays(
    ctx, make, toys, monkeypatch
):
    from bloop_crayon.plugin import Crayon

    from bloop_studio import previews, tidying
    from bloop_studio.config import config_of, defaults

    row = await make("First words")
    item = await ctx.content.item(row.item_id)
    board = Storyboard.model_validate(row.storyboard)
    made, still = [], Crayon.still

    async def counted(self, *given):
        made.append(given)
        return await still(self, *given)

    monkeypatch.setattr(Crayon, "still", counted)
    asked = (ctx, item, board, board.scenes[0], defaults(config_of(ctx)))
    # Somebody presses the button again and again.
    drawn = (await asyncio.gather(*(previews.draw(*asked, judged=True) for _ in range(4))))[0]
    assert len(made) == 1
    await age(ctx, 2)
    assert (await tidying.tidy(ctx, {}))["removed"] == 1
    assert await ctx.files.get(drawn.name) is None
