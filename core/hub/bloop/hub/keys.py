"""The hub's master keys: where they are, and whether they are the right ones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bloop.accounts.sessions import system_call
from bloop.store.keyring import KeyFile, KeySource, KeyVariable
from bloop.store.models import EVERY_INSTITUTION, KeyState
from bloop.telemetry.logs import get_logger
from bloop_sdk import ConfigError

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.config import LoadedConfig

log = get_logger("bloop.hub")


def key_source(config: LoadedConfig) -> KeySource:
    """Where the master keys are."""
    place = config.value.keys.master
    assert place is not None, "the configuration resolves it"
    if place.env is not None:
        return KeyVariable(place.env, config.env)
    assert place.file is not None, "it is one of the two"
    return KeyFile(place.file)


async def check_keys(hub: Hub) -> None:
    """Refuse to start with other master keys than the database's, before anything is written.

    Raises KeysError where the key that seals is missing or wrong; of an older one it warns.
    """
    from bloop.store.keys import KNOWN_KEYS, Ring

    known = await hub.database.read(KNOWN_KEYS, system_call(EVERY_INSTITUTION))
    ring = Ring(hub.database.ring.source)
    await asyncio.to_thread(ring.verify, [row for row in known if row[2] == KeyState.CURRENT])
    try:
        await asyncio.to_thread(ring.verify, known)
    except ConfigError as err:
        log.warning("an older master key cannot be used", reason=err.message, cure=err.cure)
    if ring.source.warning:
        log.warning("master keys are not kept safe", reason=ring.source.warning)
