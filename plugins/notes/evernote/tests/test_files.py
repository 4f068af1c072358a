"""Attachments: whose they are, what they are called, and their bytes."""

from __future__ import annotations

import base64

import pytest

from bloop_evernote import payload, reader
from bloop_evernote.files import file_name
from bloop_evernote.scan import Window
from bloop_evernote.text import text_of
from bloop_sdk.records import Kind, Ref
from plugins.notes.evernote.tests.exports import md5, media, note, resource

A, B = b"\x89PNG one", b"\x89PNG two and a bit more"


def files(snapshot):
    return {one.name: one for one in snapshot.of(Kind.FILE)}


async def test_an_attachment_stands_where_the_text_names_its_hash(write, read):
    body = f"<div>{media(B, width='300px')}</div><div>{media(A, 'application/pdf')}</div>"
    more = resource(A, "application/pdf", "a.pdf") + resource(B, name="b.png")
    snapshot = await read(write(note("N", body, more)))
    (made,) = snapshot.of(Kind.NOTE)
    pdf, png = (f"bloop:file:{files(snapshot)[name].remote_id}" for name in ("a.pdf", "b.png"))
    assert made.markdown == f"![b.png]({png})\n\n[a.pdf]({pdf})"
    assert f'<img src="{png}" alt="b.png" width="300">' in made.html
    assert made.lost == ()
    assert {name: one.size for name, one in files(snapshot).items()} == {
        "a.pdf": len(A),
        "b.png": len(B),
    }


async def test_sound_and_video_are_played_and_what_no_mark_shows_stands_at_the_end(write, read):
    more = resource(A, "audio/mpeg", "a.mp3") + resource(B, "video/mp4", "b.mp4")
    snapshot = await read(write(note("N", media(A, "audio/mpeg"), more)))
    (made,) = snapshot.of(Kind.NOTE)
    assert made.html.startswith('<audio src="bloop:file:')
    assert '<video src="bloop:file:' in made.html
    assert made.markdown.startswith("[a.mp3](bloop:file:")


async def test_a_wrong_hash_is_taken_by_kind_and_order_and_named(write, read):
    wrong = '<en-media hash="{}" type="image/png"/>'.format("0" * 32)
    body = f"{wrong}<en-media type='application/pdf'/>{media(A)}"
    more = resource(A, name="a.png") + resource(B, name="b.png")
    more += resource(b"%PDF", "application/pdf", "c.pdf")
    snapshot = await read(write(note("N", body, more)))
    (made,) = snapshot.of(Kind.NOTE)
    ids = {name: one.remote_id for name, one in files(snapshot).items()}
    shown = [made.html.index(ids[name]) for name in ("b.png", "c.pdf", "a.png")]
    assert shown == sorted(shown)
    assert made.lost == (
        f"the hash {'0' * 32} of an attachment is not that of its bytes: taken for b.png",
        "the hash (none) of an attachment is not that of its bytes: taken for c.pdf",
    )


async def test_the_hash_that_evernote_noted_counts_where_the_bytes_have_another(write, read):
    noted = "1" * 32
    inside = (
        f'<recognition><![CDATA[<recoIndex objID="{noted}"><item/></recoIndex>]]></recognition>'
    )
    body = f'<en-media hash="{noted}" type="image/png"/>'
    more = resource(A, name="first.png") + resource(B, name="second.png", inside=inside)
    snapshot = await read(write(note("N", body, more)))
    (made,) = snapshot.of(Kind.NOTE)
    assert made.markdown.startswith("![second.png]")
    assert made.lost == ()


async def test_the_same_bytes_twice_are_two_files_with_names_of_their_own(write, read):
    more = (
        resource(A, name="Photo.PNG")
        + resource(A, name="photo.png")
        + resource(B, name="photo.png")
    )
    snapshot = await read(write(note("N", media(A) + media(B), more)))
    assert sorted(files(snapshot)) == ["Photo.PNG", "photo (2).png", "photo (3).png"]
    assert files(snapshot)["photo (2).png"].lost == ("its name as it was: 'photo.png'",)
    assert len({one.remote_id for one in snapshot.of(Kind.FILE)}) == 3
    (made,) = snapshot.of(Kind.NOTE)
    assert made.markdown.count("![") == 2
    both = await read(write(note("N", media(A) + media(A), more)))
    assert "![Photo.PNG]" in (text := both.of(Kind.NOTE)[0].markdown)
    assert "![photo (2).png]" in text


@pytest.mark.parametrize(
    ("wanted", "mime", "expected"),
    [
        ("a/b\\c:d*?.txt", "text/plain", "a_b_c_d__.txt"),
        ("../../etc/passwd", "text/plain", "_.._etc_passwd.txt"),
        ("con.txt", "text/plain", "_con.txt"),
        ("invoice\u202egnp.exe", "application/x-msdownload", "invoice_gnp.exe"),
        ("", "image/png", "attachment.png"),
        ("", "", "attachment"),
        ("no suffix. of any use at all", "application/pdf", "no suffix. of any use at all.pdf"),
        ("a.b.c.txt", "text/plain", "a.b.c.txt"),
        ("ü" * 300 + ".png", "image/png", "ü" * 73 + ".png"),
    ],
)
def test_names_are_such_that_every_system_takes_them(wanted, mime, expected):
    assert file_name(wanted, mime, set()) == expected


async def test_broken_base64_gives_what_can_be_had_and_says_so(write, read):
    good = base64.b64encode(B).decode()
    broken = f"{good[:8]}\n &#13;*{good[8:]}="
    cut = base64.b64encode(A * 3).decode()[:13]
    shapes = (
        f"<![CDATA[{good}]]>", broken, cut, "", good.rstrip("="), "  \n\t" + "\r\n".join(good),
    )  # fmt: skip
    more = "".join(
        f'<resource><data encoding="base64">{text}</data><mime>image/png</mime>'
        f"<resource-attributes><file-name>{n}.png</file-name></resource-attributes></resource>"
        for n, text in enumerate(shapes)
    )
    made = files(await read(write(note("N", "", more))))
    assert [made[f"{n}.png"].size for n in range(6)] == [len(B), len(B), 9, 0, len(B), len(B)]
    assert made["1.png"].lost == ("1 characters in it that are no base64",)
    assert made["2.png"].lost == ("its last bytes: its base64 breaks off",)
    assert [made[f"{n}.png"].lost for n in (0, 3, 4, 5)] == [()] * 4


async def test_references_in_base64_are_met_wherever_a_piece_ends(tmp_path):
    data = bytes(range(256)) * 30
    text = base64.encodebytes(data).replace(b"\n", b"&#13;\n")
    path = tmp_path / "data"
    path.write_bytes(text)
    for size in (97, 101, 4096):
        with path.open("rb") as file, pytest.MonkeyPatch.context() as patch:
            patch.setattr(payload, "CHUNK", size)
            seen = payload.Payload()
            made = b"".join(payload.decoded(Window(file), (0, len(text)), seen))
        assert (made == data, seen.flaws()) == (True, [])


async def test_the_kind_of_a_file_is_told_by_its_name_where_evernote_knows_none(write, read):
    more = resource(A, "application/octet-stream", "a.png") + resource(B, "", "b.bin")
    shown = media(A, "application/octet-stream", width="50%")
    snapshot = await read(write(note("N", shown, more)))
    assert [one.media_type for one in snapshot.of(Kind.FILE)] == [
        "image/png",
        "application/octet-stream",
    ]
    assert snapshot.of(Kind.NOTE)[0].html.startswith('<img src="bloop:file:')
    assert "width" not in snapshot.of(Kind.NOTE)[0].html


async def test_an_attachment_without_data_or_too_large_is_named_and_the_note_stays(write, read):
    empty = "<resource><mime>image/png</mime></resource>"
    path = write(note("N", media(A), empty + resource(b"x" * 5000, name="big.bin")))
    snapshot = await read(path, max_file_bytes=1000)
    (made,) = snapshot.of(Kind.NOTE)
    assert [what for what in made.lost if "attachment" in what] == [
        "the attachment 'attachment 1': it has no data",
        "the attachment 'big.bin': it is too large",
        f"an attachment that the export lacks: image/png {md5(A)}",
    ]
    assert len(snapshot.skipped) == 2
    assert all("'N' at offset" in reason for reason in snapshot.skipped.values())


async def test_ink_is_a_file_and_its_picture_is_shown(write, read):
    ink = "application/vnd.evernote.ink"
    snapshot = await read(
        write(note("N", media(A, ink), resource(A, ink) + resource(B, name="i.png")))
    )
    (made,) = snapshot.of(Kind.NOTE)
    strokes = next(one for one in snapshot.of(Kind.FILE) if one.media_type == ink)
    assert strokes.lost == ("the strokes of its ink: only Evernote draws them",)
    assert "![i.png]" in made.markdown


async def test_a_text_is_parsed_once_for_all_of_its_pictures(write, read, monkeypatch):
    data = [base64.b64encode(b"%d" % number).decode() for number in range(20)]
    body = "".join(f'<img src="data:image/png;base64,{one}"/>' for one in data)
    parsed = []
    monkeypatch.setattr(reader, "text_of", lambda text: parsed.append(text) or text_of(text))
    snapshot = await read(write(note("N", body)))
    for number, one in enumerate(snapshot.of(Kind.FILE)):
        assert b"".join([piece async for piece in one.chunks()]) == b"%d" % number
    assert len(parsed) == 1


async def test_pictures_in_the_text_become_files(write, read):
    png = base64.b64encode(A).decode()
    body = f'<img src="data:image/png;base64,{png}"/>'
    body += '<img src="data:image/svg+xml,%3Csvg/%3E" alt="s"/>'
    snapshot = await read(write(note("N", body)))
    (made,) = snapshot.of(Kind.NOTE)
    assert {one.name: one.size for one in snapshot.of(Kind.FILE)} == {
        "picture 1.png": len(A),
        "picture 2.svg": len(b"<svg/>"),
    }
    assert "data:" not in made.html + made.markdown
    for one in snapshot.of(Kind.FILE):
        data = b"".join([piece async for piece in one.chunks()])
        assert md5(data) == one.raw["md5"]
        assert Ref(Kind.FILE, one.remote_id) in snapshot.records
