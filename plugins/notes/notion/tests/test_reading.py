"""How a workspace is listed, what is asked for again, and what becomes of what went."""

from __future__ import annotations

import pytest

from bloop_notion.api import Api
from bloop_notion.listing import everything
from bloop_notion.tree import Tree
from bloop_sdk import Kind, MalformedRecordError, RateLimitedError, Ref, UnavailableError
from bloop_sdk.testing import Garbled, Status, read_all, reply
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import SPACE, block, ident, rich, upload

HOUR = 3600
DAY = 24 * HOUR


def nested(count: int = 3) -> FakeNotion:
    """Pages within pages, and a database with rows that have pages of their own."""
    notion = FakeNotion()
    notion.seconds = -HOUR
    above = None
    for number in range(count):
        above = notion.page(f"Level {number}", block("paragraph", "Words."), parent=above)
    source = notion.source("Tasks", parent=ident("page Level 0"))
    row = notion.page("Row", parent=source, Points={"id": "p", "type": "number", "number": 3})
    notion.page("In the row", parent=row)
    notion.seconds = 0
    return notion


def large(pages: int = 1000) -> FakeNotion:
    notion = FakeNotion()
    notion.seconds = -DAY
    for number in range(pages):
        notion.page(f"Page {number}", block("paragraph", "Words."))
    notion.seconds = 0
    return notion


async def test_pages_stand_below_pages_and_rows_below_their_data_source(rig):
    read = await rig(nested()).read()
    above = {one.title: one.parent for one in read.records.values() if hasattr(one, "position")}
    assert above == {
        "Level 0": None,
        "Level 1": ident("page Level 0"),
        "Level 2": ident("page Level 1"),
        "Tasks": ident("page Level 0"),
        "Row": ident("source Tasks"),
        "In the row": ident("page Row"),
    }
    assert read.note("Row").properties == {"Points": 3}
    assert read.node(ident("source Tasks")).content is None


async def test_a_page_within_a_toggle_stands_below_the_page_of_the_toggle(rig):
    notion = nested(1)
    (toggle,) = notion.put(ident("page Level 0"), [block("toggle", "Fold")])
    (inner,) = notion.put(toggle, [block("toggle", "Within")])
    own = notion.page("Hidden", parent=inner)
    mine = rig(notion)
    assert (await mine.read()).node(own).parent == ident("page Level 0")
    notion.seconds += HOUR
    await mine.read()
    again = await mine.read()
    assert own in again.same
    assert not [one for one in again.requests if "blocks" in one]


async def test_an_unchanged_workspace_costs_no_request_beyond_its_list(rig):
    mine = rig(large(1000))
    # What a first read leaves to be known, without reading a thousand pages.
    api = Api(mine.ctx, mine.ctx.config)
    listing = await everything(api, {})
    await Tree(api, listing).place(listing.entries.values())
    known = {own: entry.digest(listing.today) for own, entry in listing.entries.items()}
    again = await mine.read(known)
    assert (len(again.requests), set(again.requests)) == (10, {"POST search"})
    assert (len(again.same), again.records, again.skipped) == (1000, {}, {})


async def test_what_a_read_leaves_to_be_known_is_what_the_list_tells(rig):
    mine = rig(large(120))
    first = await mine.read()
    assert len(first.records) == 240
    assert len([one for one in first.requests if "markdown" in one]) == 120
    again = await mine.read()
    assert (again.requests, len(again.same)) == (["POST search"] * 2, 120)


async def test_a_changed_page_costs_one_request_and_its_children_none(rig):
    notion = large(20)
    notion.page(
        "Deep",
        *[
            block(
                "toggle",
                "Fold",
                children=[block("toggle", "Within", children=[block("paragraph", "Deeper.")])],
            )
            for _ in range(10)
        ],
    )
    notion.seconds = HOUR
    mine = rig(notion)
    await mine.read()
    notion.seconds += HOUR
    notion.touch(ident("page Deep"))
    notion.seconds += HOUR
    again = await mine.read()
    pages = [one for one in again.requests if one.startswith("GET")]
    assert pages == [f"GET pages/{ident('page Deep')}/markdown", "GET users?page_size=100"]


async def test_two_edits_within_a_minute_are_both_read(rig):
    notion = large(3)
    own = ident("page Page 1")
    mine = rig(notion)
    notion.seconds = 600
    notion.step = 0
    notion.rewrite(own, block("paragraph", "First."))
    assert (await mine.read()).note("Page 1").markdown == "First."
    notion.seconds += 30
    notion.rewrite(own, block("paragraph", "Second."))
    assert (await mine.read()).note("Page 1").markdown == "Second."
    notion.seconds += 300
    assert (await mine.read()).note("Page 1").markdown == "Second."
    assert own in (await mine.read()).same


async def test_what_is_deleted_is_not_listed_and_what_is_unshared_is_named(rig):
    notion = nested()
    mine = rig(notion)
    await mine.read()
    gone, hidden = ident("page Level 2"), ident("page In the row")
    notion.pages[gone]["in_trash"] = True
    notion.unshared.add(hidden)
    again = await mine.read()
    assert again.skipped == {
        f"note:{hidden}": "record_unshared",
        f"module:{hidden}": "record_unshared",
    }
    assert gone not in again.same
    assert gone not in {one.remote_id for one in again.records.values()}


async def test_a_data_source_that_is_unshared_is_named_once(rig):
    notion = nested()
    mine = rig(notion)
    await mine.read()
    notion.unshared |= {ident("source Tasks"), ident("page Row"), ident("page In the row")}
    again = await mine.read()
    named = [ref for ref in again.skipped if ref.endswith(ident("source Tasks"))]
    assert named == [f"module:{ident('source Tasks')}"]


async def test_a_page_that_is_moved_into_another_toggle_has_another_place(rig):
    notion = nested()
    (toggle,) = notion.put(ident("page Level 0"), [block("toggle", "Fold")])
    (other,) = notion.put(ident("page Level 1"), [block("toggle", "Fold")])
    own = notion.page("Within", parent=toggle)
    notion.seconds += HOUR
    mine = rig(notion)
    await mine.read()
    notion.pages[own]["parent"] = {"type": "block_id", "block_id": other}
    assert (await mine.read()).node(own).parent == ident("page Level 1")


async def test_a_page_that_the_search_has_not_indexed_is_not_taken_for_deleted(rig):
    notion = nested()
    mine = rig(notion)
    await mine.read()
    late = {ident("page Level 2"), ident("page Row")}
    notion.unindexed |= late
    again = await mine.read()
    assert late <= again.same
    assert again.skipped == {}


async def test_rows_that_the_search_does_not_list_are_found_by_the_query(rig):
    notion = nested()
    notion.unindexed.add(ident("page Row"))
    assert (await rig(notion).read()).note("Row").properties == {"Points": 3}


async def test_rows_are_asked_for_once_a_day_and_not_each_time(rig):
    notion = nested()
    mine = rig(notion)
    await mine.read()
    assert [one for one in (await mine.read()).requests if "query" in one] == []
    late = notion.page("Late row", parent=ident("source Tasks"))
    notion.unindexed.add(late)
    notion.seconds += DAY
    assert (await mine.read()).note("Late row")


async def test_what_is_not_shared_above_a_page_leaves_it_on_top(rig):
    notion = nested()
    notion.unshared.add(ident("page Level 0"))
    mine = rig(notion)
    assert (await mine.read()).node(ident("page Level 1")).parent is None
    notion.unshared.clear()
    again = await mine.read()
    assert again.node(ident("page Level 1")).parent == ident("page Level 0")


async def test_a_circle_of_parents_is_cut_and_named(rig):
    notion = nested()
    first, last = ident("page Level 0"), ident("page Level 2")
    notion.pages[first]["parent"] = {"type": "page_id", "page_id": last}
    notion.pages[ident("page In the row")]["parent"] = {
        "type": "page_id",
        "page_id": ident("page In the row"),
    }
    read = await read_all(rig(notion).provider)
    torn = {one.title: one.parent for one in read.of(Kind.MODULE) if one.lost}
    assert set(torn.values()) == {None}
    assert len(torn) == 2
    assert len(read.of(Kind.NOTE)) == 5


async def test_a_page_that_goes_while_it_is_read_costs_no_other(rig):
    notion = nested()
    gone = ident("page Level 1")

    def going(request):
        if request.url.endswith(f"{gone}/markdown"):
            notion.unshared.add(gone)

    notion.before = going
    read = await rig(notion).read()
    assert set(read.skipped.values()) == {"record_unshared"}
    assert len([ref for ref in read.records if ref.kind is Kind.NOTE]) == 4


async def test_one_page_that_may_not_be_read_is_named_and_read_later(rig):
    notion = nested()
    own = ident("page Level 1")
    notion.forbidden.add(own)
    mine = rig(notion)
    read = await mine.read()
    assert read.skipped == {f"note:{own}": "record_forbidden"}
    notion.forbidden.clear()
    assert (await mine.read()).note("Level 1")


async def test_a_list_whose_next_page_is_the_same_ends_the_read(rig):
    mine = rig(large(250))
    mine.notion.before = lambda request: (
        reply({"object": "list", "results": [], "has_more": True, "next_cursor": "again"})
        if request.url.endswith("/search")
        else None
    )
    with pytest.raises(UnavailableError, match="came twice"):
        await mine.read()


@pytest.mark.parametrize("status", [503, 529])
async def test_a_search_that_is_refused_for_a_moment_is_asked_again(rig, status):
    mine = rig(large(3))
    mine.faults.add(Status(status, retry_after=3.0), path="/search")
    assert len((await mine.read()).records) == 6
    assert mine.clock.waited >= 3.0


async def test_a_long_wait_is_told_to_the_hub_and_not_cut_short(rig):
    mine = rig(large(3))
    mine.faults.add(Status(429, retry_after=300.0), path="/search", times=None)
    with pytest.raises(RateLimitedError) as caught:
        await mine.read()
    assert caught.value.retry_after >= 300.0


async def test_titles_are_cut_and_cleaned_and_what_went_is_named(rig):
    notion = FakeNotion()
    notion.page("x" * 400)
    notion.page("a\u0000b\u0085c / .. \u202e\n d")
    notion.page("")
    read = await rig(notion).read()
    notes = [one for ref, one in read.records.items() if ref.kind is Kind.NOTE]
    assert sorted(one.title for one in notes) == ["Untitled", "a b c / .. d", "x" * 300]
    assert any("the end of its title" in lost for one in notes for lost in one.lost)


async def test_an_older_site_is_spoken_to_in_its_version(rig):
    notion = FakeNotion(versions=("2025-09-03",))
    notion.markdown = False
    notion.page("Old", block("paragraph", "Words."))
    trash = notion.page("Gone")
    notion.pages[trash]["in_trash"] = True
    mine = rig(notion)
    assert (await mine.provider.check()).version == "2025-09-03"
    assert (await mine.read()).note("Old").markdown == "Words."
    refused = [one for one in notion.requests if one.headers["notion-version"] == "2026-03-11"]
    assert len(refused) == 2  # Once in each process.


async def test_typed_properties_keep_their_types(rig):
    notion = FakeNotion()
    top = notion.page("Top")
    source = notion.source("Tasks", parent=top)
    other = notion.page("Other", parent=source)
    option = {"id": "o", "name": "Red", "color": "red"}
    notion.page(
        "Typed",
        parent=source,
        Text={"id": "a", "type": "rich_text", "rich_text": rich("some ", "text")},
        Number={"id": "b", "type": "number", "number": 2.5},
        Done={"id": "c", "type": "checkbox", "checkbox": True},
        Tags={"id": "d", "type": "multi_select", "multi_select": [option]},
        State={"id": "e", "type": "status", "status": {**option, "name": "Open"}},
        Day={"id": "f", "type": "date", "date": {"start": "2026-05-04", "end": None}},
        Span={"id": "g", "type": "date", "date": {"start": "2026-05-04", "end": "2026-05-06"}},
        Who={"id": "h", "type": "people", "people": [{"id": "u", "name": "Ada"}]},
        Link={"id": "i", "type": "url", "url": "https://example.org"},
        Sum={"id": "j", "type": "formula", "formula": {"type": "number", "number": 7}},
        Roll={
            "id": "k",
            "type": "rollup",
            "rollup": {
                "type": "array",
                "array": [
                    {"type": "number", "number": 1},
                    {"type": "number", "number": 2},
                ],
            },
        },
        Rel={"id": "l", "type": "relation", "relation": [{"id": other}], "has_more": False},
        Papers={"id": "m", "type": "files", "files": [{"name": "a.pdf", **upload("a.pdf")}]},
        Key={"id": "n", "type": "unique_id", "unique_id": {"prefix": "T", "number": 4}},
        Odd={"id": "o", "type": "hologram", "hologram": {}},
        Empty={"id": "p", "type": "select", "select": None},
    )
    read = await rig(notion).read()
    note = read.note("Typed")
    assert note.properties == {
        "Text": "some text",
        "Number": 2.5,
        "Done": True,
        "Tags": ["Red"],
        "State": "Open",
        "Day": "2026-05-04",
        "Span": ["2026-05-04", "2026-05-06"],
        "Who": ["Ada"],
        "Link": "https://example.org",
        "Sum": 7,
        "Roll": [1, 2],
        "Rel": [f"bloop:note:{other}"],
        "Papers": [f"bloop:file:{note.remote_id}.{ident('a.pdf')}"],
        "Key": "T-4",
    }
    assert note.tags == ("Red",)
    assert "a property of the type 'hologram'" in note.lost
    assert note.author == "Ada Lovelace"


async def test_more_than_25_relations_are_asked_for(rig):
    notion = FakeNotion(per_page=10)
    top = notion.page("Top")
    source = notion.source("Tasks", parent=top)
    every = [{"id": ident(str(number))} for number in range(31)]
    notion.page(
        "Many",
        parent=source,
        Rel={
            "id": "rel",
            "type": "relation",
            "relation": every[:25],
            "has_more": True,
            "every": every,
        },
    )
    assert len((await rig(notion).read()).note("Many").properties["Rel"]) == 31


async def test_fetching_tells_the_trash_from_what_is_not_shared(rig):
    notion = nested()
    trash, hidden = ident("page Level 2"), ident("page In the row")
    notion.pages[trash]["in_trash"] = True
    notion.unshared.add(hidden)
    refs = [
        Ref(Kind.NOTE, trash),
        Ref(Kind.NOTE, hidden),
        Ref(Kind.MODULE, ident("page Row")),
        Ref(Kind.MODULE, ident("source Tasks")),
        Ref(Kind.NOTEBOOK, SPACE),
    ]
    batch = await rig(notion).provider.fetch(refs)
    assert batch.deleted == (refs[0],)
    assert [(one.ref, one.code) for one in batch.skipped] == [(str(refs[1]), "record_unshared")]
    assert [one.remote_id for one in batch.records] == [one.remote_id for one in refs[2:]]


async def test_a_page_of_a_proxy_is_no_word_of_notion(rig):
    for fault in (Garbled(), Garbled(None), Garbled(b"[]")):
        mine = rig(nested())
        mine.faults.add(fault, path="/markdown", times=None)
        with pytest.raises(UnavailableError):
            await mine.read()


async def test_a_shape_that_nobody_foresaw_costs_its_page(rig):
    notion = nested()
    own = ident("page Row")
    notion.broken.add(own)
    read = await rig(notion).read()
    assert read.skipped == {f"note:{own}": MalformedRecordError.code}
