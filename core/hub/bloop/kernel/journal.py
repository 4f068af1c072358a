"""The journal: which plugin's code a process was running when it died.

Each process writes a file of its own and holds a lock on it; what holds no lock is of a process
that is gone. A line before a plugin's code runs and one after it: where the second is missing, the
plugin is a suspect, and stays one until its version changes or it is forgiven. A write outlives the
process by itself; :meth:`Journal.sync` makes it outlive the machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SUFFIX = ".jsonl"
_FATAL = re.compile(r"^Fatal Python error: (?P<why>.+)$", re.MULTILINE)
_FRAME = re.compile(r'  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>.+)')


@dataclass(frozen=True, slots=True)
class Code:
    """Which code: a plugin, its distribution's version, and the folder of its package."""

    plugin: str
    version: str
    root: str

    def owns(self, file: str) -> bool:
        """Whether a source file is of this plugin, or a call that is made for it."""
        return file.startswith(self.root + os.sep) or file == calls_of(self.plugin)


def calls_of(plugin: str) -> str:
    """The file that tracebacks name for a frame of the hub's that runs a plugin's call."""
    return f"<plugin {plugin}>"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A plugin whose code was running when a process died."""

    plugin: str
    version: str
    what: str
    at: str
    pid: int
    witnessed: bool = False
    """Whether the stacks show it, rather than that its code had begun and not ended."""

    def __str__(self) -> str:
        return f"process {self.pid} died in {self.what} (version {self.version}, {self.at})"


class Journal:
    """The journal of this process in ``folder``, which is made where it is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._path = folder / f"{name}{_SUFFIX}"
        self.stacks = folder / f"{name}.stacks"
        # Locked before it has its name, so that nobody takes it for a dead process's.
        hidden = folder / f".{name}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
        self._file = os.open(hidden, flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        hidden.rename(self._path)
        self._lock = threading.Lock()
        self._open: set[int] = set()
        self._number = 0
        self._dirty = False

    @contextlib.contextmanager
    def running(self, code: Code, what: str) -> Iterator[None]:
        """Tell that a plugin's code runs for as long as the ``with`` block does."""
        number = self.begin(code, what)
        try:
            yield
        finally:
            self._write(end=number)
            self._open.discard(number)

    def begin(self, code: Code, what: str) -> int:
        """Tell that a plugin's code runs, and never that it ended."""
        with self._lock:
            self._number = number = self._number + 1
        self._open.add(number)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(
            begin=number,
            plugin=code.plugin,
            version=code.version,
            root=code.root,
            what=what,
            at=at,
            pid=os.getpid(),
        )
        return number

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        if self._dirty:
            self._dirty = False
            with contextlib.suppress(OSError):
                os.fdatasync(self._file)

    def close(self) -> None:
        """End well: the file goes, unless it still accuses somebody."""
        if not self._open:
            self._path.unlink(missing_ok=True)
            self.stacks.unlink(missing_ok=True)
        os.close(self._file)

    def _write(self, **line: Any) -> None:
        # A full disk must not keep the hub from starting: then crashes stay unexplained.
        with contextlib.suppress(OSError):
            os.write(self._file, json.dumps(line).encode() + b"\n")
            self._dirty = True


def suspects(folder: Path) -> tuple[Suspect, ...]:
    """Whom the files of dead processes accuse, oldest first; clears away what accuses nobody."""
    found = []
    for path in _dead(folder):
        accused = _read(path)
        found += accused
        if not accused:
            _remove(path)
    return tuple(sorted(found, key=lambda suspect: suspect.at))


def forgive(folder: Path, plugin: str) -> None:
    """Forget what was held against a plugin."""
    for path in _dead(folder):
        if any(suspect.plugin == plugin for suspect in _read(path)):
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"forgiven": plugin}) + "\n")


def _dead(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with contextlib.suppress(OSError):  # It is locked, or somebody else clears it away.
            file = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another one that starts just now may have cleared it away before we had the lock.
                if os.fstat(file).st_nlink:
                    yield path
            finally:
                os.close(file)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_suffix(".stacks").unlink(missing_ok=True)


def _read(path: Path) -> list[Suspect]:
    lines = []
    for text in path.read_text("utf-8", "replace").splitlines():
        with contextlib.suppress(ValueError):  # A machine's crash may tear a line.
            lines.append(json.loads(text))
    ended = {line["end"] for line in lines if "end" in line}
    forgiven = {line["forgiven"] for line in lines if "forgiven" in line}
    begun = [line for line in lines if "begin" in line]
    open_ = [line for line in begun if line["begin"] not in ended]
    seen = None if open_ else _in_stacks(path.with_suffix(".stacks"), begun)
    return [
        Suspect(
            line["plugin"], line["version"], line["what"], line["at"], line["pid"], line is seen
        )
        for line in ([seen] if seen else open_)
        if line["plugin"] not in forgiven
    ]


def _in_stacks(path: Path, begun: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Who was running, by what faulthandler wrote when no thread of ours could run any more."""
    if not path.exists():
        return None
    text = path.read_text("utf-8", "replace")
    # The thread that got the signal is the one that was burning time.
    threads = sorted(re.split(r"\n\n", text), key=lambda part: "Current thread" not in part)
    fatal = _FATAL.search(text)
    if fatal:
        # What crashed it was in that thread; the others only happened to be there.
        threads = [part for part in threads if "Current thread" in part]
    for frame in (match for thread in threads for match in _FRAME.finditer(thread)):
        for line in begun:
            code = Code(line["plugin"], line["version"], line["root"])
            if code.owns(frame["file"]):
                what = f"{frame['name']} ({frame['file']}:{frame['line']})"
                return {**line, "what": f"{what}, by {fatal['why']}" if fatal else what}
    return None
