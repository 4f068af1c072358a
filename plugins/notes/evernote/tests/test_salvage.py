"""Exports that are broken, hostile or cut off: what can be read is, and the rest is told."""

from __future__ import annotations

import zipfile

import pytest

from bloop_evernote.config import EvernoteConfig
from bloop_evernote.provider import EvernoteProvider
from bloop_sdk.errors import FatalError, HostileInputError
from bloop_sdk.records import Kind
from bloop_sdk.testing import FakeContext, read_all
from plugins.notes.evernote.tests.exports import HEAD, export, media, note, resource

PICTURE = b"bytes of a picture"


def titles(snapshot):
    return [one.title for one in snapshot.of(Kind.NOTE)]


BROKEN = {
    "no end of the text": note("B", "half").replace("</en-note>]]></content>", ""),
    "no end of the CDATA": note("B", "<div>x</div>").replace("]]>", ""),
    "no end of the note": note("B", "half").replace("</note>", ""),
    "nothing but a title": "<note><title>B</title></note>",
    "an early end of the CDATA": note("B", "<div>a ]]> b</div>"),
    "an entity that nobody knows": note("B &amp;").replace("&amp;amp;", "&nbsp;&copy;&nosuch;"),
    "a bare ampersand": note("B").replace("<title>B", "<title>B & C <3"),
    "control characters": note("B\x00\x0b", "<div>\x1b[31m</div>"),
    "tags that do not match": note("B", "<div><b>x</div></i></b>", "<tag>a</tagg>"),
    "an attachment without end": note("B", media(PICTURE), resource(PICTURE)).replace(
        "</data>", ""
    ),
    "no UTF-8": note("B\udcff", "<div>\udc80</div>"),
}


WHOLE = {"no end of the CDATA", "an attachment without end"}
"""What is mended without a loss."""


@pytest.mark.parametrize("what", BROKEN)
async def test_a_broken_note_costs_no_other_one(what, write, read):
    snapshot = await read(write(note("A", "first"), BROKEN[what], note("C", "last")))
    found = titles(snapshot)
    assert (found[0], found[-1]) == ("A", "C")
    assert len(found) == 3
    texts = {one.title: one for one in snapshot.of(Kind.NOTE)}
    assert (texts["A"].markdown, texts["C"].markdown) == ("first", "last")
    assert (texts["A"].lost, texts["C"].lost) == ((), ())
    broken = next(one for one in snapshot.of(Kind.NOTE) if one.title not in {"A", "C"})
    assert broken.title.startswith("B")
    assert bool(broken.lost) == (what not in WHOLE)


async def test_an_early_end_of_the_cdata_loses_no_text(write, read):
    snapshot = await read(write(BROKEN["an early end of the CDATA"]))
    (made,) = snapshot.of(Kind.NOTE)
    assert made.markdown == "a \\]\\]> b"
    assert made.lost == ("the CDATA around its text ended too early: read to the end of the text",)


@pytest.mark.parametrize(
    "where", ["<en-note>", "</en-note>", "iVBOR", "<mime>", "<title>", "</en-export>"]
)
async def test_a_file_that_ends_anywhere_gives_the_notes_before_and_says_where(where, write, read):
    picture = b"\x89PNG" + bytes(200)
    whole = export(note("A", "first"), note("B", media(picture), resource(picture)))
    cut = whole[: whole.rindex(where)]
    path = write(name="cut.enex")
    path.write_text(cut)
    snapshot = await read(path)
    assert titles(snapshot)[0] == "A"
    assert any(f"ends at offset {len(cut):,}" in why for why in snapshot.skipped.values())
    if where in {"<en-note>", "</en-note>", "iVBOR", "<mime>"}:
        assert titles(snapshot) == ["A", "B"]
        assert any("'B' at offset" in why for why in snapshot.skipped.values())


async def test_bytes_between_notes_are_named(write, read):
    snapshot = await read(write(note("A"), "<p>what is this?</p>\n", "<!-- fine -->", note("B")))
    assert titles(snapshot) == ["A", "B"]
    (reason,) = snapshot.skipped.values()
    assert "that belong to no note" in reason


async def test_a_note_that_is_too_long_is_left_out_with_its_title_and_place(write, read):
    snapshot = await read(write(note("A"), note("Long", "x" * 9000)), max_note_bytes=5000)
    assert titles(snapshot) == ["A"]
    (reason,) = set(snapshot.skipped.values())
    assert "'Long' at offset" in reason
    assert "raise max_note_bytes" in reason


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE en-export [<!ENTITY l0 "lol">{BOMB}<!ENTITY f SYSTEM "file:///etc/passwd">]>'


async def test_entities_expand_to_nothing(write, read):
    path = write()
    inner = note("&l9; &f;", "<div>&l9; &f;</div>").replace("&amp;", "&")
    inner = inner.replace("<!DOCTYPE en-note SYSTEM", f"{LAUGHS.replace('en-export', 'en-note')}<x")
    path.write_text(f'<?xml version="1.0"?>{LAUGHS}<en-export>{inner}</en-export>')
    (made,) = (await read(path)).of(Kind.NOTE)
    assert made.title == "&l9; &f;"
    assert "root:" not in made.html
    assert "lollol" not in made.html + made.title


async def test_what_is_no_export_says_so(tmp_path, read, write):
    path = tmp_path / "a.enex"
    for rubbish in (b"<html>Log in</html>", b"", b"\xff\xfe<\x00h\x00", bytes(range(256)) * 2000):
        path.write_bytes(rubbish)
        with pytest.raises(FatalError, match=r"a\.enex: it is no export of Evernote"):
            await read(path)
    path.write_text("rubbish, and then " + note("A"))
    assert titles(await read(path)) == ["A"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FatalError, match=r"no \.enex in it"):
        await read(tmp_path / "empty")
    folder = write(note("B")).parent
    path.rename(folder / "rubbish.enex")
    (folder / "rubbish.enex").write_text("Log in")
    snapshot = await read(folder)
    assert (titles(snapshot), snapshot.counts()["notebook"]) == (["B"], 1)
    assert list(snapshot.skipped.values()) == ["rubbish: it is no export of Evernote"]


async def test_an_empty_notebook_is_one(write, read):
    snapshot = await read(write())
    assert snapshot.counts() == {"notebook": 1}
    assert snapshot.skipped == {}


async def test_an_export_in_utf_16(write, read):
    path = write()
    path.write_text(export(note("Größe", media(PICTURE), resource(PICTURE))), encoding="utf-16")
    snapshot = await read(path)
    assert titles(snapshot) == ["Größe"]
    (picture,) = snapshot.of(Kind.FILE)
    assert b"".join([piece async for piece in picture.chunks()]) == PICTURE


async def test_a_zip_reads_as_its_folder_does(tmp_path, write, read):
    notes = note("A", media(PICTURE), resource(PICTURE, name="p.png"))
    write(notes, name="One.enex")
    path = write(note("B"), name="sub/Two.enex")
    packed = tmp_path / "Notebooks.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("One.enex", "sub/Two.enex"):
            archive.write(tmp_path / "Notebooks" / name, f"Notebooks/{name}")
        archive.writestr("__MACOSX/._One.enex", "no")
        archive.writestr("Notebooks/.hidden.enex", "no")
    whole, zipped = await read(tmp_path / "Notebooks"), await read(packed)
    assert zipped.files == whole.files
    assert {ref: one.raw for ref, one in zipped.records.items()} == {
        ref: one.raw for ref, one in whole.records.items()
    }
    assert path.exists()


async def test_a_zip_bomb_is_refused(tmp_path, read):
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.enex", HEAD + "x" * 5_000_000)
    with pytest.raises(HostileInputError):
        await read(packed)


@pytest.mark.parametrize(
    "piece", ["<", "<!--", "<a ", "<div ", "&", "<![CDATA[", "]]>", "<en-media "]
)
async def test_nonsense_of_any_length_takes_no_time_to_speak_of(piece, write, read):
    """What needs the square of its length would take minutes for each."""
    body = piece * (150_000 // len(piece))
    snapshot = await read(write(note("A", body), note("B")))
    assert titles(snapshot)[-1] == "B"


async def test_what_an_export_lacks_that_was_cut_off_is_not_gone(write):
    path = write(note("A"), note("B", created="20240309T065603Z"))
    ctx = FakeContext(source=path, config=EvernoteConfig())
    replica = await read_all(EvernoteProvider(ctx))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"<note><title>B")])
    await replica.run(EvernoteProvider(ctx))
    assert titles(replica) == ["A", "B"]
    path.write_bytes(whole[: whole.index(b"<note><title>B")] + b"</en-export>")
    await replica.run(EvernoteProvider(ctx))
    assert titles(replica) == ["A"]


async def test_what_a_bad_file_beside_others_held_is_not_gone(write):
    path = write(note("A"), name="a.enex")
    write(note("B"), name="b.enex").write_bytes(b"")
    ctx = FakeContext(source=path.parent, config=EvernoteConfig())
    replica = await read_all(EvernoteProvider(ctx))
    # What is read for the first time is whole for the hub, so that it is shown.
    assert [one.whole for one in replica.positions.values()] == [True]
    write(note("B"), name="b.enex")
    await replica.run(EvernoteProvider(ctx))
    path.write_bytes(b"")
    await replica.run(EvernoteProvider(ctx))
    assert titles(replica) == ["A", "B"]
    assert [one.whole for one in replica.positions.values()] == [False]


async def test_a_text_that_its_app_has_encrypted_is_no_text(write, read):
    shut = note("B").replace("<content>", '<content encoding="base64:aes">')
    snapshot = await read(write(note("A"), shut))
    assert titles(snapshot) == ["A"]
    assert "encrypted by the app" in "".join(snapshot.skipped.values())


async def test_what_evernote_writes_for_the_end_of_a_cdata_is_no_loss(write, read):
    (made,) = (await read(write(note("A", "<div>a ]]<![CDATA[>]]> b</div>")))).of(Kind.NOTE)
    assert (made.markdown, made.lost) == ("a \\]\\]> b", ())


@pytest.mark.parametrize(
    "made",
    [
        lambda: note("A", f"""<div style='a:{"url(a)" * 60}"'>x</div>"""),
        lambda: note("A", f"<div style='{'url(' * 100_000}'>x</div>"),
        lambda: note("A", f"<div style='{'a' * 400_000}'>x</div>"),
        lambda: note("A").replace("<title>A</title>", "<title>" * 200_000),
        lambda: note("A", created="").replace("<content>", f"<created>{' ' * 99_000}<content>"),
    ],
    ids=["urls", "open urls", "a name", "titles", "blanks"],
)
async def test_a_note_made_to_be_slow_is_not_slow_by_its_square(made, write, read):
    """Where one is, the time-out of the run says so."""
    assert len(titles(await read(write(made())))) == 1
