"""The folder of a connection: where it may lie, and how files in it are changed.

Every change is whole or not at all: a file is written beside its place, with a name that starts
with a dot, and then put there in one step.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import splitext

from bloop_markdown.config import MarkdownConfig
from bloop_sdk.archives import CHUNK
from bloop_sdk.errors import (
    ConfigError,
    MissingRecordError,
    PermissionMissingError,
    PreconditionFailedError,
    UnavailableError,
)
from bloop_sdk.folders import open_inside

TRASH = ".trash"
MAX_NAME_BYTES = 200
"""Of a name without its suffix: most file systems take 255, and a number may have to follow."""
_FORBIDDEN = re.compile(r'[<>:"/\\|?*#^\[\]\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+')
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_JOINERS = "\u200c\u200d"  # Letters of Persian and of emoji.
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")


def root_of(config: MarkdownConfig, institution: str) -> Path:
    """The folder of a connection; raises ConfigError for one that nobody has allowed."""
    if not config.folder:
        raise ConfigError("this connection names no folder", cure="set folder")
    allowed = [Path(str(one).replace("{institution}", institution)) for one in config.vaults]
    # One answer for all: whoever makes a connection must not learn what else there is.
    refused = ConfigError(
        f"{config.folder} is in no folder that vaults may lie in",
        cure='let the hub\'s admin allow one: vaults = ["/srv/vaults"] in [plugins.markdown]',
    )
    folder = Path(config.folder)
    if not folder.is_absolute() or "\0" in config.folder:
        raise refused
    try:
        root = folder.resolve()
        within = [above.resolve() for above in allowed if above.is_absolute()]
    except (OSError, RuntimeError):
        raise refused from None
    above = next((above for above in within if root.is_relative_to(above)), None)
    if above is None or any(part.startswith(".") for part in root.relative_to(above).parts):
        raise refused
    if not root.is_dir():
        raise ConfigError(f"{config.folder} is no folder", cure="create it, or mount it again")
    return root


def safe_name(title: str) -> str:
    """A file's name without its suffix that every file system, and every wiki link, can hold."""
    text = unicodedata.normalize("NFC", title)
    text = " ".join(_FORBIDDEN.sub("-", text).split())
    text = "".join(letter for letter in text if letter.isprintable() or letter in _JOINERS)
    text = text.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip(". ")
    return f"{text}_" if _RESERVED.fullmatch(text) else text or "Untitled"


class Vault:
    """Writes below ``root``. Raises PermissionMissingError and UnavailableError for the disk's."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def replace(self, path: str, data: bytes, version: str | None, key: str) -> None:
        """Put other bytes into a file that still has the SHA-256 ``version``."""
        with self._changing(path) as target:
            mode = target.stat().st_mode & 0o777
            with self._beside(target, key, iter([data]), mode) as temp:
                self.expect(path, version)
                temp.replace(target)
                _sync(target.parent)

    def create(self, folder: str, name: str, pieces: Iterator[bytes], key: str) -> str:
        """A new file in ``folder``, with another name where that is taken; its path."""
        with (
            self._changing(f"{folder}{name}", new=True) as target,
            self._beside(target, key, pieces, 0o666) as temp,
        ):
            return self._placed(temp, folder, name)

    def move(self, path: str, folder: str, name: str) -> str:
        """A file in another folder, with another name where that is taken; its path."""
        with self._changing(path) as source, self._changing(f"{folder}{name}", new=True):
            placed = self._placed(source, folder, name)
            source.unlink()
            _sync(source.parent)
            return placed

    def make_folder(self, folder: str, name: str) -> str:
        """A new folder, with another name where that is taken; its path."""
        with self._changing(f"{folder}{name}", new=True):
            taken = self._taken(folder)
            for path in _numbered(folder, name):
                if _fold(path[len(folder) :]) in taken:
                    continue
                try:
                    (self.root / path).mkdir()
                except FileExistsError:
                    continue
                _sync((self.root / path).parent)
                return f"{path}/"
        raise AssertionError("numbers do not end")

    def move_folder(self, path: str, folder: str, name: str) -> None:
        """A folder with all that is in it to another place, in one step.

        Raises PreconditionFailedError where something has that name already.
        """
        with (
            self._changing(path.rstrip("/")) as source,
            self._changing(f"{folder}{name}", new=True),
        ):
            target = self.root / folder / name
            itself = target.exists() and target.samefile(source)
            if _fold(name) in self._taken(folder) and not itself:
                raise PreconditionFailedError(f"{folder}{name} is there already")
            source.rename(target)
            _sync(target.parent)
            _sync(source.parent)

    def remove_twin(self, path: str, folder: str, name: str) -> bool:
        """Take away a file that has its new name too, as a kill in the middle of a move leaves."""
        if not any(self.same(path, other) for other in self.candidates(folder, name)):
            return False
        with self._changing(path) as target:
            target.unlink()
            _sync(target.parent)
        return True

    def same(self, path: str, other: str) -> bool:
        """Whether two paths are names of one file."""
        try:
            return path != other and (self.root / path).samefile(self.root / other)
        except OSError:
            return False

    def expect(self, path: str, version: str | None) -> None:
        """Raise PreconditionFailedError for a file that is another one by now."""
        try:
            with open_inside(self.root, path) as file:
                found = hashlib.sha256(file.read()).hexdigest()
        except MissingRecordError:
            found = None
        if found != version:
            raise PreconditionFailedError(f"{path} was changed meanwhile")

    def candidates(self, folder: str, name: str) -> Iterator[str]:
        """The paths that a file of this name may have been given, the first free one last."""
        taken = self._taken(folder)
        for path in _numbered(folder, name):
            yield path
            if _fold(path[len(folder) :]) not in taken:
                return

    def _placed(self, source: Path, folder: str, name: str) -> str:
        """Give a file a second name, which nobody has; letter case does not tell names apart."""
        taken = self._taken(folder)
        for path in _numbered(folder, name):
            if _fold(path[len(folder) :]) in taken:
                continue
            target = self.root / path
            try:
                _link(source, target)
            except FileExistsError:
                continue
            _sync(target.parent)
            return path
        raise AssertionError("numbers do not end")

    def _taken(self, folder: str) -> set[str]:
        try:
            return {_fold(path.name) for path in (self.root / folder).iterdir()}
        except FileNotFoundError:
            return set()

    @contextmanager
    def _changing(self, path: str, *, new: bool = False) -> Iterator[Path]:
        """The place of a file, whose folder is there and inside; the disk's errors in words."""
        target = self.root / path
        try:
            # Links are resolved before and after: what is made must not be made elsewhere.
            for _ in range(2):
                if not target.parent.resolve().is_relative_to(self.root):
                    raise PermissionMissingError(
                        f"{path} leads out of the folder", permission="write outside of the vault"
                    )
                if new:
                    target.parent.mkdir(parents=True, exist_ok=True)
            yield target
        except FileNotFoundError as err:
            raise MissingRecordError(f"{path} is gone") from err
        except OSError as err:
            if err.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise PermissionMissingError(
                    f"{path} cannot be written: {err.strerror}",
                    permission="write in the vault",
                    cure="let the hub's user write in the folder",
                ) from err
            raise UnavailableError(f"{path} cannot be written: {err.strerror}") from err

    @contextmanager
    def _beside(self, target: Path, key: str, pieces: Iterator[bytes], mode: int) -> Iterator[Path]:
        """A whole file beside its place. The same key has the same name: nothing is left over."""
        temp = target.parent / f".bloop-{hashlib.sha256(key.encode()).hexdigest()[:24]}.tmp"
        temp.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            with os.fdopen(os.open(temp, flags, 0o666), "wb") as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            if mode != 0o666:
                temp.chmod(mode)
            yield temp
        finally:
            temp.unlink(missing_ok=True)


def _numbered(folder: str, name: str) -> Iterator[str]:
    stem, suffix = splitext(name)
    yield f"{folder}{name}"
    number = 2
    while True:
        yield f"{folder}{stem} {number}{suffix}"
        number += 1


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _link(source: Path, target: Path) -> None:
    """A second name, never over another file; raises FileExistsError."""
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as err:
        if err.errno not in _NO_LINKS:
            raise
        _copy(source, target)  # A file system without links, such as a USB stick's.


def _copy(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    temp = target.parent / f".bloop-{os.getpid()}.tmp"
    try:
        with source.open("rb") as old, temp.open("wb") as new:
            while piece := old.read(CHUNK):
                new.write(piece)
            new.flush()
            os.fsync(new.fileno())
        temp.replace(target)
    except BaseException:
        target.unlink(missing_ok=True)
        temp.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Make names durable, where a folder can be opened for that."""
    flags = getattr(os, "O_DIRECTORY", None)
    if flags is None:
        return
    opened = os.open(folder, os.O_RDONLY | flags)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
