"""A real hub on a disk that gets full: `bloop up` on a small tmpfs of its own, or under a limit.

The tmpfs is mounted in a namespace of the hub's, which takes no rights where the kernel lets users
have namespaces. The limit (RLIMIT_FSIZE, set on the process that serves while it runs) works
everywhere; to a file it is what a quota is.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

T = TypeVar("T")

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 60
OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
MOUNT = 'mount -t tmpfs -o size={size} none "$0" && exec "$@"'
SQL = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}/bloop.db?mode=ro", uri=True)
print(json.dumps([row[0] for row in connection.execute(sys.argv[2])]))
"""
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def until(condition: Callable[[], T], what: str) -> T:
    """Wait until ``condition()`` is true; gives what it gave."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)
    return found


@dataclass
class Running:
    """A hub that runs; ``folder`` is its ``data_dir`` as it is seen from outside."""

    process: subprocess.Popen[bytes]
    client: httpx.Client
    config: Path
    folder: Path
    environment: dict[str, str]
    token: str
    enter: Sequence[str] = ()
    """What runs a command beside it, in its namespaces."""

    def check(self, name: str) -> dict[str, Any]:
        """A line of ``/readyz``."""
        checks = self.client.get("/readyz").json()["checks"]
        return next(line for line in checks if line["name"] == name)

    def doctor(self, limit: tuple[int, int] = NO_LIMIT) -> tuple[int, dict[str, Any]]:
        """How ``bloop doctor`` ends, and what it says of the database."""
        done = subprocess.run(
            [*self.enter, BLOOP, "--config", self.config, "doctor", "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            preexec_fn=lambda: (obey(), resource.setrlimit(resource.RLIMIT_FSIZE, limit)),
        )
        assert done.stdout, done.stderr
        lines = json.loads(done.stdout)["items"]
        return done.returncode, next(line for line in lines if line["name"] == "database")

    def sql(self, query: str) -> list[Any]:
        """The first column of what SQLite answers, in the hub's own namespaces."""
        done = subprocess.run(
            [*self.enter, sys.executable, "-c", SQL, self.config.with_name("data"), query],
            capture_output=True,
            text=True,
            check=True,
        )
        found: list[Any] = json.loads(done.stdout)
        return found

    def is_whole(self) -> bool:
        """Whether SQLite finds nothing wrong with the database."""
        return self.sql("PRAGMA integrity_check") == ["ok"]

    def half_files(self) -> list[Path]:
        """What writers of blobs have left unfinished."""
        return list((self.folder / "blobs").glob("incoming-*"))


class Disk:
    """The hub's own tmpfs."""

    refused = ("store_full", "store_disk")
    limit = NO_LIMIT

    def __init__(self, hub: Running) -> None:
        self._filler = hub.folder / "filler"

    def fill(self, leave: int = 0) -> None:
        """Take all of the space but ``leave`` bytes."""
        size = 0
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                size += file.write(bytes(4096))
        os.truncate(self._filler, max(0, self._filler.stat().st_size - leave))

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink()


class Limit:
    """A limit on the size of what the hub's process writes."""

    refused = ("store_disk",)
    limit = (0, resource.RLIM_INFINITY)

    def __init__(self, hub: Running) -> None:
        (self._serving,) = psutil.Process(hub.process.pid).children()

    def fill(self) -> None:
        """Let no file take anything more."""
        resource.prlimit(self._serving.pid, resource.RLIMIT_FSIZE, self.limit)

    def free(self) -> None:
        """Lift it."""
        resource.prlimit(self._serving.pid, resource.RLIMIT_FSIZE, NO_LIMIT)


@contextlib.contextmanager
def up(
    folder: Path,
    environment: dict[str, str],
    *,
    size: str | None = None,
    token: str | None = None,
) -> Iterator[Running]:
    """A running hub with the operator logged in; with a ``size`` its data lies on a tmpfs.

    A ``token`` is of an earlier run. The hub has to obey the rights of files, also as root.
    """
    config, data, log = folder / "hub.toml", folder / "data", folder / "up.log"
    data.mkdir(exist_ok=True)
    command: list[Any] = [BLOOP, "--config", config, "up", "--port", "0"]
    if size is not None:
        if subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode:
            pytest.skip("users may have no namespaces here")
        command = [*OWN_MOUNTS, "sh", "-c", MOUNT.format(size=size), data, *command]
    clean = {name: v for name, v in os.environ.items() if not name.startswith("BLOOP_")}
    clean |= environment | {"PYTHONUNBUFFERED": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=clean,
            preexec_fn=obey,  # noqa: PLW1509 - no thread of the test's holds a lock
        )
    try:
        link = until(lambda: _link(process, log), "the hub is up")
        enter: Sequence[str] = ()
        if size is not None:
            data = Path(f"/proc/{process.pid}/root{data}")
            enter = ["nsenter", f"--target={process.pid}", "--user", "--mount"]
            enter = [*enter, "--preserve-credentials"]
        with httpx.Client(base_url=link[1], timeout=60) as client:
            if token is None:
                client.get(link[2])
                (token,) = client.cookies.values()
                client.cookies.clear()
            client.headers["authorization"] = f"Bearer {token}"
            yield Running(process, client, config, data, clean, token, enter)
            assert process.poll() is None, log.read_text()[-4000:]
            _end(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _link(process: subprocess.Popen[bytes], log: Path) -> re.Match[str] | None:
    text = log.read_text()
    assert process.poll() is None, text
    return re.search(r"Courses +(http://[\d.:]+)/\n(?:  Log in +(\S+)\n.*\n)?  Stop with", text)


def obey() -> None:
    """Give up root's right to write whatever it likes (CAP_DAC_OVERRIDE); others have none."""
    drop_from_bounds, dac_override = 24, 1
    ctypes.CDLL(None).prctl(drop_from_bounds, dac_override, 0, 0, 0)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE_SECONDS)
