"""A cartridge's zip, opened once and read within bounds."""

from __future__ import annotations

import hashlib
import unicodedata
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZipInfo

from bloop_cartridge.config import CartridgeConfig
from bloop_sdk.archives import open_zip, pieces
from bloop_sdk.errors import BloopError, FatalError, MalformedRecordError, MissingRecordError
from bloop_sdk.records import JSONObject

MANIFEST = "imsmanifest.xml"
_UTF8 = 0x800  # The flag of a name in UTF-8 (APPNOTE, appendix D)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the zip, by its path inside the cartridge."""

    path: str
    size: int
    crc32: int

    def facts(self) -> JSONObject:
        """What of a file goes into the raw record: it changes when the bytes do."""
        return {"path": self.path, "size": self.size, "crc32": f"{self.crc32:08x}"}


class Archive:
    """The entries of a cartridge whose zip has been checked.

    Paths are those below the folder that holds the manifest. Raises HostileInputError for a zip
    that breaks the bounds, FatalError for one that cannot be read or holds no manifest.
    """

    def __init__(self, path: Path, bounds: CartridgeConfig) -> None:
        self.name = path.name
        self.bounds = bounds
        self.notes: tuple[str, ...] = ()
        # Systems that tell "A.png" from "a.png" export both; nothing is unpacked to a disk here.
        self._zip = open_zip(path, bounds, case_matters=True)
        # A file collected before its ZipFile would warn that it was left open.
        self._finalizer = weakref.finalize(self, self._zip.close)
        self._finalizer.atexit = False  # A thread may still read as the process ends.
        self._folded: dict[str, str] | None = None
        self._entries = {_name(info): info for info in self._zip.infolist()}
        try:
            self._root = self._find_root()
        except BloopError:
            self.close()
            raise

    def _find_root(self) -> str:
        """The folder of the manifest: the zip's root, or the one folder that holds everything."""
        if MANIFEST in self._entries:
            return ""
        tops = {name.partition("/")[0] for name, _ in self._infos()}
        folder = tops.pop() + "/" if len(tops) == 1 else ""
        if folder and folder + MANIFEST in self._entries:
            self.notes = (f"the zip holds the folder {folder!r} instead of the cartridge itself",)
            return folder
        raise FatalError(
            f"{self.name}: there is no {MANIFEST} at the root of the zip",
            cure="a Common Cartridge has one; export the course as Common Cartridge (.imscc)",
            code="cartridge_manifest_missing",
        )

    def _infos(self) -> Iterator[tuple[str, ZipInfo]]:
        """The files by their names, without folders and what macOS adds."""
        for name, info in self._entries.items():
            base = name.rpartition("/")[2]
            junk = name.startswith("__MACOSX/") or base == ".DS_Store"
            if not info.is_dir() and not junk:
                yield name, info

    def close(self) -> None:
        """Let go of the file."""
        self._finalizer()

    def paths(self) -> Iterator[str]:
        """The paths of all files, in the order of the zip's directory."""
        for name, _ in self._infos():
            if name.startswith(self._root):
                yield name[len(self._root) :]

    def identity(self) -> str:
        """A hash over names, sizes and checksums: the same for the same content."""
        digest = hashlib.sha256()
        for _, info in self._infos():
            digest.update(
                f"{info.filename}\0{info.file_size}\0{info.CRC}\0".encode(errors="replace")
            )
        return digest.hexdigest()

    def find(self, href: str) -> str | None:
        """The path that a reference means, or None.

        Tried as written, percent-decoded, in composed and decomposed form, as Windows writes
        names into a zip, and at last without regard to letter case.
        """
        if self._root + href in self._entries:
            return href
        for candidate in _spellings(href):
            if self._root + candidate in self._entries:
                return candidate
        if self._folded is None:
            self._folded = {path.casefold(): path for path in self.paths()}
        for candidate in _spellings(href):
            found = self._folded.get(candidate.casefold())
            if found is not None:
                return found
        return None

    def entry(self, path: str) -> Entry:
        """Facts about a file; raises MissingRecordError."""
        info = self._info(path)
        return Entry(path, info.file_size, info.CRC)

    def _info(self, path: str) -> ZipInfo:
        try:
            return self._entries[self._root + path]
        except KeyError as err:
            raise MissingRecordError(f"{self.name}: {path} is not in the zip") from err

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, piece by piece; raises MalformedRecordError if they are broken."""
        try:
            yield from pieces(self._zip, self._info(path))
        except MalformedRecordError as err:
            raise MalformedRecordError(f"{self.name}: {err.message}", cure=err.cure) from err

    def read(self, path: str) -> bytes:
        """A whole XML or HTML file; raises MalformedRecordError past ``max_xml_bytes``."""
        if self._info(path).file_size > self.bounds.max_xml_bytes:
            raise MalformedRecordError(
                f"{self.name}: {path} is larger than {self.bounds.max_xml_bytes:,} bytes",
                cure="raise max_xml_bytes in [plugins.cartridge] if the file is to be trusted",
            )
        return b"".join(self.chunks(path))


def _name(info: ZipInfo) -> str:
    """An entry's name; many write UTF-8 without saying so, which zipfile takes for CP437."""
    if info.flag_bits & _UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _spellings(href: str) -> Iterator[str]:
    """The ways in which a zip may spell the path that a manifest names."""
    for text in dict.fromkeys((href, unquote(href))):
        path = text.replace("\\", "/").removeprefix("./").lstrip("/")
        yield path
        if not path.isascii():
            yield unicodedata.normalize("NFC", path)
            yield unicodedata.normalize("NFD", path)
            # Without the UTF-8 flag, zipfile decodes names as code page 437.
            for page in ("cp1252", "cp850"):
                yield path.encode(page, "replace").decode("cp437")
