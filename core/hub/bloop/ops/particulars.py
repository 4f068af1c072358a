"""What a plugin declares, and what of it is so in one institution: secrets, work, switches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bloop.jobs.models import JobState
from bloop.kernel.institutions import Choice
from bloop.ops.plugin_parts import Contract, Entry, Work, contract, entries, work
from bloop.ops.queries import PLUGIN_JOBS, PLUGIN_SWITCHES
from bloop.store.statements import parsed, to_dicts
from bloop.store.types import utcnow
from bloop_sdk import Call
from bloop_sdk.manifest import Manifest
from bloop_sdk.settings import scope_of

if TYPE_CHECKING:
    from bloop.hub import Hub

LATELY = timedelta(days=7)
"""For so long a job that failed is counted."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A setting that holds a secret, never its value.

    ``scope`` is the narrowest that may set it, None while the code is not loaded. ``set_by`` is
    ``institution`` or ``hub``; ``is_set`` None where connections or people have one each, or
    nobody knows.
    """

    name: str
    scope: str | None
    is_set: bool | None
    set_by: str | None
    set_at: str | None


@dataclass(frozen=True, slots=True)
class Particulars:
    """What it declares with that; hosts as the manifest writes them."""

    contract: Contract | None
    hosts: tuple[str, ...]
    downloads: tuple[str, ...]
    secrets: tuple[Secret, ...]
    jobs: tuple[Work, ...]
    entries: tuple[Entry, ...]


async def particulars(hub: Hub, call: Call, plugin_id: str) -> Particulars:
    """Of a plugin that is known, for the call's institution."""
    manifest = hub.kernel.plugins[plugin_id].manifest
    since = utcnow() - LATELY
    rows = await hub.database.read(PLUGIN_JOBS, call, plugin=plugin_id, since=since)
    jobs = _counted(work(manifest) if manifest else (), to_dicts(PLUGIN_JOBS, rows))
    if manifest is None:
        return Particulars(None, (), (), (), jobs, ())
    choice = (await hub.choices.choices(call)).get(plugin_id, Choice())
    return Particulars(
        contract(manifest),
        manifest.network.hosts,
        manifest.network.downloads,
        tuple(_secrets(hub, manifest, choice)),
        jobs,
        entries(manifest),
    )


async def switches(hub: Hub, call: Call, plugin_id: str, limit: int) -> list[dict[str, Any]]:
    """Who of the institution switched it on or off, for it or for the hub; newest first.

    Each is ``at``, ``actor``, ``actor_name``, ``action`` and ``detail``.
    """
    named = {"resource": f"plugin:{plugin_id}", "limit": limit}
    rows = await hub.database.read(PLUGIN_SWITCHES, call, **named)
    return [
        row | {"detail": parsed(row["detail"]) or {}} for row in to_dicts(PLUGIN_SWITCHES, rows)
    ]


def _counted(declared: Iterable[Work], rows: Iterable[Mapping[str, Any]]) -> tuple[Work, ...]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        state = JobState.WAITING if row["state"] == JobState.BLOCKED else row["state"]
        counts[row["kind"]][state] += row["count"]
    known = {one.kind: one for one in declared}
    # What the hub does by it, a sync say, is no job that it declares.
    known |= {kind: Work(kind, None, None, None) for kind in sorted(counts.keys() - known.keys())}
    return tuple(
        Work(
            one.kind,
            one.queue,
            one.every,
            one.zone,
            waiting=counts[one.kind][JobState.WAITING],
            running=counts[one.kind][JobState.RUNNING],
            failed=counts[one.kind][JobState.FAILED],
        )
        for one in known.values()
    )


def _secrets(hub: Hub, manifest: Manifest, choice: Choice) -> Iterator[Secret]:
    model = hub.kernel.config_model(manifest.id)
    of_hub = _written(hub, manifest.id)
    for name in manifest.secrets:
        known = model is not None and name in model.model_fields
        scope = str(scope_of(model, name)) if model is not None and known else None
        at = choice.own.set_at.get(name)
        by = "institution" if at else "hub" if name in of_hub else None
        certain = by is not None or scope in {"hub", "institution"}
        yield Secret(name, scope, by is not None if certain else None, by, at)


def _written(hub: Hub, plugin_id: str) -> set[str]:
    """The settings that the hub's own layers name."""
    return {key for layer in hub.config.plugin_layers(plugin_id) for key in layer.values}
