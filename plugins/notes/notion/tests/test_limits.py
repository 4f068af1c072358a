"""What Notion takes, and what goes with what is removed: nothing of it costs a page or a file."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bloop_notion.inlines import Target, units
from bloop_notion.notes import titled
from bloop_notion.parsing import parse
from bloop_sdk import Kind, Precondition, Ref, UnsupportedError, WriteOp
from bloop_sdk.testing import reply
from plugins.notes.notion.tests.fake_notion import BYTES, FakeNotion
from plugins.notes.notion.tests.fake_workspace import ADA, block, ident, mention, upload, words
from plugins.notes.notion.tests.test_writing import (
    PAGE,
    attaching,
    create,
    edit,
    made,
    note_of,
    notebook,
    noted,
)

# -- what stands in a block that is removed


@pytest.mark.parametrize("kind", ["toggle", "bulleted_list_item", "heading_2"])
@pytest.mark.parametrize("wanted", ["a", "a\n\n> quoted"])
async def test_a_page_in_a_block_that_is_removed_is_not_thrown_away(rig, kind, wanted):
    notion = notebook(block("paragraph", "a"), block(kind, "T", children=[block("paragraph", "i")]))
    child = notion.page("Child", parent=notion.blocks[PAGE]["children"][1])
    answer, _ = await edit(rig(notion), wanted)
    assert not notion.pages[child]["in_trash"]
    left = note_of(answer).markdown
    assert f"[Child](bloop:note:{child})" in left and "T" not in left and "i\n" not in left
    assert any("a page or a database stands in it" in lost for lost in answer.lost)


async def test_a_note_with_pages_below_it_does_not_take_them_into_the_trash(rig):
    notion = notebook(block("toggle", "T"))
    child = notion.page("Child", parent=notion.blocks[PAGE]["children"][0])
    mine = rig(notion)
    note = await noted(mine)
    op = WriteOp(kind="note.delete", ref=note.ref, values={}, idempotency_key="k")
    with pytest.raises(UnsupportedError, match="would throw away with it"):
        await mine.again().write(op, Precondition(remote_version=note.remote_version))
    assert not notion.pages[PAGE]["in_trash"] and not notion.pages[child]["in_trash"]


async def test_what_goes_with_a_block_is_not_removed_again(rig):
    """Of a block in the trash, or within one, Notion says 400 and not 404."""
    inner = [block("paragraph", "i"), block("paragraph", "j")]
    notion = notebook(block("paragraph", "a"), block("heading_2", "H", children=inner))
    answer, sent = await edit(rig(notion), "a")
    assert (note_of(answer).markdown, len(sent)) == ("a", 1)


async def test_a_removal_whose_answer_was_lost_is_none_that_fails(rig):
    notion = notebook(block("paragraph", "a"), block("paragraph", "b"))
    mine = rig(notion)

    def lost(request):
        if request.method != "DELETE":
            return None
        notion.before = lambda _request: None
        notion.respond(request)
        return reply(b"", status=502)

    notion.before = lost
    answer, sent = await edit(mine, "a")
    assert (note_of(answer).markdown, len(sent)) == ("a", 2)


async def test_a_file_that_the_api_takes_no_copy_of_stays_where_it_stands(rig):
    texts = [block("paragraph", one) for one in "pq"]
    mine = rig(notebook(block("file", **upload("a.zip"), caption=[]), *texts))
    note = await noted(mine)
    file = note.markdown.partition("\n\n")[0]
    answer, _ = await edit(mine, f"p\n\nq\n\n{file}")
    assert note_of(answer).markdown == note.markdown
    assert "that a file stands elsewhere: Notion's API takes no copy of it" in answer.lost


# -- sizes


async def test_long_tables_and_many_blocks_within_others_go_in_portions(rig):
    rows = "\n".join(f"| {number} |" for number in range(150))
    items = "\n".join(
        f"- {outer}\n" + "\n".join(f"  - {inner}" for inner in range(99)) for outer in range(11)
    )
    markdown = f"| a |\n| --- |\n{rows}\n\n{items}"
    answer = await create(rig(notebook()), made(markdown))
    assert note_of(answer, answer.ref.remote_id).markdown == markdown


def json_of(request):
    return json.loads(request.body) if request.body else request.json_body


def rich_of(markdown, target):
    (one,) = parse(markdown, target)
    return one.body["rich_text"]


def said(rich):
    return "".join(one["text"]["content"] for one in rich)


def test_a_text_is_cut_as_notion_counts_its_characters():
    target = Target()
    emoji = "x" + "\N{GRINNING FACE}" * 2500
    rich = rich_of(emoji, target)
    assert said(rich) == emoji
    assert [units(one["text"]["content"]) for one in rich] == [1999, 2000, 1002]
    many = " ".join(f"**b{number}** n" for number in range(80))
    rich = rich_of(many, target)
    assert said(rich) == many.replace("**", "") and len(rich) == 100
    assert rich[0]["annotations"] == {"bold": True}
    assert [*target.losses] == ["the marks and links at the end of a text of more than 100 parts"]


def test_formulas_and_addresses_that_notion_refuses_are_kept_as_text():
    target = Target()
    tex = "x" * 1001
    assert said(rich_of(f"so ${tex}$", target)) == f"so ${tex}$"
    (code,) = parse(f"$$\n{tex}\n$$", target)
    assert (code.type, code.body["language"]) == ("code", "latex")
    for url in ("http://", "https:///x", "https://e.org/" + "y" * 2000):
        (part,) = rich_of(f"[z]({url})", target)
        assert part["text"] == {"content": "z"}
    (image,) = parse("![alt](https://e.org/" + "y" * 2000 + ")", target)
    assert image.type == "paragraph"


# -- types of files


@pytest.mark.parametrize(
    ("name", "told", "sent"),
    [("a.wav", "audio/x-wav", "audio/wav"), ("b.png", "application/octet-stream", "image/png")],
)
async def test_a_file_has_the_type_that_notion_knows_it_by(rig, name, told, sent):
    notion = notebook(block("paragraph", "a"))
    op = attaching(BYTES, name)
    await create(rig(notion), replace(op, file=replace(op.file, media_type=told)))
    assert [one["content_type"] for one in notion.uploads.values()] == [sent]


# -- whose a page, a tag, a callout is


async def test_a_note_that_is_sent_again_never_takes_the_page_of_another_one(rig):
    mine = rig(notebook())
    first = await create(mine, made("first"))
    other = replace(made("second", again=True), idempotency_key="other")
    second = await create(mine, other)
    assert second.ref != first.ref
    assert (await noted(mine, first.ref.remote_id)).markdown == "first"
    assert (await create(mine, other)).ref == second.ref


async def test_tags_are_written_to_what_they_are_read_from_and_to_nothing_else(rig):
    notion = FakeNotion()
    chosen = {"id": "lbl", "type": "select", "select": {"name": "x"}}
    many = {"id": "tags", "type": "multi_select", "multi_select": [{"name": "theirs"}]}
    row = notion.page("Row", block("paragraph", "p"), Label=chosen, Tags=many)
    answer, sent = await edit(rig(notion), "p", page=row, tags=("x", "y"))
    assert notion.pages[row]["properties"]["Tags"]["multi_select"] == [{"name": "theirs"}]
    assert (sent, answer.lost) == ([], ("tags: their property takes one alone",))


async def test_another_kind_of_callout_is_another_icon(rig):
    notion = notebook(block("callout", "c", icon={"type": "emoji", "emoji": "💡"}))
    answer, sent = await edit(rig(notion), "> [!warning]\n> c")
    assert (note_of(answer).markdown, len(sent)) == ("> [!warning]\n> c", 1)


MENTIONS = [
    mention("user", {"object": "user", "id": ADA}, "@Ada"),
    words(" on "),
    mention("date", {"start": "2026-05-04", "end": None, "time_zone": None}, "May 4, 2026"),
]


async def test_a_mention_in_a_text_that_is_changed_is_named(rig):
    mine = rig(notebook(block("paragraph", *MENTIONS)))
    answer, _ = await edit(mine, "@Ada knows on 2026-05-04")
    assert answer.lost == ("mentions of people and dates in a changed text, kept as words",)


async def test_a_box_that_is_ticked_keeps_the_mentions_behind_it(rig):
    notion = notebook(block("to_do", *MENTIONS, checked=False))
    mine = rig(notion)
    answer, _ = await edit(mine, "- [x] @Ada on 2026-05-04")
    sent = [one for one in mine.faults.requests if one.method == "PATCH"]
    assert [json_of(one) for one in sent] == [{"to_do": {"checked": True}}]
    assert (note_of(answer).markdown, answer.lost) == ("- [x] @Ada on 2026-05-04", ())


async def test_an_id_of_another_object_than_a_page_is_looked_for_as_that(rig):
    """Notion says 400 of some: "is a database, not a page"."""
    notion = notebook()
    source = notion.source("Tasks", parent=ident("page Top"))

    def before(request):
        if request.url.endswith(f"/pages/{source}"):
            said = f"Provided ID {source} is a database, not a page."
            return notion.refused(400, "validation_error", said).answer
        return None

    notion.before = before
    batch = await rig(notion).provider.fetch([Ref(Kind.MODULE, source)])
    assert [one.title for one in batch.records] == ["Tasks"]


def test_a_title_keeps_the_joiners_of_its_letters():
    assert titled("👩\u200d🏫  می\u200cروم\n\x07") == ("👩\u200d🏫 می\u200cروم", [])
