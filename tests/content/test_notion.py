"""A workspace of Notion through the real engine: what a later sync asks for, and what it keeps."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.content.engine import run_read
from bloop.content.models import Item, Node
from plugins.notes.notion.tests.conftest import Rig
from plugins.notes.notion.tests.fake_notion import BYTES, FakeNotion
from plugins.notes.notion.tests.fake_workspace import block, ident, upload
from tests.content.course import connect

PAGES = 150


@pytest.fixture
def read(database, blobs, call):
    """Syncs a workspace; the report, and the requests that it took."""
    connection = connect(database, call)

    async def run(mine: Rig):
        before = len(mine.faults.requests)
        report = await run_read(database, blobs, mine.again(), call, connection=connection)
        sent = [one.url.partition("/v1/")[2] for one in mine.faults.requests[before:]]
        return report, sent

    return run


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_an_unchanged_workspace_takes_one_request_beyond_its_list(
    read, database, blobs, call
):
    notion = FakeNotion()
    notion.seconds = -86400
    top = notion.page("Top", block("image", **upload("picture.png"), caption=[]))
    source = notion.source("Tasks", parent=top)
    for number in range(PAGES - 1):
        notion.page(f"Page {number}", block("paragraph", "Words."), parent=source)
    notion.seconds = 0
    mine = Rig(notion)
    first, _ = await read(mine)
    assert (first.state, first.by_kind["note"], first.by_kind["file"]) == ("succeeded", PAGES, 1)
    again, sent = await read(mine)
    assert (again.written, again.deleted, again.seen) == (0, 0, first.seen)
    # Pages and data sources are listed, 100 at a time; beyond that the hub asks whose token it is.
    assert sent == ["users/me", *["search"] * 2]

    notion.rewrite(ident("page Page 7"), block("paragraph", "Changed."))
    notion.seconds += 600
    changed, sent = await read(mine)
    assert changed.written == 1
    assert sent[-2:] == [f"pages/{ident('page Page 7')}/markdown", "users?page_size=100"]
    with database.unit(call) as unit:
        (file,) = unit.session.scalars(select(Item).where(Item.kind == "file")).all()
        assert blobs.path(file.blob).read_bytes() == BYTES


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_page_that_is_unshared_is_kept_and_shown_to_nobody(read, database, call):
    notion = FakeNotion()
    notion.seconds = -3600
    top = notion.page("Top")
    own = notion.page("Shared", parent=top)
    notion.seconds = 0
    mine = Rig(notion)
    await read(mine)
    notion.unshared.add(own)
    report, _ = await read(mine)
    assert [one.code for one in report.problems] == ["record_unshared"] * 2
    assert states(database, call, own) == {"unshared"}
    _, sent = await read(mine)
    assert f"pages/{own}" not in sent
    notion.unshared.clear()
    await read(mine)
    assert states(database, call, own) == {"active"}


def states(database, call, own):
    with database.unit(call) as unit:
        rows = [
            one
            for model in (Item, Node)
            for one in unit.session.scalars(select(model).where(model.remote_id == own))
        ]
        assert len(rows) == 2
        return {one.state for one in rows}
