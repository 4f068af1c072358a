"""Writing pages: only what changed is named, all else stays, and nothing is made twice."""

from __future__ import annotations

import dataclasses

import pytest

from bloop_sdk import (
    FatalError,
    Kind,
    NoteDraft,
    Precondition,
    PreconditionFailedError,
    Ref,
    UnavailableError,
    UnsupportedError,
    WriteOp,
)
from bloop_sdk.testing import read_all
from plugins.notes.onenote.tests.fake_graph import links
from plugins.notes.onenote.tests.fake_pages import FakePage

WAVES = Ref(Kind.NOTE, "0-p1!1-s1")
NOTHING = Precondition(remote_version=None)


def op(kind, markdown="", *, ref=None, key="k", again=False, **draft):
    values = {"container": "0-aa!n1", "parent": "0-aa!s1", "title": "Waves", "tags": ("important",)}
    note = NoteDraft(**{**values, **draft}, markdown=markdown, html="")
    return WriteOp(kind=kind, ref=ref, values={}, idempotency_key=key, note=note, again=again)


async def now(one, ref=WAVES):
    """A note as it is, and the precondition that goes with it."""
    (note,) = (await one.provider.fetch([ref])).records
    return note, Precondition(remote_version=note.remote_version)


async def update(one, change, ref=WAVES, **draft):
    note, version = await now(one, ref)
    values = {"title": note.title, "tags": note.tags, **draft}
    return await one.provider.write(
        op("note.update", change(note.markdown), ref=ref, **values), version
    )


async def test_an_edit_names_the_block_that_changed_and_no_other(rig):
    one = rig()
    result = await update(one, lambda text: text.replace("energy", "momentum"))
    (command,) = one.graph.page(WAVES.remote_id).patches
    assert command["action"] == "replace" and command["target"].startswith("p:{")
    assert command["content"] == "<p>It <strong>carries</strong> momentum.</p>"
    assert result.lost == ()
    replica = await read_all(one.again())
    for record in result.batch.records:
        assert replica.records[record.ref] == record, "the next read echoes nothing"


async def test_what_markdown_cannot_say_stays_in_blocks_that_were_not_touched(rig):
    one = rig()
    page = one.graph.page(WAVES.remote_id)
    page.add('<p style="color:red" data-tag="question">red</p><p>last</p>')
    result = await update(one, lambda text: text.replace("last", "the end"))
    assert 'style="color:red"' in result.batch.records[-1].raw["html"]
    assert result.lost == ()
    result = await update(one, lambda text: text.replace("red", "blue"))
    assert result.lost == ("colours, fonts and tags of what was changed",)


EDITS = [
    pytest.param(lambda t: t.replace("# What a wave is", "## Waves"), id="heading"),
    pytest.param(lambda t: t.replace("- [ ] Read", "- [x] Read"), id="ticked"),
    pytest.param(
        lambda t: t.replace("- [x] Buy a rope", "- [x] Buy a rope\n- [ ] Tie it"), id="task"
    ),
    pytest.param(lambda t: t.replace("- [ ] Read chapter 2\n", ""), id="task-gone"),
    pytest.param(lambda t: "Before all.\n\n" + t, id="first"),
    pytest.param(lambda t: t + "\n\nBehind all.\n\n- a\n- b\n\n1. c\n2. d", id="last"),
    pytest.param(
        lambda t: t.replace("It **carries** energy.", "A.\n\nB.\n\nC."), id="three-for-one"
    ),
    pytest.param(lambda t: t.replace("It **carries** energy.\n\n", ""), id="gone"),
    pytest.param(lambda t: t + "\n\n```\nif x < 1:\n    y  &= 2\n```", id="code"),
    pytest.param(lambda t: t + "\n\n| A | B |\n| --- | --- |\n| 1 \\| 2 | **x** |", id="table"),
    pytest.param(
        lambda t: t + "\n\n~~a~~ ==b *c*== <u>d</u> [e](https://f.example/?g=1&h=2)", id="marks"
    ),
    pytest.param(lambda t: t + "\n\nso $x_1^2$ is\n\n$$\\frac{a}{b}$$", id="formulas"),
    pytest.param(lambda t: t + "\n\n\\# no heading \\*\\* & \\<b>", id="escapes"),
    pytest.param(
        lambda t: t.replace("# What a wave is\n\n", "").replace("energy", "force") + "\n\nend",
        id="several",
    ),
]


@pytest.mark.parametrize("change", EDITS)
async def test_an_edit_is_read_back_as_it_was_written(rig, change):
    one = rig()
    before, _ = await now(one)
    result = await update(one, change)
    after, _ = await now(one)
    assert after.markdown == change(before.markdown) != before.markdown
    assert result.remote_version == after.remote_version != before.remote_version
    files = {name for name in ("1-image!1-a", "1-sheet!1-a") if name in after.markdown}
    assert len(files) == 2, "what is attached stays"


async def test_what_onenote_has_no_word_for_is_named(rig):
    one = rig()
    result = await update(one, lambda text: text + "\n\n> quoted\n\n---\n\n![x](bloop:file:new)")
    assert set(result.lost) == {
        "that something is a quotation or a callout",
        "rules between paragraphs",
        "images and files that are not on the page yet",
    }
    note, _ = await now(one)
    assert "quoted" in note.markdown and "x" in note.markdown
    result = await update(one, lambda text: text, tags=("other",))
    assert result.lost == ("tags of the note: OneNote tags its paragraphs",)


async def test_a_title_is_changed_and_a_link_leads_to_its_page(rig):
    one = rig()
    link = "[see](bloop:note:0-p3!1-s2)"
    result = await update(one, lambda text: f"{text}\n\n{link}", title="On & <waves>")
    page = one.graph.page(WAVES.remote_id)
    assert page.title == "On & <waves>"
    href = links("0-p3!1-s2")["links"]["oneNoteClientUrl"]["href"].replace("&", "&amp;")
    assert href in page.patches[-1]["content"]
    await read_all(one.provider)
    assert link in (await now(one))[0].markdown
    assert result.batch.records[-1].title == "On & <waves>"


async def test_a_link_that_stands_in_a_changed_block_still_leads_to_its_page(rig):
    one = rig()
    await update(one, lambda text: f"{text}\n\nsee [it](bloop:note:0-p3!1-s2) now")
    await read_all(one.provider)
    result = await update(one, lambda text: text.replace("now", "then"))
    assert "see [it](bloop:note:0-p3!1-s2) then" in result.batch.records[-1].markdown
    assert result.lost == ()
    result = await update(one, lambda text: f"{text}\n\n[gone](bloop:note:0-none)")
    assert result.lost == ("links to notes of which OneNote tells no address",)


async def test_a_picture_in_what_is_changed_is_not_taken_off_the_page(rig):
    one = rig()
    page = one.graph.page(WAVES.remote_id)
    page.add(
        '<table><tr><td>cell</td><td><img src="resource:1-map!1-a" alt="map" /></td></tr></table>'
    )
    with pytest.raises(UnsupportedError, match="take it off the page"):
        await update(one, lambda text: text.replace("cell", "other"))
    assert page.patches == []
    result = await update(one, lambda text: text.partition("\n\n|")[0])
    assert "map" not in result.batch.records[-1].markdown, "who removes it may"


async def test_a_picture_from_elsewhere_is_a_link_in_a_page_that_is_there(rig):
    one = rig()
    result = await update(one, lambda text: f"{text}\n\n![alt](https://e.example/a.png)")
    assert "[alt](https://e.example/a.png)" in result.batch.records[-1].markdown
    assert result.lost == ("images from elsewhere, which OneNote gets for a new page alone: links",)


@pytest.mark.parametrize(
    ("number", "kind", "cure"),
    [
        ("30101", FatalError, "OneDrive"),
        ("30102", FatalError, "section"),
        ("30103", UnavailableError, ""),
    ],
)
async def test_what_is_full_is_told_apart(rig, number, kind, cure):
    one = rig()
    one.graph.fails["me/onenote/sections/0-aa!s1/pages"] = (507, number)
    with pytest.raises(kind) as caught:
        await one.provider.write(op("note.create", "x"), NOTHING)
    assert cure in (caught.value.cure or "")


async def test_what_stands_freely_cannot_be_changed_and_says_so(rig):
    one = rig()
    page = FakePage(
        "0-free!1-s1", "Free",
        '<div style="position:absolute;top:1px;left:1px"><p>text</p></div>'
        '<img style="position:absolute;top:500px" src="resource:1-image!1-a" alt="free" />',
    )  # fmt: skip
    one.graph.sections()[0].pages.append(page)
    ref = Ref(Kind.NOTE, page.id)
    result = await update(one, lambda text: text.split("\n\n")[0] + "\n\nmore", ref)
    assert result.lost == ("what stands freely on the page, which Graph cannot change",)
    note, _ = await now(one, ref)
    assert note.markdown.split("\n\n")[:2] == ["text", "more"] and "![free]" in note.markdown


async def test_a_newer_version_is_not_overwritten(rig):
    one = rig()
    note, version = await now(one)
    one.graph.edit()
    changed = op("note.update", note.markdown + "\n\nmine", ref=WAVES)
    with pytest.raises(PreconditionFailedError):
        await one.provider.write(changed, version)
    with pytest.raises(PreconditionFailedError):
        await one.provider.write(op("note.delete", ref=WAVES), version)
    assert one.graph.page(WAVES.remote_id).patches == []


async def test_an_update_that_came_through_is_not_sent_again(rig):
    one = rig()
    note, version = await now(one)
    changed = op("note.update", note.markdown + "\n\nmine", ref=WAVES)
    first = await one.provider.write(changed, version)
    again = await one.provider.write(dataclasses.replace(changed, again=True), version)
    assert again.remote_version == first.remote_version
    assert len(one.sent("/content", "PATCH")) == 1


async def test_only_the_time_has_moved_and_the_edit_is_taken(rig):
    one = rig()
    note, version = await now(one)
    page = one.graph.page(WAVES.remote_id)
    page.changed = one.graph.now  # As if by itself: the text is what it was.
    await one.provider.write(op("note.update", note.markdown + "\n\nmine", ref=WAVES), version)
    assert "mine" in (await now(one))[0].markdown


async def test_a_page_is_made_in_its_section_with_what_it_says(rig):
    one = rig()
    text = "# Hi\n\n- [ ] do\n- a\n- b\n\nlast & least"
    result = await one.provider.write(op("note.create", text, title="New <one>"), NOTHING)
    note, version = await now(one, result.ref)
    assert note.title == "New <one>"
    assert note.markdown == text.replace("do\n- a", "do\n\n- a")
    assert version.remote_version == result.remote_version
    replica = await read_all(one.again())
    kinds = [type(record).__name__ for record in result.batch.records]
    assert kinds == ["Note", "Node"]
    for record in result.batch.records:
        assert record in replica.records.values(), "the next read echoes nothing"
    below = op("note.create", "x", parent=WAVES.remote_id, title="Below", key="b")
    made = await one.provider.write(below, NOTHING)
    assert made.ref.remote_id in {page.id for page in one.graph.sections()[0].pages}


async def test_a_new_page_that_is_not_shown_yet_is_not_taken_for_gone(rig):
    one = rig()
    one.graph.fails["me/onenote/pages/1-made0001!1-0-aa!s1/content"] = (404, "20102")
    result = await one.provider.write(op("note.create", "text", title="New"), NOTHING)
    assert [skipped.code for skipped in result.batch.skipped] == ["record_unavailable"]
    assert result.batch.deleted == () and result.remote_version is None


async def test_a_title_that_is_not_taken_does_not_cost_the_text(rig):
    one = rig()
    one.graph.old.add(WAVES.remote_id)
    result = await update(one, lambda text: f"{text}\n\nmine", title="Other")
    assert result.lost == ("its new title, which OneNote did not take",)
    assert result.batch.records[-1].markdown.endswith("mine")
    with pytest.raises(UnavailableError):
        await update(one, lambda text: text, title="Other")


async def test_a_page_is_deleted_once(rig):
    one = rig()
    _, version = await now(one)
    gone = op("note.delete", ref=WAVES)
    result = await one.provider.write(gone, version)
    assert {WAVES, Ref(Kind.MODULE, WAVES.remote_id)} <= set(result.batch.deleted)
    assert WAVES not in (await read_all(one.again())).records
    again = await one.provider.write(dataclasses.replace(gone, again=True), version)
    assert WAVES in again.batch.deleted
    with pytest.raises(PreconditionFailedError):
        await one.provider.write(gone, version)


async def test_where_no_page_can_be_is_refused_with_its_cure(rig):
    one = rig()
    for parent in ("0-aa!g1", None):
        with pytest.raises(UnsupportedError) as refused:
            await one.provider.write(op("note.create", "x", parent=parent), NOTHING)
        assert refused.value.cure == "choose a section for it"
    with pytest.raises(UnsupportedError):
        await one.provider.write(op("note.move", ref=WAVES), NOTHING)
    reading = rig(read_only=True).provider
    assert reading.spec().writes == frozenset()
    with pytest.raises(UnsupportedError, match="only reads"):
        await reading.write(op("note.create", "x"), NOTHING)
