"""Bytes of files whose addresses expire."""

from __future__ import annotations

import pytest

from bloop_sdk import ForbiddenRecordError, Kind, MissingRecordError
from bloop_sdk.testing import Cut, Status
from plugins.notes.notion.tests.fake_notion import BYTES, FakeNotion
from plugins.notes.notion.tests.fake_workspace import SPACE, block, ident, upload

BIG = bytes(range(256)) * 40


def notebook(whole: bool = True) -> FakeNotion:
    notion = FakeNotion()
    notion.markdown = whole
    notion.page("All", block("file", **upload("big.bin"), caption=[]))
    notion.bytes[f"{SPACE}/{ident('big.bin')}/big.bin"] = BIG
    return notion


async def only_file(mine):
    read = await mine.read()
    (found,) = [one for ref, one in read.records.items() if ref.kind is Kind.FILE]
    return found


async def content(file):
    return b"".join([chunk async for chunk in file.chunks()])


async def test_a_file_is_read_from_its_beginning_each_time(rig):
    mine = rig(notebook())
    file = await only_file(mine)
    assert (file.name, await content(file), await content(file)) == ("big.bin", BIG, BIG)
    assert all(
        "authorization" not in one.headers for one in mine.faults.requests if "amazonaws" in one.url
    )


@pytest.mark.parametrize("whole", [True, False], ids=["markdown", "blocks"])
async def test_an_address_that_has_expired_is_asked_for_again(rig, whole):
    mine = rig(notebook(whole))
    file = await only_file(mine)
    mine.notion.seconds += 4000
    assert await content(file) == BIG
    assert len(mine.sent("amazonaws")) == 2


async def test_a_download_that_breaks_off_goes_on_with_a_fresh_address_where_it_expired(rig):
    mine = rig(notebook())
    file = await only_file(mine)
    mine.faults.add(Cut(3000), path="/big.bin")
    mine.faults.add(Status(403), path="/big.bin", request=2)
    assert await content(file) == BIG
    ranges = [one.headers.get("Range") for one in mine.faults.requests if "big.bin" in one.url]
    assert ranges[0] is None
    assert all(one and not one.startswith("bytes=0-") for one in ranges[1:])


async def test_a_file_that_stays_refused_costs_itself_alone(rig):
    mine = rig(notebook())
    file = await only_file(mine)
    mine.faults.add(Status(403), path="/big.bin", times=None)
    with pytest.raises(ForbiddenRecordError):
        await content(file)


async def test_a_file_that_was_taken_out_of_its_page_is_missing(rig):
    mine = rig(notebook())
    file = await only_file(mine)
    mine.notion.rewrite(ident("page All"), block("paragraph", "No file."))
    mine.notion.seconds += 4000
    with pytest.raises(MissingRecordError, match=r"big\.bin"):
        await content(file)


async def test_files_in_properties_are_found_again_too(rig):
    notion = FakeNotion()
    top = notion.page("Top")
    source = notion.source("Tasks", parent=top)
    paper = {"name": "paper.pdf", **upload("paper.pdf")}
    notion.page("Row", parent=source, Papers={"id": "f", "type": "files", "files": [paper]})
    mine = rig(notion)
    file = await only_file(mine)
    notion.seconds += 4000
    assert await content(file) == BYTES
