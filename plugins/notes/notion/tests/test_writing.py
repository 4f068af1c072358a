"""Notes written to Notion: what changes there, and what is not touched."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count, takewhile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bloop_notion.inlines import Target
from bloop_notion.parsing import language, parse
from bloop_sdk import (
    FileDraft,
    Kind,
    NoteDraft,
    Precondition,
    PreconditionFailedError,
    Ref,
    UnsupportedError,
    WriteOp,
)
from bloop_sdk.testing.reading import ref_of
from plugins.notes.notion.tests.conftest import Rig
from plugins.notes.notion.tests.fake_notion import BYTES, FakeNotion
from plugins.notes.notion.tests.fake_workspace import SPACE, block, ident, table, upload, words
from plugins.notes.notion.tests.test_markdown import CASES

PAGE = ident("page All")


def notebook(*blocks, versions=("2026-03-11", "2025-09-03")) -> FakeNotion:
    notion = FakeNotion(versions=versions)
    notion.page("Top")
    notion.page("Other")
    notion.page("All", *blocks, parent=ident("page Top"))
    return notion


async def noted(mine, page=PAGE):
    batch = await mine.again().fetch([Ref(Kind.NOTE, page)])
    return batch.records[0]


def draft_of(note, markdown, **values):
    made = NoteDraft(
        container=SPACE,
        title=note.title,
        markdown=markdown,
        html="",
        base=note.raw,
        base_markdown=note.markdown,
        tags=note.tags,
    )
    return replace(made, **values)


async def edit(mine, markdown, *, page=PAGE, note=None, again=False, **values):
    """Update a page; the answer, and the writes that it took."""
    note = note or await noted(mine, page)
    before = len(mine.faults.requests)
    op = WriteOp(
        kind="note.update",
        ref=note.ref,
        values={},
        idempotency_key="k",
        again=again,
        note=draft_of(note, markdown, **values),
    )
    answer = await mine.again().write(op, Precondition(remote_version=note.remote_version))
    sent = [one for one in mine.faults.requests[before:] if one.method != "GET"]
    return answer, [f"{one.method} {one.url.partition('/v1/')[2]}" for one in sent]


def note_of(answer, page=PAGE):
    return next(one for one in answer.batch.records if ref_of(one) == Ref(Kind.NOTE, page))


# -- only what changed


async def test_one_changed_paragraph_is_one_patch_and_nothing_else_is_touched(rig):
    every = [one for blocks, _, _ in CASES.values() for one in blocks]
    notion = notebook(block("paragraph", "first"), *every, block("paragraph", "last"))
    before = list(notion.blocks[PAGE]["children"])
    mine = rig(notion)
    note = await noted(mine)
    wanted = note.markdown.removesuffix("last") + "changed"
    answer, sent = await edit(mine, wanted)
    assert sent == [f"PATCH blocks/{before[-1]}"]
    assert notion.blocks[PAGE]["children"] == before
    assert note_of(answer).markdown == wanted
    assert (await noted(mine)).raw == note_of(answer).raw
    assert answer.lost == ()


async def test_colours_and_icons_stay_through_an_edit_of_the_block_itself(rig):
    notion = notebook(
        block("callout", "old", icon={"type": "emoji", "emoji": "🦊"}, color="red_background")
    )
    mine = rig(notion)
    await edit(mine, "> [!note]\n> new")
    (own,) = notion.blocks[PAGE]["children"]
    told = notion.blocks[own]["callout"]
    assert (told["icon"]["emoji"], told["color"]) == ("🦊", "red_background")
    assert told["rich_text"][0]["plain_text"] == "new"


@pytest.mark.parametrize("versions", [("2026-03-11",), ("2025-09-03",)])
async def test_blocks_are_added_and_removed_where_they_stand(rig, versions):
    notion = notebook(*[block("paragraph", one) for one in "abc"], versions=versions)
    ids = list(notion.blocks[PAGE]["children"])
    mine = rig(notion)
    answer, _ = await edit(mine, "a\n\nnew\n\nc\n\nend")
    assert note_of(answer).markdown == "a\n\nnew\n\nc\n\nend"
    children = notion.blocks[PAGE]["children"]
    assert (children[0], children[2]) == (ids[0], ids[2])
    answer, _ = await edit(mine, "")
    assert note_of(answer).markdown == ""


async def test_something_new_at_the_beginning(rig):
    mine = rig(notebook(block("paragraph", "a")))
    answer, sent = await edit(mine, "# New\n\na")
    assert (note_of(answer).markdown, len(sent)) == ("# New\n\na", 1)
    old = rig(notebook(block("paragraph", "a"), versions=("2025-09-03",)))
    answer, _ = await edit(old, "# New\n\na")
    assert note_of(answer).markdown == "a\n\n# New"
    assert answer.lost == ("the first place: this version of Notion's API puts it second",)


@pytest.mark.parametrize(
    ("blocks", "old", "new", "writes"),
    [
        ([block("to_do", "t", checked=False)], "[ ]", "[x]", 1),
        ([block("bulleted_list_item", "a", children=[block("bulleted_list_item", "b")])],
         "- b", "- c", 1),
        ([block("bulleted_list_item", "a", children=[block("bulleted_list_item", "b")])],
         "  - b", "  - b\n    - deep\n      - deeper", 1),
        ([block("toggle", "T", children=[block("paragraph", "in")])], "in", "out", 1),
        ([block("toggle", "T", children=[block("paragraph", "in")])], "T", "U", 1),
        ([block("quote", "said", children=[block("paragraph", "more")])], "more", "less", 1),
        ([block("code", "x = 1", language="python")], "x = 1", "y = 2", 1),
        ([block("code", "x", language="python")], "python", "rust", 1),
        ([block("equation", expression="x")], "\nx\n", "\ny\n", 1),
        ([table(["a", "b"], ["1", "2"], ["3", "4"])], "| 3 |", "| 5 |", 1),
        ([table(["a", "b"], ["1", "2"])], "| 1 | 2 |", "| 1 | 2 |\n| 3 | 4 |", 1),
        ([table(["a", "b"], ["1", "2"], ["3", "4"])], "\n| 1 | 2 |", "", 1),
        ([block("column_list", children=[
            block("column", children=[block("paragraph", "left")]),
            block("column", children=[block("paragraph", "right")])])], "right", "wrong", 1),
        ([block("column_list", children=[
            block("column", children=[block("paragraph", "left")]),
            block("column", children=[block("paragraph", "right")])])],
         "left", "left\n\nmore", 1),
        ([block("heading_2", "H", is_toggleable=True, children=[block("paragraph", "p")])],
         "## H", "## I", 1),
        ([block("paragraph", "a", children=[block("paragraph", "b")])], "a\n\n", "", 1),
    ],
)  # fmt: skip
async def test_an_edit_within_a_block_takes_few_writes(rig, blocks, old, new, writes):
    mine = rig(notebook(block("paragraph", "before"), *blocks, block("paragraph", "after")))
    note = await noted(mine)
    assert old in note.markdown
    wanted = note.markdown.replace(old, new, 1)
    answer, sent = await edit(mine, wanted)
    assert note_of(answer).markdown == wanted
    assert len(sent) == writes


async def test_a_page_below_is_never_removed_by_an_edit_of_the_text(rig):
    notion = notebook(block("paragraph", "a"))
    child = notion.page("Child", parent=PAGE)
    mine = rig(notion)
    note = await noted(mine)
    answer, _ = await edit(mine, "b", note=note)
    assert not notion.pages[child]["in_trash"]
    assert child in notion.blocks[PAGE]["children"]
    assert any("a page below" in lost for lost in answer.lost)


async def test_titles_and_tags(rig):
    notion = FakeNotion()
    top = notion.page("Top")
    told = {"Tags": {"id": "tags", "type": "multi_select", "multi_select": []}}
    source = notion.source("Tasks", parent=top, **told)
    row = notion.page("Row", block("paragraph", "p"), parent=source, **told)
    mine = rig(notion)
    answer, sent = await edit(mine, "p", page=row, title="Renamed", tags=("x", "y"))
    assert (note_of(answer, row).title, note_of(answer, row).tags) == ("Renamed", ("x", "y"))
    assert sent == [f"PATCH pages/{row}"] * 2
    markdown = (await noted(mine, top)).markdown
    answer, _ = await edit(mine, markdown, page=top, tags=("x",))
    assert answer.lost == ("tags: the page has no property for them",)


async def test_links_by_title_become_links_to_pages(rig):
    mine = rig(notebook(block("paragraph", "a")))
    other = ident("page Other")
    html = (
        f'<p>see <a href="bloop:note:{other}">Other</a> and <a href="bloop:note:{other}">it</a></p>'
    )
    answer, _ = await edit(mine, "see [[Other]] and [[Other|it]] and [[Nobody]]", html=html)
    assert note_of(answer).markdown == (
        f"see [Other](bloop:note:{other}) and [it](bloop:note:{other}) and \\[\\[Nobody\\]\\]"
    )


# -- versions


async def test_an_edit_within_the_same_minute_is_noticed(rig):
    notion = notebook(block("paragraph", "a"))
    mine = rig(notion)
    note = await noted(mine)
    stamp = notion.pages[PAGE]["last_edited_time"]
    notion.rewrite(PAGE, block("paragraph", "theirs"))
    notion.pages[PAGE]["last_edited_time"] = stamp
    with pytest.raises(PreconditionFailedError):
        await edit(mine, "mine", note=note)
    assert (await noted(mine)).markdown == "theirs"


async def test_what_was_written_already_is_answered_again(rig):
    mine = rig(notebook(block("paragraph", "a")))
    note = await noted(mine)
    first, _ = await edit(mine, "b", note=note)
    second, sent = await edit(mine, "b", note=note, again=True)
    assert (second.remote_version, sent) == (first.remote_version, [])
    with pytest.raises(PreconditionFailedError):
        await edit(mine, "c", note=note, again=True)


class Killed(BaseException):
    """The process ends."""


def killed_at(notion, number):
    """Die in place of the write of that number, counted from 0."""
    left = iter(range(number))

    def before(request):
        if request.method != "GET" and next(left, None) is None:
            raise Killed

    notion.before = before


BEGIN = """# H

a

b

- p
  - q
- r

> [!toggle]- T
> in\\
> more

1. one
2. two

| a | b |
| --- | --- |
| 1 | 2 |

last"""
END = """# Head

b

c

- p
  - q2
  - q3
- [ ] r

> [!toggle]- Title
> in\\
> less

1. zero
2. one
3. 2

| a |
| --- |
| 1 |

see [[Other]]

last"""


async def test_an_update_that_was_killed_between_any_two_requests_is_finished():
    other = ident("page Other")
    html = f'<p>see <a href="bloop:note:{other}">Other</a></p>'
    wanted = END.replace("[[Other]]", f"[Other](bloop:note:{other})")
    for number in count():
        mine = Rig(notebook())
        await edit(mine, BEGIN)
        note = await noted(mine)
        change = partial(edit, mine, END, note=note, title="Renamed", html=html)
        killed_at(mine.notion, number)
        with suppress(Killed):
            await change()
            break
        mine.notion.before = lambda _request: None
        answer, _ = await change(again=True)
        assert (note_of(answer).title, note_of(answer).markdown) == ("Renamed", wanted), number
    assert number > 10


async def test_an_edit_by_somebody_else_after_half_of_an_update_is_noticed(rig):
    mine = rig(notebook())
    await edit(mine, "a\n\nb\n\nc")
    note = await noted(mine)
    killed_at(mine.notion, 1)
    with pytest.raises(Killed):
        await edit(mine, "a2\n\nb\n\nc2", note=note)
    mine.notion.before = lambda _request: None
    here = (await noted(mine)).markdown
    await edit(mine, here.replace("b", "theirs"))
    with pytest.raises(PreconditionFailedError):
        await edit(mine, "a2\n\nb\n\nc2", note=note, again=True)


# -- notes made, moved, removed


def made(markdown, parent="page Top", *, again=False, title="New"):
    note = NoteDraft(container=SPACE, parent=ident(parent), title=title, markdown=markdown, html="")
    return WriteOp(
        kind="note.create", ref=None, values={}, idempotency_key="k", note=note, again=again
    )


async def create(mine, op):
    return await mine.again().write(op, Precondition(remote_version=None))


async def test_a_large_note_goes_in_several_requests_and_comes_back_the_same(rig):
    deep = "\n".join("  " * level + f"- level {level}" for level in range(7))
    many = "\n\n".join(f"paragraph {number}" for number in range(230))
    long = "x" * 5000
    markdown = f"# H\n\n{deep}\n\n{many}\n\n{long}\n\n| a |\n| --- |\n| b |"
    mine = rig(notebook())
    answer = await create(mine, made(markdown))
    assert note_of(answer, answer.ref.remote_id).markdown == markdown
    again = await create(mine, made(markdown, again=True))
    assert again.ref == answer.ref


async def test_a_note_whose_making_was_broken_off_is_finished(rig):
    many = "\n\n".join(f"paragraph {number}" for number in range(130))
    for number in (1, 2):
        mine = rig(notebook())
        killed_at(mine.notion, number)
        with pytest.raises(Killed):
            await create(mine, made(many))
        mine.notion.before = lambda _request: None
        [page] = [one for one in mine.notion.pages if one not in notebook().pages]
        answer = await create(mine, made(many, again=True))
        assert answer.ref.remote_id == page
        assert note_of(answer, page).markdown == many


@pytest.mark.parametrize(
    ("number", "theirs", "after"),
    [(1, ["theirs"], "a\n\nb\n\ntheirs"), (2, ["theirs", "b"], "theirs\n\nb")],
    ids=["before-its-text", "with-its-text"],
)
async def test_what_somebody_writes_into_a_new_page_before_the_next_try_stays(
    rig, number, theirs, after
):
    mine = rig(notebook())
    op = made("a\n\nb", again=True)
    killed_at(mine.notion, number)
    with suppress(Killed):
        await create(mine, replace(op, again=False))
    mine.notion.before = lambda _request: None
    [page] = [one for one in mine.notion.pages if one not in notebook().pages]
    mine.notion.rewrite(page, *(block("paragraph", one) for one in theirs))
    assert note_of(await create(mine, op), page).markdown == after


async def test_a_note_becomes_a_row_below_a_data_source(rig):
    notion = notebook()
    notion.source("Tasks", parent=ident("page Top"))
    answer = await create(rig(notion), made("p", "source Tasks"))
    parent = notion.pages[answer.ref.remote_id]["parent"]
    assert parent["data_source_id"] == ident("source Tasks")


async def test_an_internal_integration_makes_no_page_at_the_top(rig):
    notion = notebook()
    notion.public = False
    op = made("p")
    op = replace(op, note=replace(op.note, parent=None))
    with pytest.raises(UnsupportedError, match="makes no page there") as caught:
        await create(rig(notion), op)
    assert "shared with the integration" in caught.value.cure


@pytest.mark.parametrize("versions", [("2026-03-11",), ("2025-09-03",)])
async def test_a_note_goes_into_notions_trash(rig, versions):
    notion = notebook(block("paragraph", "a"), versions=versions)
    mine = rig(notion)
    note = await noted(mine)
    op = WriteOp(kind="note.delete", ref=note.ref, values={}, idempotency_key="k")
    now = Precondition(remote_version=note.remote_version)
    answer = await mine.again().write(op, now)
    assert notion.pages[PAGE]["in_trash"]
    assert note.ref in answer.batch.deleted
    assert await mine.again().write(replace(op, again=True), now)


async def test_a_note_moves_below_another_and_not_to_the_top(rig):
    notion = notebook(block("paragraph", "a"))
    mine = rig(notion)
    note = await noted(mine)
    values = {"container": SPACE, "parent": ident("page Other"), "after": None}
    op = WriteOp(kind="note.move", ref=note.ref, values=values, idempotency_key="k")
    answer = await mine.again().write(op, Precondition(remote_version=note.remote_version))
    node = next(one for one in answer.batch.records if ref_of(one) == Ref(Kind.MODULE, PAGE))
    assert (node.parent, answer.lost) == (ident("page Other"), ())
    top = replace(op, values={**values, "parent": None})
    with pytest.raises(UnsupportedError, match="to the top"):
        await mine.again().write(top, Precondition(remote_version=answer.remote_version))


# -- files


def attaching(data=BYTES, name="pic.png", note=PAGE, *, again=False):
    async def chunks():
        yield data

    draft = FileDraft(
        container=SPACE,
        note=Ref(Kind.NOTE, note) if note else None,
        name=name,
        media_type="image/png",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        chunks=chunks,
    )
    return WriteOp(
        kind="file.create", ref=None, values={}, idempotency_key="k", file=draft, again=again
    )


async def bytes_of(batch, ref):
    file = next(one for one in batch.records if ref_of(one) == ref)
    return b"".join([chunk async for chunk in file.chunks()])


async def test_a_file_that_was_attached_stands_where_the_note_links_to_it(rig):
    mine = rig(notebook(block("paragraph", "a"), block("paragraph", "b")))
    note = await noted(mine)
    ref = (await create(mine, attaching())).ref
    assert (await create(mine, attaching(again=True))).ref == ref
    wanted = f"a\n\n![](bloop:file:{ref.remote_id})\n\nb"
    answer, _ = await edit(mine, wanted, note=note)
    assert note_of(answer).markdown == wanted
    assert await bytes_of(answer.batch, ref) == BYTES
    assert len([one for one in answer.batch.records if ref_of(one).kind is Kind.FILE]) == 1


async def test_an_edit_by_somebody_else_beside_an_attached_file_is_noticed(rig):
    notion = notebook(block("paragraph", "a"))
    mine = rig(notion)
    note = await noted(mine)
    ref = (await create(mine, attaching())).ref
    notion.put(PAGE, [block("paragraph", "theirs")])
    with pytest.raises(PreconditionFailedError):
        await edit(mine, f"a\n\n![](bloop:file:{ref.remote_id})", note=note)


async def test_a_new_note_shows_a_file_that_was_sent_before_it(rig):
    mine = rig(notebook())
    ref = (await create(mine, attaching(note=None))).ref
    markdown = f"a\n\n![](bloop:file:{ref.remote_id})"
    answer = await create(mine, made(markdown))
    assert note_of(answer, answer.ref.remote_id).markdown == markdown
    assert await bytes_of(answer.batch, ref) == BYTES


async def test_a_picture_that_is_moved_within_its_note_keeps_its_bytes(rig):
    mine = rig(
        notebook(block("image", **upload("a.png"), caption=[words("Alt")]), block("paragraph", "p"))
    )
    note = await noted(mine)
    image, text = note.markdown.split("\n\n")
    answer, _ = await edit(mine, f"{text}\n\n{image}")
    assert note_of(answer).markdown == f"{text}\n\n{image}"
    (file,) = [one for one in answer.batch.records if ref_of(one).kind is Kind.FILE]
    assert await bytes_of(answer.batch, file.ref) == BYTES


async def test_a_large_file_goes_in_parts_and_one_beyond_the_limit_is_refused(rig, monkeypatch):
    monkeypatch.setattr("bloop_notion.uploads.SINGLE", 1000)
    monkeypatch.setattr("bloop_notion.uploads.PART", 700)
    notion = notebook()
    mine = rig(notion)
    data = bytes(range(250)) * 8
    ref = (await create(mine, attaching(data))).ref
    assert [len(one) for one in next(iter(notion.uploads.values()))["parts"].values()] == [
        700,
        700,
        600,
    ]
    assert await bytes_of(await mine.again().fetch([ref]), ref) == data
    op = attaching(b"")
    with pytest.raises(UnsupportedError, match="takes 5,242,880"):
        await create(mine, replace(op, file=replace(op.file, size=6_000_000)))


# -- Markdown as blocks


def test_what_notion_cannot_take_is_named():
    target = Target()
    parse("[x](ftp://a) ![p](https://e.org/p.png) text\n\n<div>html</div>", target)
    assert list(target.losses) == [
        "a link to 'ftp://a'",
        "pictures within a text",
        "HTML, kept as text",
    ]


@pytest.mark.parametrize(
    ("written", "notions"),
    [("py", "python"), ("C++", "c++"), ("brainfuck", "plain text"), ("", "plain text")],
)
def test_languages_are_those_that_notion_has(written, notions):
    assert language(written) == notions


PIECES = st.sampled_from(
    [
        "one", "two", "three **bold** text", "# Head", "## Head", "- a", "- b\n  - c", "- [ ] d",
        "- [x] e", "1. f", "> quote", "> [!tip]\n> hint", "> [!toggle]- T\n> in",
        "```python\ncode\n```", "$$\nx^2\n$$", "---", "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "a ==b== `c` $d$ [e](https://e.org)", "escaped \\* \\_ \\[",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=7)


def joined(pieces):
    """Pieces as a page reads them: points of the same list stand close."""
    text, before = "", None
    number = 0
    for piece in pieces:
        family = "bullets" if piece.startswith("- ") else "numbers" if piece[0] == "1" else None
        number = number + 1 if family == "numbers" else 0
        said = piece.replace("1.", f"{number}.", 1) if family == "numbers" else piece
        text += (("\n" if family and family == before else "\n\n") if text else "") + said
        before = family
    return text


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, TEXTS)
async def test_any_text_becomes_any_other(before, after):
    mine = Rig(notebook())
    first, _ = await edit(mine, joined(before))
    assert note_of(first).markdown == joined(before)
    ids = list(mine.notion.blocks[PAGE]["children"])
    second, sent = await edit(mine, joined(after))
    assert note_of(second).markdown == joined(after)
    kept = len(set(ids) & set(mine.notion.blocks[PAGE]["children"]))
    begun = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
    assert kept >= len(list(begun))
    assert sent == [] or joined(before) != joined(after)
