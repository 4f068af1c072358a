"""The master keys of a hub: a file that only its owner may read, made when first needed."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bloop.store.sealing import KEY_BYTES, MasterKeys
from bloop_sdk import ConfigError

FILE = "master.key"


def master_keys(folder: Path) -> MasterKeys:
    """The keys of the hub whose state is in ``folder``; raises ConfigError for a broken file."""
    path = folder / FILE
    if not path.is_file():
        _make(path)
    try:
        kept = json.loads(path.read_text("utf-8"))
        keys = {int(version): bytes.fromhex(key) for version, key in kept["keys"].items()}
        found = MasterKeys(keys, int(kept["current"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise _broken(path) from err
    if found.current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise _broken(path)
    return found


def _broken(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} holds no master keys that can be read",
        cure="restore it from a backup: without it no secret of the database opens",
    )


def _make(path: Path) -> None:
    """Write a ring with one new key; where another process is first, its ring stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".master-")  # Mode 0600.
    try:
        with os.fdopen(handle, "w") as file:
            json.dump({"current": 1, "keys": {"1": os.urandom(KEY_BYTES).hex()}}, file)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces what is there.
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        Path(unfinished).unlink()
