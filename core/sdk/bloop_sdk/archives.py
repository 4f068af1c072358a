"""Zips from outside: what one must keep to before anything in it is read, and reading it.

    class Config(ArchiveBounds): ...

    with open_zip(path, config) as archive:
        for piece in pieces(archive, archive.getinfo("a.txt")): ...

The format is PKWARE's APPNOTE 6.3.10. `zipfile` reads a whole directory into memory and believes
it, so the directory is counted first and judged after.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from bloop_sdk.errors import FatalError, HostileInputError, MalformedRecordError
from bloop_sdk.settings import PluginConfig, setting

MIB = 1024 * 1024
CHUNK = 256 * 1024
# Everything that zipfile was seen to raise on directories and data with flipped bits.
BROKEN = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_HEADER = struct.Struct("<4s4B4H3L5H2L")
_MAX_COMMENT = 0xFFFF
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_MAKE_AGAIN = "export or zip it again and import the new file"


class ArchiveBounds(PluginConfig):
    """Settings of a plugin that reads zips: the bounds that each is held to."""

    max_entries: int = setting(50_000, ge=1, description="Most entries in the zip")
    max_total_bytes: int = setting(
        4096 * MIB, ge=1, description="Most bytes of all entries together, unpacked"
    )
    max_entry_bytes: int = setting(
        2048 * MIB, ge=1, description="Most bytes of one entry, unpacked"
    )
    max_ratio: int = setting(
        200, ge=1, description="Most times that an entry may grow when it is unpacked"
    )
    ratio_floor_bytes: int = setting(
        MIB, ge=0, description="Entries up to this size, unpacked, may grow as they like"
    )


def open_zip(path: Path, bounds: ArchiveBounds, *, case_matters: bool = False) -> ZipFile:
    """A zip that keeps the bounds, open to be read; its names part folders by ``/``.

    Unless ``case_matters``, names that differ by letter case alone are refused like one that
    stands twice. Raises HostileInputError for one that breaks the bounds, FatalError for what is
    no readable zip.
    """
    try:
        with path.open("rb") as file:
            _count_entries(file, bounds)
        archive = ZipFile(path)
    except FatalError as err:
        raise type(err)(f"{path.name}: {err.message}", cure=err.cure) from err
    except BROKEN as err:
        raise FatalError(
            f"{path.name}: the zip cannot be read: {err}",
            cure=f"check that the whole file was copied, or {_MAKE_AGAIN}",
        ) from err
    _mend_separators(archive)
    try:
        _check_directory(archive.infolist(), path.stat().st_size, bounds, case_matters=case_matters)
    except FatalError as err:
        archive.close()
        raise type(err)(f"{path.name}: {err.message}", cure=err.cure) from err
    return archive


def pieces(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    """The bytes of an entry, never more than the directory says.

    Raises MalformedRecordError where they are broken.
    """
    left = info.file_size
    try:
        with archive.open(info) as stream:
            while piece := stream.read(CHUNK):
                left -= len(piece)
                yield piece
    except BROKEN as err:
        raise _malformed(info, f"cannot be unpacked: {err}") from err
    if left:
        raise _malformed(info, "is not as long as the zip's directory says")


def _malformed(info: ZipInfo, what: str) -> MalformedRecordError:
    return MalformedRecordError(f"{info.filename} {what}", cure=_MAKE_AGAIN)


def _mend_separators(archive: ZipFile) -> None:
    """Give names of Windows's older zippers, which parted folders by backslashes, their ``/``.

    APPNOTE 4.4.17.1 has it so; what is looked for in the file itself stays as it was written.
    """
    for info in archive.infolist():
        if "\\" in info.filename:
            info.filename = info.filename.replace("\\", "/")
            archive.NameToInfo.setdefault(info.filename, info)


def _count_entries(file: BinaryIO, bounds: ArchiveBounds) -> int:
    """Count the central directory's entries one by one, and stop at the bound.

    Raises FatalError where there is no directory, HostileInputError past the bound.
    """
    start, size = _directory(file)
    file.seek(start)
    count = used = 0
    while used < size:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or head[:4] != b"PK\x01\x02":
            raise FatalError(
                f"the zip's directory is broken after {count} entries", cure=_MAKE_AGAIN
            )
        fields = _HEADER.unpack(head)
        extra = sum(fields[12:15])
        file.seek(extra, 1)
        used += _HEADER.size + extra
        count += 1
        if count > bounds.max_entries:
            raise HostileInputError(
                f"the zip holds more than {bounds.max_entries} entries",
                cure="raise max_entries in the plugin's settings if the file is to be trusted",
            )
    return count


def _directory(file: BinaryIO) -> tuple[int, int]:
    """Where the central directory starts, and its size in bytes."""
    length = file.seek(0, 2)
    file.seek(max(0, length - _END.size - _MAX_COMMENT))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise FatalError("this is no zip file, or its end is missing", cure=_MAKE_AGAIN)
    size = _END.unpack_from(tail, at)[5]
    end = length - len(tail) + at
    # Whatever the end says of itself, `zipfile` believes a zip64 record that stands before it.
    end, size = _end64(file, end) or (end, size)
    if size > end:
        raise FatalError("the zip's directory lies outside the file", cure=_MAKE_AGAIN)
    return end - size, size


def _end64(file: BinaryIO, end: int) -> tuple[int, int] | None:
    """End and size of the directory by the zip64 record in front of ``end``, if there is one."""
    position = end - _LOCATOR64.size - _END64.size
    if position < 0:
        return None
    file.seek(position)
    record = file.read(_END64.size)
    if len(record) < _END64.size or record[:4] != b"PK\x06\x06":
        return None
    return position, int(_END64.unpack(record)[8])


def _check_directory(
    infos: Sequence[ZipInfo], archive_bytes: int, bounds: ArchiveBounds, *, case_matters: bool
) -> None:
    """Refuse names, sizes and kinds of entries that no export has; raises HostileInputError."""
    if len(infos) > bounds.max_entries:
        raise HostileInputError(f"the zip holds more than {bounds.max_entries} entries")
    seen: set[str] = set()
    for info in infos:
        _check_name(info)
        _check_kind(info)
        _check_size(info, bounds)
        folded = info.filename if case_matters else info.filename.casefold()
        if folded in seen:
            aside = "" if case_matters else " (letter case aside)"
            raise _refusal(info.filename, f"its name appears twice{aside}")
        seen.add(folded)
    total = sum(info.file_size for info in infos)
    if total > bounds.max_total_bytes:
        raise HostileInputError(
            f"the zip unpacks to {total:,} bytes; at most {bounds.max_total_bytes:,} are allowed",
            cure="raise max_total_bytes in the plugin's settings if the file is to be trusted",
        )
    if total > bounds.ratio_floor_bytes + bounds.max_ratio * archive_bytes:
        raise HostileInputError(
            f"the zip unpacks to {total // max(archive_bytes, 1)} times its size; "
            f"at most {bounds.max_ratio} times is allowed"
        )
    _check_overlap(infos)


def _check_name(info: ZipInfo) -> None:
    name = info.orig_filename
    if not name or _CONTROL.search(name):
        raise _refusal(name, "its name is empty or holds control characters")
    path = name.replace("\\", "/")
    by = " by a backslash" if path != name else ""
    if path.startswith("/") or _DRIVE.match(path):
        raise _refusal(name, f"its name is an absolute path{by}")
    if ".." in path.split("/"):
        raise _refusal(name, f"its name climbs out of the folder{by}")


def _check_kind(info: ZipInfo) -> None:
    mode = info.external_attr >> 16
    if info.create_system == 3 and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _refusal(info.filename, "it is a link or a device")
    if info.flag_bits & _ENCRYPTED:
        raise _refusal(info.filename, "it is encrypted")
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        raise _refusal(info.filename, f"compression method {info.compress_type} is not read here")


def _check_size(info: ZipInfo, bounds: ArchiveBounds) -> None:
    if info.file_size > bounds.max_entry_bytes:
        raise _refusal(info.filename, f"it unpacks to {info.file_size:,} bytes")
    if info.is_dir() and info.file_size:
        raise _refusal(info.filename, "it is a folder with content")
    floor = info.file_size > bounds.ratio_floor_bytes
    if floor and info.file_size > bounds.max_ratio * info.compress_size:
        raise _refusal(info.filename, f"it grows more than {bounds.max_ratio} times")
    if info.compress_type == ZIP_STORED and info.file_size != info.compress_size:
        raise _refusal(info.filename, "its two sizes contradict each other")


def _check_overlap(infos: Iterable[ZipInfo]) -> None:
    """Entries that share bytes are how a small zip unpacks to petabytes."""
    previous, reached = "", 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < reached:
            raise _refusal(info.filename, f"it overlaps with {previous!r}")
        previous, reached = info.filename, info.header_offset + 30 + info.compress_size


def _refusal(name: str, reason: str) -> HostileInputError:
    return HostileInputError(f"zip entry {name!r}: {reason}", cure=_MAKE_AGAIN)
