"""Whether the hub can do its work: checks that are registered here, and those of plugins."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import BloopError, Health

if TYPE_CHECKING:
    from bloop.hub import Hub

Check = Callable[["Hub"], Awaitable[Health]]

FREE_BYTES = 256 * 1024 * 1024
"""With less left on the disk of the database or the blobs, the hub is not ready."""

CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a check of the hub's own."""

    def register(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return register


async def report(hub: Hub) -> list[Health]:
    """Every check's answer; one that raises is an answer too."""
    lines = []
    for name, function in CHECKS.items():
        try:
            lines.append(await function(hub))
        except BloopError as err:
            lines.append(Health(name=name, ok=False, detail=err.message, cure=err.cure))
    return lines


@check("database")
async def _database(hub: Hub) -> Health:
    await hub.database.read(INSTITUTIONS, system_call(EVERY_INSTITUTION))
    return Health(name="database", ok=True, detail=hub.database.dialect)


@check("disk")
async def _disk(hub: Hub) -> Health:
    free = shutil.disk_usage(hub.blobs.root).free
    return Health(
        name="disk",
        ok=free >= FREE_BYTES,
        detail=f"{free // (1024 * 1024)} MiB free",
        cure=None if free >= FREE_BYTES else f"free some space on {hub.blobs.root}",
    )
