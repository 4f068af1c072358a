"""What a zip says of its directory, against what is read of it."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from bloop_sdk import archives
from bloop_sdk.errors import HostileInputError


def test_a_directory_that_only_zip64_tells_of_is_counted_before_it_is_read(tmp_path, monkeypatch):
    """`zipfile` takes the zip64 record wherever there is one, and the plain end says nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.md", "")
    whole = buffer.getvalue()
    end = whole.rindex(b"PK\5\6")
    size, start = struct.unpack_from("<2L", whole, end + 12)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 50, 50, size, start)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    path = tmp_path / "a.zip"
    path.write_bytes(
        whole[:end] + record + locator + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 0, 0)
    )
    assert len(zipfile.ZipFile(path).infolist()) == 50
    read = []
    monkeypatch.setattr(archives, "ZipFile", read.append)

    with pytest.raises(HostileInputError, match="more than 10 entries"):
        archives.open_zip(path, archives.ArchiveBounds(max_entries=10))

    assert read == []


def test_names_of_old_windows_zippers_have_slashes_and_may_not_climb(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sub\\A.md", "1")
        archive.writestr("sub/a.md", "2")
    with pytest.raises(HostileInputError, match="appears twice"):
        archives.open_zip(path, archives.ArchiveBounds())
    with archives.open_zip(path, archives.ArchiveBounds(), case_matters=True) as opened:
        info = opened.getinfo("sub/A.md")
        assert b"".join(archives.pieces(opened, info)) == b"1"

    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sub\\..\\..\\b.md", "3")
    with pytest.raises(HostileInputError, match="climbs out of the folder by a backslash"):
        archives.open_zip(path, archives.ArchiveBounds(), case_matters=True)
