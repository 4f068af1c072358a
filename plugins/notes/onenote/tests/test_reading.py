"""Reading notebooks: few requests, none twice, taken up again, and nothing taken for gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bloop_sdk import (
    Batch,
    FatalError,
    Kind,
    Part,
    Partition,
    PermissionMissingError,
    RateLimitedError,
    Ref,
    SkippableError,
    UnavailableError,
    load_manifest,
)
from bloop_sdk.testing import read_all
from plugins.notes.onenote.tests.fake_graph import FakeGraph, Group, Section, Throttle, links
from plugins.notes.onenote.tests.fake_pages import FakePage
from plugins.notes.onenote.tests.test_pages import INKML, STROKES

OF_SCHOOL = Partition("pages", "0-aa!n1")


async def batches(provider, partition=OF_SCHOOL, state=None):
    return [batch async for batch in provider.read(partition, state)]


def parts(found):
    """What the hub would know of it."""
    return {batch.part.key: batch.part.digest for batch in found if batch.part}


async def test_a_notebook_is_read_whole(rig):
    one = rig()
    replica = await read_all(one.provider)
    titles = {ref.remote_id: record.title for ref, record in replica.records.items()}
    assert replica.counts() == {"notebook": 1, "module": 6, "note": 3, "file": 2}
    nodes = {node.remote_id: node for node in replica.of(Kind.MODULE)}
    assert nodes["0-aa!s2"].parent == "0-aa!g1" and nodes["0-aa!g1"].parent is None
    assert nodes["0-p2!1-s1"].parent == "0-p1!1-s1", (
        "a page that is indented is below the one above"
    )
    assert nodes["0-p1!1-s1"].content == Ref(Kind.NOTE, "0-p1!1-s1")
    note = replica.records[Ref(Kind.NOTE, "0-p1!1-s1")]
    assert (note.title, titles["0-aa!n1"]) == ("Waves", "School")
    assert "- [x] Buy a rope" in note.markdown and note.tags == ("important",)
    assert note.url == "https://onenote.example/0-p1!1-s1"
    assert (note.created_at.year, note.updated_at.tzinfo is not None) == (2026, True)
    assert {ref.remote_id for ref in replica.files} == {
        "0-p1!1-s1/1-image!1-a",
        "0-p1!1-s1/1-sheet!1-a",
    }


async def test_the_tree_of_all_notebooks_is_one_request(rig):
    one = rig()
    await read_all(one.provider)
    asked = [url.split("/onenote/")[1].split("?")[0] for url in one.sent("/onenote/")]
    assert asked.count("notebooks") == 1
    assert sum(1 for path in asked if path.endswith("/pages")) == 2
    assert sum(1 for path in asked if path.endswith("/content")) == 3
    assert len(asked) == 1 + 2 + 3 + 2


async def test_groups_within_groups_are_followed_to_any_depth(rig):
    deep = Group("g6", "6", [Section("s6", "Deep", [FakePage("pd", "Deepest", "<p>x</p>")])])
    for number in range(5, 0, -1):
        deep = Group(f"g{number}", str(number), [Section(f"s{number}", "S")], [deep])
    replica = await read_all(rig(FakeGraph([Group("n", "N", [], [deep])])).provider)
    nodes = {node.remote_id: node.parent for node in replica.of(Kind.MODULE)}
    assert (nodes["pd"], nodes["s6"], nodes["g6"], nodes["g1"]) == ("s6", "g6", "g5", None)


async def test_a_page_that_is_as_it_was_is_not_asked_for(rig):
    one = rig()
    known = parts(await batches(one.provider))
    assert len(known) == 3
    before = len(one.sent())
    again = await batches(one.again(), Partition("pages", "0-aa!n1", known))
    assert sum(1 for batch in again if batch.same) == 3
    assert len(one.sent()) - before == 1 + 2, "the tree, and a list for each section"

    one.graph.page("0-p3!1-s2").title = "Acids and bases"  # A new title leaves the time as it was.
    again = await batches(one.again(), Partition("pages", "0-aa!n1", known))
    (note,) = [one for batch in again for one in batch.records if hasattr(one, "markdown")]
    assert note.title == "Acids and bases"


async def test_what_changed_just_now_is_asked_for_once_more(rig):
    one = rig()
    page = one.graph.page("0-p3!1-s2")
    page.changed = one.graph.now - timedelta(seconds=20)
    known = parts(await batches(one.provider))
    assert page.id not in known and len(known) == 2
    one.graph.ticks += 600
    assert page.id in parts(await batches(one.again()))


async def test_it_is_taken_up_behind_the_last_page_that_was_read(rig):
    one = rig()
    whole = await batches(one.provider)
    cursors = [batch.cursor for batch in whole if batch.cursor]
    assert [(cursor.value["done"], cursor.value["total"]) for cursor in cursors] == [
        (0, 3), (1, 3), (2, 3), (3, 3),
    ]  # fmt: skip
    assert [(batch.done, batch.total) for batch in whole if batch.done] == [(1, 3), (2, 3), (3, 3)]
    before = len(one.sent("/content"))
    rest = await batches(one.again(), state=cursors[2])
    assert len(one.sent("/content")) - before == 1
    assert [batch.done for batch in rest] == [3]


async def test_a_long_list_is_read_by_skip_and_again_where_it_moved(rig):
    pages = [FakePage(f"p{n:03d}", f"Page {n}", "<p>x</p>") for n in range(230)]
    one = rig(FakeGraph([Group("n", "N", [Section("s", "S", pages)])]))
    found = await one.provider._reading.pages("s")
    assert len(found) == 230
    skips = [request.params["$skip"] for request in one.faults.requests]
    assert skips == [0, 100, 200]

    respond = one.graph.respond

    def shrinking(request):
        answer = respond(request)
        if "/pages" in request.url and "skip=0" in request.url and len(pages) == 230:
            del pages[5]  # Now page 100 is the hundredth: who skips a hundred misses it.
        return answer

    one.graph.respond = shrinking
    found = await one.again()._reading.pages("s")
    assert {page.id for page in found} == {page.id for page in pages}


async def test_a_list_that_never_stands_still_is_tried_again_later(rig):
    one = rig()
    respond = one.graph.respond

    def lying(request):
        answer = respond(request)
        if "/pages?" in request.url:
            body = answer.body.replace(b'"@odata.count": ', b'"@odata.count": 9')
            return type(answer)(status=200, headers=answer.headers, body=body, url="")
        return answer

    one.graph.respond = lying
    with pytest.raises(UnavailableError, match="changes all the time"):
        await batches(one.provider)


async def test_what_takes_hours_is_handed_back_and_goes_on_behind_the_last_page(rig):
    """The service refuses what is too much, without a word of how long."""
    pages = [FakePage(f"p{n:04d}", f"Page {n}", "<p>x</p>") for n in range(100)]
    graph = FakeGraph([Group("n", "N", [Section("s", "S", pages)])])
    one = rig(graph)
    clock = {"now": 0.0}
    graph.throttle = Throttle(lambda: clock["now"], hour=60)
    first: list[Batch] = []

    async def read() -> None:
        async for batch in one.provider.read(Partition("pages", "n"), None):
            first.append(batch)  # noqa: PERF401 - what came before the refusal counts

    with pytest.raises(RateLimitedError) as refused:
        await read()
    assert refused.value.retry_after == 60.0
    clock["now"] += 3600.0
    rest = await batches(one.again(), Partition("pages", "n"), first[-1].cursor)
    assert (rest[-1].done, rest[-1].total) == (100, 100)
    assert len(one.sent("/content")) - graph.throttle.refused == 100, "no page twice"


async def test_the_pace_is_the_one_that_microsoft_names():
    network = load_manifest(Path(__file__).parents[1] / "bloop-plugin.toml").network
    assert network.windows == ((120, 60.0), (400, 3600.0))
    assert network.at_once == 5


async def test_a_closed_section_is_told_and_nothing_in_it_is_gone(rig):
    one = rig()
    replica = await read_all(one.provider)
    one.graph.sections()[1].locked = True
    one.graph.sections()[0].pages.pop()
    await replica.run(one.again())
    assert replica.skipped["module:0-aa!s2"].startswith("it is protected by a password")
    assert Ref(Kind.NOTE, "0-p3!1-s2") in replica.records
    one.graph.sections()[1].locked = False
    await replica.run(one.again())
    assert Ref(Kind.NOTE, "0-p2!1-s1") not in replica.records
    assert Ref(Kind.NOTE, "0-p3!1-s2") in replica.records


async def test_ink_is_kept_as_an_image_or_named(rig):
    one = rig()
    page = one.graph.page("0-p3!1-s2")
    page.inkml = INKML % (STROKES % 1)
    one.graph.page("0-p2!1-s1").add("<p>drawn:<!-- InkNode is not supported --></p>")
    replica = await read_all(one.provider)
    note = replica.records[Ref(Kind.NOTE, page.id)]
    assert note.markdown.endswith("![ink](bloop:file:0-p3!1-s2/ink)")
    assert Ref(Kind.FILE, "0-p3!1-s2/ink") in replica.files
    assert note.lost == ("ink: the pressure of the pen",)
    other = replica.records[Ref(Kind.NOTE, "0-p2!1-s1")]
    assert other.lost == ("ink at 1 places, which Microsoft Graph does not give",)


async def test_links_lead_to_pages_also_of_other_notebooks(rig):
    one = rig()
    target = FakePage("0-far!1-s9", "Far", "<p>away</p>")
    one.graph.notebooks.append(Group("0-aa!n2", "Later", [Section("0-aa!s9", "S", [target])]))
    href = links(target.id)["links"]["oneNoteClientUrl"]["href"]
    near = links("0-p3!1-s2")["links"]["oneNoteClientUrl"]["href"]
    one.graph.page("0-p2!1-s1").add(f'<p><a href="{href}">far</a> <a href="{near}">near</a></p>')
    gone = near.replace("page-id={", "page-id={0")[:-8] + "}&end"
    one.graph.page("0-p2!1-s1").add(f'<p><a href="{gone}">gone</a></p>')
    found = await batches(one.provider)
    (note,) = [r for b in found for r in b.records if r.remote_id == "0-p2!1-s1" and r.raw]
    assert "[far](bloop:note:0-far!1-s9) [near](bloop:note:0-p3!1-s2)" in note.markdown
    assert "[gone](onenote:" in note.markdown
    lists = len(one.sent("/sections/"))
    again = await batches(one.again())
    assert len(one.sent("/sections/")) - lists == 2, "the other notebook's list is known"
    assert "bloop:note:0-far" in repr(
        [r.markdown for b in again for r in b.records if r.raw and hasattr(r, "markdown")]
    )


@pytest.mark.parametrize(
    ("status", "code", "error", "words"),
    [
        (403, "10008", FatalError, "more than 5,000 notebooks"),
        (403, "accessDenied", PermissionMissingError, "accessDenied"),
        (403, "40004", PermissionMissingError, "40004"),
        (500, "19999", UnavailableError, "19999"),
        (504, "10002", UnavailableError, "10002"),
        (507, "30101", FatalError, "30101"),
        (400, "20108", FatalError, "20108"),
    ],
)
async def test_what_the_service_refuses_is_told_in_its_words(rig, status, code, error, words):
    one = rig()
    one.graph.fails["me/onenote/notebooks"] = (status, code)
    with pytest.raises(error) as refused:
        await one.provider.check()
    assert words in str(refused.value)


async def test_a_file_that_cannot_be_had_costs_itself_alone(rig):
    one = rig()
    del one.graph.resources["1-sheet!1-a"]
    one.graph.fails["me/onenote/resources/1-image!1-a/$value"] = (403, "accessDenied")
    replica = await read_all(one.provider)
    assert set(replica.skipped) == {
        "file:0-p1!1-s1/1-sheet!1-a",
        "file:0-p1!1-s1/1-image!1-a",
    }
    assert Ref(Kind.NOTE, "0-p1!1-s1") in replica.records


async def test_a_page_of_many_files_is_committed_in_pieces(rig):
    one = rig()
    page = one.graph.page("0-p3!1-s2")
    for number in range(50):
        one.graph.resources[f"r{number}"] = b"x"
        page.add(
            f'<object data="resource:r{number}" data-attachment="{number}.txt" type="text/plain" />'
        )
    found = [
        b
        for b in await batches(one.provider)
        if any(r.remote_id.startswith(page.id) and r.raw for r in b.records)
    ]
    assert [len(batch.records) for batch in found] == [20, 20, 11]
    assert [batch.cursor is not None for batch in found] == [False, False, True]
    assert isinstance(found[-1].part, Part)


async def test_what_is_gone_is_fetched_as_gone(rig):
    one = rig()
    gone, here = Ref(Kind.NOTE, "0-no!1-s1"), Ref(Kind.FILE, "0-p1!1-s1/1-image!1-a")
    lost = Ref(Kind.FILE, "0-p1!1-s1/1-other!1-a")
    batch = await one.provider.fetch([gone, here, lost])
    assert set(batch.deleted) == {gone, lost} and [r.ref for r in batch.records] == [here]


async def test_a_notebook_that_is_gone_is_skipped(rig):
    with pytest.raises(SkippableError):
        await batches(rig().provider, Partition("pages", "0-aa!gone"))


async def test_a_page_that_is_there_without_its_content_is_not_taken_for_gone(rig):
    """A new page, or one that has just been changed, is answered so for a while (20102)."""
    one = rig()
    ref = Ref(Kind.NOTE, "0-p2!1-s1")
    one.graph.fails["me/onenote/pages/0-p2!1-s1/content"] = (404, "20102")
    replica = await read_all(rig().provider)
    one.graph.page("0-p2!1-s1").changed = one.graph.now
    await replica.run(one.provider)
    assert ref in replica.records and "no content of it yet" in replica.skipped[str(ref)]
    batch = await one.again().fetch([ref])
    assert batch.deleted == () and [one.code for one in batch.skipped] == ["record_unavailable"]
