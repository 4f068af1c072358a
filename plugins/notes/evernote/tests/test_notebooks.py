"""Who is who from one export to the next, the order of notes, links between them, and memory."""

from __future__ import annotations

import tracemalloc

import pytest

from bloop_evernote import payload, scan
from bloop_evernote.facts import time
from bloop_sdk import Partition
from bloop_sdk.records import Kind, Ref
from bloop_sdk.testing import Killed, Replica, read_all
from plugins.notes.evernote.tests.exports import export, media, note, provider_of, resource

GUID = "914ba57d-d5e6-4ef5-ba5b-b9134529c188"
LINK = '<a href="evernote:///view/1/s1/{0}/{0}/">{1}</a>'


def ids(snapshot):
    return {one.title: one.remote_id for one in snapshot.of(Kind.NOTE)}


def at(day: int) -> str:
    return f"202401{day:02}T120000Z"


async def test_the_order_in_the_file_is_that_in_the_notebook(write, read):
    snapshot = await read(write(note("Zeta"), note("Alpha"), note("Mu"), name="My Notes.enex"))
    (notebook,) = snapshot.of(Kind.NOTEBOOK)
    assert (notebook.remote_id, notebook.title) == ("enex:", "My Notes")
    places = sorted(snapshot.of(Kind.MODULE), key=lambda one: one.position)
    assert [(one.title, one.parent, one.position) for one in places] == [
        ("Zeta", None, 0),
        ("Alpha", None, 1),
        ("Mu", None, 2),
    ]
    assert [one.content for one in places] == [
        Ref(Kind.NOTE, ids(snapshot)[one.title]) for one in places
    ]


async def test_a_note_is_the_same_one_when_it_is_edited_renamed_or_moved(write, read):
    before = ids(await read(write(note("A", "1", created=at(1)), note("B", created=at(2)))))
    after = ids(
        await read(write(note("New"), note("B", created=at(2)), note("C", "2", created=at(1))))
    )
    assert (after["C"], after["B"]) == (before["A"], before["B"])
    assert after["New"] not in before.values()


async def test_notes_of_one_second_are_told_apart_by_title_and_then_by_order(write, read):
    made = await read(write(note("A", "1"), note("A", "2"), note("B"), note("", "x", created="")))
    assert len({one.remote_id for one in made.of(Kind.NOTE)}) == 4
    again = await read(
        write(note("B"), note("A", "1, edited"), note("A", "2"), note("", "x", created=""))
    )
    assert {one.remote_id for one in again.of(Kind.NOTE)} == {
        one.remote_id for one in made.of(Kind.NOTE)
    }
    texts = {one.remote_id: one.markdown for one in again.of(Kind.NOTE)}
    first = next(one for one in made.of(Kind.NOTE) if one.markdown == "1")
    assert texts[first.remote_id] == "1, edited"


async def test_an_edit_changes_one_record_and_a_new_export_of_the_same_none(write, read):
    picture = b"picture"
    notes = [note("A", media(picture), resource(picture)), note("B", "b", created=at(2))]
    before = {ref: one.raw for ref, one in (await read(write(*notes))).records.items()}
    path = write(*notes)
    path.write_text(path.read_text().replace("20240309T065929Z", "20250101T000000Z", 1))
    assert {ref: one.raw for ref, one in (await read(path)).records.items()} == before
    notes[1] = note("B", "edited", created=at(2))
    after = {ref: one.raw for ref, one in (await read(write(*notes))).records.items()}
    assert [ref.kind for ref in before if before[ref] != after[ref]] == [Kind.NOTE]


async def test_links_find_notes_of_other_files_by_title(write, read):
    body = LINK.format(GUID, "the  SOUND of waves") + LINK.format(GUID, "Nowhere")
    write(note("Waves", body), name="A.enex")
    path = write(note("The sound of Waves"), name="sub/B.enex")
    snapshot = await read(path.parent.parent)
    waves = next(one for one in snapshot.of(Kind.NOTE) if one.title == "Waves")
    target = ids(snapshot)["The sound of Waves"]
    assert f'href="bloop:note:{target}"' in waves.html
    assert f"[Nowhere](evernote:///view/1/s1/{GUID}/{GUID}/)" in waves.markdown
    assert waves.lost == (
        f"a link to a note that is not here: Nowhere <evernote:///view/1/s1/{GUID}/{GUID}/>",
    )
    assert [one.remote_id for one in snapshot.of(Kind.NOTEBOOK)] == ["enex:A", "enex:sub/B"]


@pytest.mark.parametrize(
    "href",
    [
        f"evernote:///view/1/s1/{GUID}/{GUID}/",
        f"evernote://view-note/{GUID}",
        f"https://www.evernote.com/shard/s1/nl/1/{GUID}/?title=x",
        f"https://app.evernote.com/client/web?#?n={GUID}&amp;",
        f"https://share.evernote.com/note/{GUID}",
        f"evernote:///view/1/s1/{GUID}/{GUID}/00000000-0000-4000-8000-000000000000/",
    ],
)
async def test_a_guid_counts_more_than_a_title(href, write, read):
    known = note("Renamed").replace("</title>", f"</title><guid>{GUID.upper()}</guid>")
    body = f'<a href="{href}">Old title</a>'
    snapshot = await read(write(note("Old title", created=at(1)), known, note("From", body)))
    source = next(one for one in snapshot.of(Kind.NOTE) if one.title == "From")
    assert f"bloop:note:{ids(snapshot)['Renamed']}" in source.html
    assert source.lost == ()


async def test_the_guid_of_evernote_backup_is_the_note_s_identity(write, read):
    more = f"<note-custom-metadata><guid>{GUID}</guid></note-custom-metadata>"
    before = ids(await read(write(note("A", more=more, created=at(1)))))
    after = ids(await read(write(note("B", more=more, created=at(2)), name="Moved.enex")))
    assert before["A"] == after["B"]


async def test_a_title_that_several_notes_have_is_resolved_only_beside_one_of_them(write, read):
    body = LINK.format(GUID, "Twin")
    write(note("Twin", created=at(1)), note("Near", body), name="A.enex")
    write(note("Twin", created=at(1)), name="B.enex")
    path = write(note("Far", body), name="C.enex")
    snapshot = await read(path.parent)
    near, far = (
        next(one for one in snapshot.of(Kind.NOTE) if one.title == title)
        for title in ("Near", "Far")
    )
    assert (near.lost, len(far.lost)) == ((), 1)
    own = next(one for one in snapshot.of(Kind.NOTE) if one.container == "enex:A")
    assert f"bloop:note:{own.remote_id}" in near.html


async def test_a_read_goes_on_behind_the_last_note(write):
    picture = bytes(range(256))
    write(
        *[note(f"A{n}", media(picture), resource(picture), at(n + 1)) for n in range(3)],
        name="A.enex",
    )
    path = write(*[note(f"B{n}", created=at(n + 1)) for n in range(3)], name="B.enex").parent
    whole = await read_all(provider_of(path, batch_records=1))
    for batches in range(1, whole.batches):
        replica = Replica()
        with pytest.raises(Killed):
            await replica.run(provider_of(path, batch_records=1), stop_after=batches)
        await replica.run(provider_of(path, batch_records=2))
        assert replica.state() == whole.state(), batches


@pytest.mark.parametrize("chunk", [1031, 1300, 2048, 4099])
async def test_what_lies_across_two_pieces_of_the_file_is_read_alike(
    chunk, write, read, monkeypatch
):
    picture = bytes(range(256)) * 20
    path = write(
        *[
            note(f"{n} {'t' * (97 * n % 500)}", "x" * (311 * n % 1700) + media(picture[n:]),
                 "<tag>a</tag>" * n + resource(picture[n:], name=f"{n}.png"), at(n + 1))
            for n in range(20)
        ]
    )  # fmt: skip
    whole = await read(path)
    monkeypatch.setattr(scan, "CHUNK", chunk)
    monkeypatch.setattr(payload, "CHUNK", chunk)
    assert (await read(path)).state() == whole.state()
    assert len(whole.of(Kind.FILE)) == 20


async def test_tasks_stand_where_their_group_stands_and_keep_their_dates(one):
    task = (
        "<task><title>{0}</title><taskStatus>{1}</taskStatus><sortWeight>{2}</sortWeight>"
        "<taskGroupNoteLevelID>{3}</taskGroupNoteLevelID>{4}</task>"
    )
    group = '<div style="--en-task-group:true; --en-id:{};"><div>Content not supported</div></div>'
    more = (
        task.format("second", "open", "B", "g1", "<dueDate>20240528T215959Z</dueDate>"
                    "<recurrence>RRULE:FREQ=WEEKLY</recurrence>")
        + task.format("first", "completed", "A", "g1", "")
        + task.format("other", "open", "A", "g2", "<reminder><reminderDate>20240522T070000Z"
                      "</reminderDate></reminder><taskFlag>true</taskFlag>")
        + task.format("nowhere", "open", "A", "", "")
    )  # fmt: skip
    made = await one(f"<div>a</div>{group.format('g1')}<div>b</div>{group.format('g2')}", more)
    assert made.markdown == ("a\n\n- [x] first\n- [ ] second\n\nb\n\n- [ ] other\n\n- [ ] nowhere")
    assert {
        (task.text, task.done, task.due_at and task.due_at.isoformat()) for task in made.tasks
    } == {
        ("first", True, None),
        ("second", False, "2024-05-28T21:59:59+00:00"),
        ("other", False, None),
        ("nowhere", False, None),
    }
    assert set(made.lost) == {
        "the recurrence (RRULE:FREQ=WEEKLY) of the task 'second'",
        "the reminder at 2024-05-22T07:00:00+00:00 of the task 'other'",
        "the flag of the task 'other'",
    }


async def test_attributes_that_are_none_are_named_and_tags_made_fit(one):
    made = await one(
        "x",
        "<updated>yesterday</updated><tag>#a, b</tag><tag>A B</tag><tag> </tag><note-attributes>"
        "<latitude>91</latitude><longitude>1</longitude><reminder-time>1486928645922</reminder-time>"
        "<source-url>https://example.com/a</source-url></note-attributes>",
    )
    assert made.tags == ("a b",)
    assert (made.place, made.updated_at) == (None, None)
    assert made.source_url == "https://example.com/a"
    assert made.reminder_at.isoformat() == "2017-02-12T19:44:05.922000+00:00"
    assert made.lost == (
        "a date that is none: updated yesterday",
        "how a tag was written: '#a, b', now 'a b'",
        "a place that is none: 91, 1",
    )


async def test_memory_does_not_grow_with_attachments_nor_with_notes(tmp_path):
    """Of 2 MB of notes and an attachment of 16 MB no more is held than a few pieces."""
    path = tmp_path / "big.enex"
    big = b"0123456789abcdef" * (16 << 16)
    with path.open("w") as file:
        file.write(export(tail=""))
        file.write(note("Big", media(big, "video/mp4"), resource(big, "video/mp4")))
        for n in range(60):
            file.write(note(f"{n}", f"<div>{'word ' * 8000}</div>", created=""))
        file.write("</en-export>")
    del big
    reading = provider_of(path, batch_bytes=100_000)
    tracemalloc.start()
    try:
        files = []
        async for batch in reading.read(Partition("notes"), None):
            files += [one for one in batch.records if hasattr(one, "chunks")]
        sizes = [len(piece) async for piece in files[0].chunks()]
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) == 16 << 20
    assert held < 6_000_000


async def test_a_single_export_may_be_called_otherwise(write, read):
    notes = [note("A", media(b"picture"), resource(b"picture")), note("B", created=at(2))]
    first, renamed = await read(write(*notes)), await read(write(*notes, name="Physics (1).enex"))
    assert list(renamed.records) == list(first.records)


def test_times_of_systems_that_count_to_twelve():
    hours = {"91108 AM": 9, "121108 AM": 0, "121108 PM": 12, "011108 PM": 13, "231108 PM": None}
    for text, hour in hours.items():
        found = time(f"20180306T{text}Z")
        assert (found and (found.hour, found.minute, found.second)) == (
            hour if hour is None else (hour, 11, 8)
        )


async def test_a_guid_in_two_exports_is_not_one_note(write, read):
    known = note("A", created=at(1)).replace("</title>", f"</title><guid>{GUID}</guid>")
    write(known, name="Old.enex")
    snapshot = await read(write(known, name="New.enex").parent)
    assert [one.title for one in snapshot.of(Kind.NOTE)] == ["A", "A"]
