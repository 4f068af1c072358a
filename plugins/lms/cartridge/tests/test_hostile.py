"""A cartridge is hostile until proven otherwise: each attack gives a clear error, and at once."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest

from bloop_sdk.errors import FatalError, HostileInputError
from bloop_sdk.records import Kind, Ref

MIB = 1024 * 1024


@pytest.fixture
def refused(provider, tmp_path):
    """Write a file and expect that nothing of it is read; gives the error."""

    async def refused(data, error=HostileInputError, **bounds):
        path = tmp_path / "hostile.imscc"
        path.write_bytes(data)
        with pytest.raises(FatalError) as caught:
            await provider(path, **bounds).discover()
        assert type(caught.value) is error, caught.value
        assert caught.value.message.startswith("hostile.imscc: ")
        return str(caught.value)

    return refused


def zipped(manifest, entries=(), *, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("imsmanifest.xml", manifest())
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "absolute path"),
        ("C:/windows.ini", "absolute path"),
        ("../../escape.html", "climbs out"),
        ("a/../../b.html", "climbs out"),
        ("a\\..\\b.html", "backslash"),
        ("a\x01b.html", "control characters"),
        ("a\nb.html", "control characters"),
    ],
)
async def test_names_that_no_export_has(refused, manifest, name, reason):
    message = await refused(zipped(manifest, [(name, b"x")]))
    assert reason in message
    assert repr(name) in message


async def test_a_name_with_nul(refused, manifest):
    """zipfile cuts a name at NUL, so what it opens is not what the directory names."""
    data = zipped(manifest, [("aXb.html", b"x")]).replace(b"aXb.html", b"a\0b.html")
    assert "control characters" in await refused(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
async def test_a_name_twice(refused, manifest):
    message = await refused(zipped(manifest, [("a.html", b"1"), ("a.html", b"2")]))
    assert "appears twice" in message


async def test_symbolic_links_and_devices(refused, manifest):
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = (kind | 0o777) << 16
        assert "link or a device" in await refused(zipped(manifest, [(link, b"/etc/passwd")]))


async def test_encrypted_entries(refused, manifest):
    data = bytearray(zipped(manifest, [("a.html", b"x")]))
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    assert "encrypted" in await refused(bytes(data))


async def test_other_compression(refused, manifest):
    data = zipped(manifest, [("a", b"x" * 99)], compression=zipfile.ZIP_LZMA)
    assert "compression method 14" in await refused(data)


async def test_too_many_entries(refused, manifest):
    entries = [(f"{n}.txt", b"") for n in range(20)]
    message = await refused(zipped(manifest, entries), max_entries=20)
    assert "more than 20 entries" in message
    assert "max_entries" in message


async def test_the_directory_is_counted_whatever_its_end_says(refused, manifest):
    data = bytearray(zipped(manifest, [(f"{n}.txt", b"") for n in range(50)]))
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<HH", data, end + 8, 2, 2)
    assert "more than 20 entries" in await refused(bytes(data), max_entries=20)


async def test_a_bomb_by_ratio(refused, manifest):
    message = await refused(zipped(manifest, [("bomb.html", b"0" * 8 * MIB)]))
    assert "'bomb.html': it grows more than 200 times" in message


async def test_many_small_bombs(refused, manifest):
    """Each entry stays below the floor, and all together do not."""
    entries = [(f"{n}.txt", b"0" * MIB) for n in range(40)]
    message = await refused(zipped(manifest, entries), max_ratio=200)
    assert "times its size" in message


async def test_a_bomb_by_size(refused, manifest):
    data = zipped(manifest, [(f"{n}", b"abc") for n in range(9)])
    assert "at most 20 are allowed" in await refused(data, max_total_bytes=20)
    assert "unpacks to" in await refused(data, max_entry_bytes=2)


async def test_entries_that_share_their_bytes(refused, manifest):
    """David Fifield's overlapping files: two directory entries, one local file."""
    data = bytearray(zipped(manifest, [("a.txt", b"same"), ("b.txt", b"same")]))
    first = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    second = data.index(b"PK\x01\x02", first + 1)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    assert "overlaps with" in await refused(bytes(data))


async def test_a_lying_size_is_caught_while_reading(read, build):
    """The directory says 3 bytes; reading stops there, and the record is skipped."""
    path = build(
        resources='<resource identifier="p" type="webcontent" href="wiki_content/p.html">'
        '<file href="wiki_content/p.html"/></resource>',
        files={"wiki_content/p.html": b"<p>0123456789</p>" * 9},
    )
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 3)
    path.write_bytes(bytes(data))
    snapshot = await read(path)
    assert "cannot be unpacked" in snapshot.skipped["page:p"]


async def test_no_zip_at_all(refused):
    for data in (b"", b"<html>Sign in</html>", b"PK\x05\x06" + b"\0" * 5):
        assert "no zip file" in await refused(data, FatalError)


async def test_a_cut_off_zip(refused, manifest):
    data = zipped(manifest, [("a.bin", bytes(range(256)) * 50)])
    await refused(data[: len(data) // 2], FatalError)


async def test_a_zip_without_a_manifest(refused):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/x.txt", "x")
        archive.writestr("b/imsmanifest.xml", "<manifest/>")
    message = await refused(buffer.getvalue(), FatalError)
    assert "there is no imsmanifest.xml at the root" in message
    assert "Common Cartridge" in message


LAUGHS = (
    '<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("doctype", [LAUGHS, OUTSIDE, "<!-- c --> <?pi?>\n<!DOCTYPE m>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
async def test_entities_in_the_manifest(refused, manifest, doctype, encoding):
    text = manifest(doctype=doctype, title="&c;").replace("UTF-8", encoding)
    message = await refused(zipped(lambda: text.encode(encoding)))
    assert "imsmanifest.xml: it declares a document type" in message


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "<manifest>", "<html/>", "<manifest><a></b></manifest>", "<!-- -->"],
)
async def test_a_broken_manifest(refused, text):
    assert "imsmanifest.xml" in await refused(zipped(lambda: text), FatalError)


async def test_a_manifest_that_cannot_be_unpacked(refused, manifest):
    data = bytearray(zipped(manifest))
    data[60:70] = b"\xff" * 10
    assert "cannot be unpacked" in await refused(bytes(data), FatalError)


async def test_depth(refused, manifest):
    items = '<item identifier="i">' * 100 + "</item>" * 100
    assert "nested deeper than 64" in await refused(zipped(lambda: manifest(items)))


async def test_a_manifest_that_is_too_large(refused, manifest):
    assert "larger than 100 bytes" in await refused(zipped(manifest), FatalError, max_xml_bytes=100)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"{LAUGHS}<webLink><title>&c;</title></webLink>", "document type"),
        (f"{OUTSIDE}<webLink><title>&x;</title></webLink>", "document type"),
        ("<webLink>" + "<a>" * 90 + "</a>" * 90 + "</webLink>", "deeper than 64"),
        ("<webLink><title>", "not well-formed"),
        ("<topic/>", "the root is <topic>, not <webLink>"),
        ("", "not well-formed"),
        ("<webLink>" + " " * 3000 + "</webLink>", "larger than 3,000 bytes"),
    ],
)
async def test_a_bad_record_costs_itself_alone(read, build, body, reason):
    link = '<resource identifier="{0}" type="imswl_xmlv1p3"><file href="{0}.xml"/></resource>'
    files = {"bad.xml": body, "good.xml": '<webLink><title>G</title><url href="u"/></webLink>'}
    path = build(resources=link.format("bad") + link.format("good"), files=files)
    snapshot = await read(path, max_xml_bytes=3000)
    assert list(snapshot.skipped) == ["link:bad"]
    assert reason in snapshot.skipped["link:bad"]
    assert snapshot.records[Ref(Kind.LINK, "good")].title == "G"


async def test_a_file_with_a_wrong_checksum_is_skippable(provider, build):
    path = build(
        resources='<resource identifier="f" type="webcontent"><file href="f.bin"/></resource>',
        files={"f.bin": bytes(range(256))},
    )
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 16] ^= 0xFF
    path.write_bytes(bytes(data))
    batch = await provider(path).fetch([Ref(Kind.FILE, "f")])
    from bloop_sdk.errors import SkippableError

    with pytest.raises(SkippableError, match="CRC"):
        [piece async for piece in batch.records[0].chunks()]
