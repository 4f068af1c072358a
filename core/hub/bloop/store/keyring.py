"""Where the master keys of a hub are kept: a file for its user alone, or a variable.

Both hold the same text, ``VERSION:KEY`` in hexadecimal digits for each key, separated by spaces,
commas or line ends; in a file, what follows ``#`` is a comment.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bloop.store.sealing import KEY_BYTES, LocalKeys, MasterKeys
from bloop_sdk import ConfigError

FILE = "master.key"

_WORD = re.compile(rf"([1-9][0-9]{{0,8}}):([0-9a-fA-F]{{{2 * KEY_BYTES}}})")

_HEADING = """\
# The master keys of a Bloop hub, one for each version. Without them no secret in its database
# opens: keep a copy with every backup, away from the database.
"""


class KeySource(Protocol):
    """Where master keys come from. One of a KMS would give keys that call it."""

    def __str__(self) -> str:
        """Its name, for people."""

    @property
    def warning(self) -> str | None:
        """What is wrong with the place, though the keys can be used."""

    def read(self) -> MasterKeys | None:
        """The keys; None where there are none. Raises ConfigError for what holds no keys."""

    def add(self, version: int) -> None:
        """Make one more key; the same again keeps the first. Raises ConfigError."""

    def remove(self, version: int) -> bool:
        """Forget a key; whether that was done here."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of keys, which ``bloop keys`` writes."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def warning(self) -> str | None:
        """That others than the hub's user can read or write it."""
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except OSError:
            return None
        return f"{self.path} is open to other users" if mode & 0o077 else None

    def read(self) -> LocalKeys | None:
        """The keys in the file; None where there is no file."""
        try:
            text = self.path.read_text("ascii", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as err:
            raise ConfigError(
                f"{self.path} cannot be read: {err.strerror}", cure="let the hub's user read it"
            ) from err
        return parse_keys(text, str(self.path))

    def add(self, version: int) -> None:
        """Write a new key into the file; of two who make the file, one's key stays."""
        known = self.read()
        if known is None:
            self._write({version: os.urandom(KEY_BYTES)}, first=True)
        elif version not in known.versions:
            self._write({**known.keys, version: os.urandom(KEY_BYTES)})

    def remove(self, version: int) -> bool:
        """Write the file without this key."""
        known = self.read()
        if known is not None and version in known.versions:
            self._write({one: key for one, key in known.keys.items() if one != version})
        return True

    def _write(self, keys: Mapping[int, bytes], *, first: bool = False) -> None:
        """Whole or not at all, and on the disk before anything is sealed with it."""
        lines = [f"{version}:{key.hex()}\n" for version, key in sorted(keys.items())]
        folder = self.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, unfinished = tempfile.mkstemp(dir=folder, prefix=".master-")  # Mode 0600.
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(_HEADING + "".join(lines))
                    file.flush()
                    os.fsync(file.fileno())
                if first:
                    # A link, unlike a rename, never replaces what is there.
                    with suppress(FileExistsError):
                        os.link(unfinished, self.path)
                else:
                    # Whoever writes it, root for one: the hub's user goes on reading it.
                    before = self.path.stat()
                    os.chown(unfinished, before.st_uid, before.st_gid)
                    Path(unfinished).replace(self.path)
            finally:
                Path(unfinished).unlink(missing_ok=True)
            _sync(folder)
        except OSError as err:
            raise ConfigError(
                f"{self.path} cannot be written: {err.strerror}",
                cure="let the hub's user write into that folder",
            ) from err


@dataclass(frozen=True, slots=True)
class KeyVariable:
    """A variable of the environment: the operator adds and removes its keys."""

    name: str
    env: Mapping[str, str] = field(repr=False)

    def __str__(self) -> str:
        return f"the variable {self.name}"

    @property
    def warning(self) -> str | None:
        """Nothing can be said of it."""
        return None

    def read(self) -> LocalKeys | None:
        """The keys in the variable; None where it is not set."""
        text = self.env.get(self.name)
        return parse_keys(text, str(self)) if text else None

    def add(self, version: int) -> None:
        """Raises ConfigError: a process can't change what others are started with."""
        known = self.read()
        if known is not None and version in known.versions:
            return
        raise ConfigError(
            f"{self} holds no master key {version}, and cannot be written from here",
            cure=f"add what `bloop keys make {version}` prints to it on every machine, "
            "and start the hub again",
        )

    def remove(self, version: int) -> bool:
        """It is the operator's to do."""
        known = self.read()
        return known is None or version not in known.versions


def make_key(version: int) -> str:
    """A new key as it stands in a file or a variable."""
    return f"{version}:{os.urandom(KEY_BYTES).hex()}"


def parse_keys(text: str, where: str) -> LocalKeys:
    """The keys in a text; raises ConfigError, which repeats nothing of it."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    keys: dict[int, bytes] = {}
    for word in " ".join(lines).replace(",", " ").split():
        found = _WORD.fullmatch(word)
        # Twice the same version would be a riddle: which of them opens what?
        if found is None or int(found[1]) in keys:
            raise _broken(where)
        keys[int(found[1])] = bytes.fromhex(found[2])
    if not keys:
        raise _broken(where)
    return LocalKeys(keys)


def _broken(where: str) -> ConfigError:
    return ConfigError(
        f"{where} holds no master keys that can be read",
        cure="restore it from a backup: without it no secret of the database opens",
    )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
