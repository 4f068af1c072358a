"""Whether the hub can do its work: checks that are registered here, and those of plugins."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.events.models import Parked
from bloop.hub.attention import ailing
from bloop.kernel.states import PluginState
from bloop.store.database import in_unit
from bloop.store.ids import new_id
from bloop.store.models import EVERY_INSTITUTION, KeyState, PluginValue
from bloop.store.statements import parsed
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError, Health

if TYPE_CHECKING:
    from bloop.hub import Hub

Check = Callable[["Hub"], Awaitable[Health]]

FREE_BYTES = 256 * 1024 * 1024
"""With less left on the disk of the database or the blobs, the hub is not ready."""
LATE_AFTER = timedelta(minutes=15)
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
    outcomes = hub.kernel.hooks.health_checks()
    for plugin_id, found in outcomes.by_plugin():
        told = found if isinstance(found, list | tuple) else [found]
        lines += [_told(plugin_id, line) for line in told]
    return lines


def _told(plugin_id: str, line: object) -> Health:
    """A plugin's word is shown, and never takes the hub out of service."""
    if type(line) is not Health:
        detail = f"the plugin answered with a {type(line).__name__}, which is no Health"
        return Health(name=plugin_id, ok=None, detail=detail, cure="tell the plugin's author")
    texts = (line.name, line.detail, line.cure or "")
    if not all(type(text) is str for text in texts):
        return Health(name=plugin_id, ok=None, detail="the plugin's Health holds no texts")
    return replace(line, name=f"{plugin_id}: {line.name}", ok=True if line.ok is True else None)


@check("database")
async def _database(hub: Hub) -> Health:
    database, call = hub.database, system_call(EVERY_INSTITUTION)
    await database.read(INSTITUTIONS, call)
    if hub.kind == "cli":
        # Others write all the time, and so know whether that goes well.
        await database.run(in_unit, database, call, _write_something)
    if trouble := database.trouble:
        return Health(name="database", ok=False, detail=trouble.message, cure=trouble.cure)
    return Health(name="database", ok=True, detail=database.dialect)


def _write_something(unit: UnitOfWork) -> None:
    """A write that leaves nothing behind."""
    values = {"institution_id": unit.institution, "plugin_id": "bloop:hub", "key": new_id()}
    unit.session.execute(insert(PluginValue).values(**values, value=""))
    unit.session.execute(delete(PluginValue).where(PluginValue.key == values["key"]))


@check("migrations")
async def _migrations(hub: Hub) -> Health:
    from bloop.store.migrate import status

    found = await hub.database.run(status, hub.database)
    core = [version.owner for version in found if version.pending]
    records = hub.kernel.plugins.values()
    # Their tables cost them their own features, and keep nobody else from working.
    waiting = core + [
        record.id for record in records if record.status.state is PluginState.NEEDS_UPGRADE
    ]
    return Health(
        name="migrations",
        ok=False if core else None if waiting else True,
        detail=f"an upgrade waits for {', '.join(waiting)}" if waiting else "current",
        cure="run: bloop db upgrade" if waiting else None,
    )


@check("keys")
async def _keys(hub: Hub) -> Health:
    """Read anew each time: whether the hub would still find its keys when it is started again."""
    from bloop.store.keys import KNOWN_KEYS, Ring

    known = await hub.database.read(KNOWN_KEYS, system_call(EVERY_INSTITUTION))
    ring = Ring(hub.database.ring.source)
    if not known:
        return Health(name="keys", ok=True, detail="none yet: made with the first secret")
    await asyncio.to_thread(ring.verify, known)
    if warning := ring.source.warning:
        return Health(name="keys", ok=None, detail=warning, cure=f"chmod 600 {ring.source}")
    current = [version for version, _, state in known if state == KeyState.CURRENT]
    return Health(name="keys", ok=True, detail=f"master key {current[0]} seals")


@check("plugins")
async def _plugins(hub: Hub) -> Health:
    """A plugin that failed costs its own feature: it is told, and the hub stays ready."""
    if hub.loading:
        return Health(name="plugins", ok=False, detail="loading")
    ids = [record.id for record in ailing(hub)]
    detail = f"not ready: {', '.join(ids)}" if ids else "all ready"
    cure = "`bloop plugins doctor` says why" if ids else None
    return Health(name="plugins", ok=None if ids else True, detail=detail, cure=cure)


@check("search")
async def _search(hub: Hub) -> Health:
    """An index that lags finds less, and shows nothing that may not be seen: the hub is ready."""
    if hub.loading:
        return Health(name="search", ok=None, detail="loading")
    lines = await hub.searching.standing(
        system_call(await asyncio.to_thread(lambda: hub.institution))
    )
    behind = [line for line in lines if line["state"] != "whole" or line["behind"]]
    told = ", ".join(
        f"{one['index']}: {'to be made anew' if one['state'] != 'whole' else 'whole'}, "
        f"{'unknown' if one['behind'] is None else one['behind']} events behind"
        for one in lines
    )
    return Health(
        name="search",
        ok=None if behind else True,
        detail=told,
        cure="a hub that runs catches up by itself; `bloop search rebuild` makes it anew"
        if behind
        else None,
    )


@check("broker")
async def _broker(hub: Hub) -> Health:
    """Without it jobs are late and none is lost: the hub stays ready."""
    url = hub.config.value.jobs.broker_url
    if not hub.has_broker or url is None:
        return Health(name="broker", ok=True, detail="none is needed")
    from bloop.jobs.broker import ping, place_of

    try:
        await asyncio.to_thread(ping, url.get_secret_value())
    except BloopError as err:
        return Health(name="broker", ok=None, detail=err.message, cure=err.cure)
    return Health(name="broker", ok=True, detail=place_of(url.get_secret_value()))


def free_space(hub: Hub) -> tuple[int, Path]:
    """The bytes that are free where this process keeps files, and where that is the least."""
    places = [hub.blobs.root]
    if hub.embedded:
        places.append(Path(str(hub.database.url.database)).parent)
    return min((shutil.disk_usage(place).free, place) for place in places)


@check("jobs")
async def _jobs(hub: Hub) -> Health:
    """What nobody takes waits for ever, and says nothing by itself."""
    from bloop.ops.topology import topology

    queues = (await asyncio.to_thread(topology, hub)).queues
    unserved = [one.name for one in queues if one.waiting and not one.is_served]
    told = ", ".join(unserved)
    return Health(
        name="jobs",
        ok=None if unserved else True,
        detail=f"no process takes jobs of: {told}"
        if unserved
        else f"{sum(one.waiting for one in queues)} wait, {sum(one.running for one in queues)} run",
        cure=f"run: bloop up, or a bloop worker of {told}" if unserved else None,
    )


@check("events")
async def _events(hub: Hub) -> Health:
    """An event that is parked holds what comes after it in its aggregate, and nothing else."""
    from bloop.events.queries import PARKED_COUNTS

    rows = await hub.database.read(PARKED_COUNTS, system_call(EVERY_INSTITUTION))
    parked = sum(count for _, state, count in rows if state == Parked.PARKED)
    return Health(
        name="events",
        ok=None if parked else True,
        detail=f"{parked} are parked" if parked else "none is parked",
        cure="see what each says under /events/parked, then replay or skip it" if parked else None,
    )


@check("messages")
async def _messages(hub: Hub) -> Health:
    """They wait for what somebody has to mend, such as a password, and their job has not failed."""
    from bloop.accounts.messages.queries import LATE, LATE_REASON

    call = system_call(EVERY_INSTITUTION)
    ((late,),) = await hub.database.read(LATE, call, before=utcnow() - LATE_AFTER)
    if not late:
        return Health(name="messages", ok=True, detail="none is late")
    row = await hub.database.read_one(LATE_REASON, call)
    error = (parsed(row[0]) if row else None) or {}
    told = error.get("message") or "none was tried yet"
    return Health(
        name="messages",
        ok=None,
        detail=f"{late} wait for a quarter of an hour or more: {told}",
        cure=error.get("cure") or "see the jobs of the kind accounts.message",
    )


@check("cache")
async def _cache(hub: Hub) -> Health:
    """Without Redis each process caches by itself: the hub stays ready."""
    cache = hub.database.cache
    if not cache.is_shared:
        return Health(name="cache", ok=True, detail="within this process")
    if not await cache.is_away():
        return Health(name="cache", ok=True, detail="shared through Redis")
    return Health(
        name="cache",
        ok=None,
        detail="Redis does not answer: each process caches by itself",
        cure="see that the server of [redis] url in hub.toml runs and lets this machine in",
    )


@check("disk")
async def _disk(hub: Hub) -> Health:
    free, place = free_space(hub)
    return Health(
        name="disk",
        ok=free >= FREE_BYTES,
        detail=f"{free // (1024 * 1024)} MiB free",
        cure=None if free >= FREE_BYTES else f"free some space on {place}",
    )


@check("wakes")
async def _wakes(hub: Hub) -> Health:
    """Nothing depends on them: the hub stays ready, and is slower."""
    wakes = hub.database.wakes
    if wakes.fault is None:
        return Health(name="wakes", ok=True, detail=wakes.carrier or "within this process")
    return Health(
        name="wakes",
        ok=None,
        detail=f"{wakes.fault}: all works without it, up to a second later",
        cure="see that the server of [redis] url in hub.toml runs and lets this machine in"
        if wakes.carrier == "Redis"
        else "see that PostgreSQL lets this machine have more connections",
    )


@check("pacer")
async def _pacer(hub: Hub) -> Health:
    """While it is away each process keeps to the limits of systems outside by itself."""
    pacer = hub.outside.pacer
    if pacer.fault is None:
        return Health(name="pacer", ok=True, detail=f"shared through {pacer.shared_by}")
    return Health(
        name="pacer",
        ok=None,
        detail=f"{pacer.fault}: each process paces its requests by itself",
        cure="see that all processes of this hub reach it; systems may answer 429 until then",
    )
