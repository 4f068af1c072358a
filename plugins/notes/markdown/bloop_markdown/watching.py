"""A vault that is watched: which files somebody has done something to, and what they are now."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

from watchfiles._rust_notify import RustNotify

from bloop_markdown.reader import Reader
from bloop_sdk.errors import UnavailableError, UnsupportedError
from bloop_sdk.records import Batch, Record, Skipped

DEBOUNCE_MILLISECONDS = 2000
"""Whoever saves all the time is told of so often."""
STEP_MILLISECONDS = 400
"""So long nothing may happen for a burst to be over; the watching thread looks up as often."""
POLL_MILLISECONDS = 60_000
"""Where there is no inotify it begins to look again and again: not soon, since it is given up."""
MOST = 200
"""Of more files at once it is only told that there are many."""
_MODIFIED = 2
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")  # Blanks and backslashes alone: other letters are UTF-8.
_ELSEWHERE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "9p"),
        *("virtiofs", "vboxsf", "prl_fs", "vmhgfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs"),
        *("fuse.rclone", "fuse.vmhgfs-fuse", "fuse.juicefs", "fuse.davfs", "davfs"),
    }
)
"""File systems on which others write without this machine noticing."""

Changes = set[tuple[int, str]]


def file_system(root: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the file system that a folder lies on; empty where it cannot be told."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    found: tuple[int, str] = (-1, "")
    for line in lines:
        # proc_pid_mountinfo(5): the mount point is the fifth field, the type follows the hyphen.
        fields, _, rest = line.partition(" - ")
        place = _OCTAL.sub(lambda found: chr(int(found[1], 8)), fields.split()[4])
        if root.is_relative_to(place) and len(place) >= found[0]:
            found = (len(place), rest.split()[0])
    return found[1]


async def noticed(root: Path) -> AsyncGenerator[Changes]:
    """What the system tells of the files below ``root``; the first, empty, that it tells.

    Raises UnsupportedError where it tells nothing, UnavailableError once the folder is gone.
    """
    kind = file_system(root)
    if kind in _ELSEWHERE:
        raise UnsupportedError(
            f"the folder lies on another machine ({kind}), which does not tell of changes",
            cure="have it read more often: bloop connections set NAME --every 5m",
        )
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[Changes | Exception]()
    stop = threading.Event()

    def put(told: Changes | Exception) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended meanwhile.
            loop.call_soon_threadsafe(queue.put_nowait, told)

    thread = threading.Thread(target=_follow, args=(root, stop, put), name="vault", daemon=True)
    thread.start()
    try:
        while True:
            told = await queue.get()
            if isinstance(told, Exception):
                raise told
            yield told
    finally:
        stop.set()


def _follow(root: Path, stop: threading.Event, put: Callable[[Changes | Exception], None]) -> None:
    """Wait for changes, in a thread of its own: it would keep one of the plugin's for ever."""
    try:
        with RustNotify([str(root)], False, False, POLL_MILLISECONDS, True, True) as watcher:
            if repr(watcher).startswith("RustNotify(Poll"):
                put(_no_inotify("this system has no inotify"))
                return
            put(set())
            while True:
                told = watcher.watch(DEBOUNCE_MILLISECONDS, STEP_MILLISECONDS, 0, stop)
                if isinstance(told, str):  # It was told to stop, or the process ends.
                    return
                if not root.is_dir():
                    put(UnavailableError(f"{root.name} is gone, or moved"))
                    return
                put(told)
    except (OSError, RuntimeError) as err:
        put(_no_inotify(str(err)))


def _no_inotify(reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"the folder cannot be watched: {reason}",
        cure="raise fs.inotify.max_user_watches and max_user_instances, or have it read more often",
    )


@dataclass
class Watcher:
    """Makes records of what was noticed; ``read_again`` opens the vault as it is."""

    read_again: Callable[[], Reader]
    reader: Reader

    def hint(self, root: Path, changes: Changes) -> Batch | None:
        """What changed, as a hint; None for nothing that is read."""
        files, folders = set[str](), set[str]()
        for kind, name in changes:
            path = Path(name).relative_to(root).as_posix()
            if any(part.startswith(".") for part in path.split("/")):
                continue
            files.add(path)
            if kind != _MODIFIED:
                folders.add(f"{path}/")
        if not files:
            return None
        before, self.reader = self.reader, self.read_again()
        now = self.reader
        known = {**before.source.entries, **now.source.entries}
        touched = {
            path
            for path in known
            if path in files or (folders and any(f"{one}/" in folders for one in _above(path)))
        }
        # Folders come and go with what is in them, and by themselves.
        touched |= _folders(before) ^ _folders(now)
        if len(touched) > MOST:
            return Batch()
        return _batch(before, now, touched) if touched else None


def _folders(reader: Reader) -> set[str]:
    return {path for path in reader.index.order if path.endswith("/")}


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _batch(before: Reader, now: Reader, touched: set[str]) -> Batch:
    records: list[Record] = []
    skipped: list[Skipped] = []
    for path in sorted(touched & now.index.remote_ids.keys()):
        made = now.make(path)
        if isinstance(made, Skipped):
            skipped.append(made)
        else:
            # The place of a note is told by the note, whose raw record holds its path.
            records += made if path.endswith("/") else made[:1]
    were = {before.index.ref(path) for path in touched & before.index.remote_ids.keys()}
    gone = [ref for ref in were if now.path_of(ref) is None]
    return Batch(records=tuple(records), skipped=tuple(skipped), deleted=tuple(gone))
