"""What a plugin's manifest says of its place in the hub: contract, work, and ways in.

It is read without the database, for commands that only look at what is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bloop.accounts.actions import ACTIONS
from bloop_sdk.manifest import API_VERSION, Manifest


@dataclass(frozen=True, slots=True)
class Contract:
    """The version of ``bloop_sdk`` that a plugin asks for, and the one that is here."""

    asks: str
    speaks: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A way in: a ``route``, ``page``, ``panel`` or ``inbound`` call, and who may take it.

    ``role`` is the least that has the ``action``, where the hub or the manifest says so; nobody
    needs an action to call an inbound path, whose handler proves who calls.
    """

    kind: str
    path: str
    methods: tuple[str, ...]
    action: str | None
    role: str | None


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of job; how many of the institution's wait, run, and have failed lately.

    ``queue`` is None for a kind of the hub's that works by the plugin.
    """

    kind: str
    queue: str | None
    every: str | None
    zone: str | None
    waiting: int = 0
    running: int = 0
    failed: int = 0


def contract(manifest: Manifest) -> Contract:
    """Which version it was written for."""
    return Contract(manifest.api, ".".join(map(str, API_VERSION)))


def entries(manifest: Manifest) -> tuple[Entry, ...]:
    """Where people and programs reach it."""
    return tuple(_entries(manifest))


def work(manifest: Manifest) -> tuple[Work, ...]:
    """The jobs that it declares."""
    times = {one.job: one for one in manifest.contributes.schedules}
    return tuple(
        Work(
            kind=f"{manifest.id}.{job.kind}",
            queue=job.queue,
            every=times[job.kind].every if job.kind in times else None,
            zone=times[job.kind].zone if job.kind in times else None,
        )
        for job in manifest.contributes.jobs
    )


def _entries(manifest: Manifest) -> Iterator[Entry]:
    parts, base = manifest.contributes, f"/x/{manifest.id}"
    own = {action.name: action.role for action in parts.actions}

    def of(kind: str, path: str, action: str, methods: tuple[str, ...] = ("GET",)) -> Entry:
        role = str(ACTIONS[action]) if action in ACTIONS else own.get(action)
        return Entry(kind, path, methods, action, role)

    yield from (of("page", base + page.path, page.action) for page in parts.pages)
    yield from (of("panel", panel.slot, panel.action) for panel in parts.panels)
    yield from (
        of("route", base + one.path, one.action, tuple(one.methods)) for one in parts.routes
    )
    for inbound in parts.inbound:
        yield Entry("inbound", f"/in/…/{manifest.id}{inbound.path}", ("POST",), None, None)
