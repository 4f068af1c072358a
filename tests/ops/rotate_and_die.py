"""One rotation that is killed at a step, for tests: database URLs, the ring, the step."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from bloop.ops import keys
from bloop.store.database import Database
from bloop.store.keyring import KeyFile

STEPS = ("written", "announced", "switched", "batch 1", "batch 2", "done")


def rotate_until(database, step, die, set_attribute=setattr):
    """Rotate, and call ``die`` at a step."""
    set_attribute(keys, "BATCH", 3)
    replaced = {"written": "announce", "announced": "_switch", "switched": "_columns"}
    if step in replaced:
        set_attribute(keys, replaced[step], lambda *_: die())
    batches = 0

    def told(what, done, total):
        nonlocal batches
        batches += what != "processes"
        if step == f"batch {batches}":
            die()

    keys.rotate(database, told)
    die()


def main(url: str, owner_url: str, ring: str, step: str) -> None:
    database = Database(url, owner_url, key_source=KeyFile(Path(ring)))
    rotate_until(database, step, lambda: os.kill(os.getpid(), signal.SIGKILL))


if __name__ == "__main__":
    main(*sys.argv[1:])
