"""One process that sends what waits, for tests that kill it: database URLs, a data folder."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from bloop.net.transport import NetworkTransport
from bloop.store.database import Database
from bloop.store.keyring import KeyFile
from bloop.webhooks.keys import Keyring
from bloop.webhooks.sender import Sender
from tests.webhooks.conftest import LOOPBACK


async def main(url: str, owner_url: str, folder: str) -> None:
    sender = Sender(
        Database(url, owner_url, key_source=KeyFile(Path(folder) / "master.key")),
        NetworkTransport(LOOPBACK),
        LOOPBACK,
        Keyring(Path(folder)),
        keep=timedelta(days=30),
    )
    await sender.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
