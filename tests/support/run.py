"""One folder for each run of pytest, shared by its xdist workers and removed at its end.

It is named for the process that removes it, so that the next run can sweep away what a
killed one has left, running servers included.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

_PREFIX = f"bloop-tests-{os.getuid()}-"


def create_run_folder() -> Path:
    """Give a new folder for this run, after removing those of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = re.match(r"\d+", folder.name.removeprefix(_PREFIX))
        if owner and not psutil.pid_exists(int(owner[0])):
            remove_run_folder(folder)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def remove_run_folder(folder: Path) -> None:
    """Stop the PostgreSQL server that runs in `folder`, if one does, and delete everything."""
    with contextlib.suppress(FileNotFoundError, psutil.Error):
        pid = int((folder / "pg" / "postmaster.pid").read_text().splitlines()[0])
        server = psutil.Process(pid)
        if str(folder) in " ".join(server.cmdline()):
            # An immediate shutdown: nobody will read the data again, but its shared memory
            # should be given back, which a kill would not do.
            server.send_signal(signal.SIGQUIT)
            server.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock among all workers of this run."""
    with (folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
