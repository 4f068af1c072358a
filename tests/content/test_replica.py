"""The kit's replica holds what the hub would hold: both read the same systems, and are compared."""

from __future__ import annotations

import contextlib

import pytest
from sqlalchemy import select

from bloop.content.incoming import MODELS
from bloop.content.sync_models import Quarantine
from bloop_sdk import AuthError, BloopError, UnavailableError
from bloop_sdk.testing import (
    Clock,
    Cut,
    FakeContext,
    FakeTransport,
    Faults,
    Garbled,
    Killed,
    Replica,
    Status,
    http_client,
)
from bloop_sdk.testing.reading import ref_of
from tests.sdk.shelf.fake_folder import FOLDER
from tests.sdk.shelf.fake_shelf import GOOD, FakeJournal, FakeShelf


@pytest.fixture
def shelf(monkeypatch):
    """The kit's sample plugin, importable."""
    monkeypatch.syspath_prepend("tests/sdk/shelf")
    from bloop_shelf import config, courses, files, journal

    return {
        "config": config.ShelfConfig(**GOOD),
        FakeShelf: courses.CourseProvider,
        FakeJournal: journal.JournalProvider,
        "files": files.FileProvider,
    }


def in_the_hub(database, call):
    """Every row's kind, remote id and state, and the open lines of quarantine."""
    held = set()
    with database.unit(call) as unit:
        for model in set(MODELS.values()):
            for row in unit.session.scalars(select(model)):
                kinds = [kind for kind, made in MODELS.items() if made is model]
                kind = getattr(row, "kind", None) or kinds[0]
                # Before its first whole run the hub calls a container pending.
                state = "active" if row.state == "pending" else row.state
                held.add((f"{kind}:{row.remote_id}", state))
        open_lines = select(Quarantine.ref).where(Quarantine.resolved_at.is_(None))
        return held, set(unit.session.scalars(open_lines))


def in_the_replica(replica):
    held = {(str(ref_of(row.record)), row.state) for row in replica.rows.values()}
    return held, set(replica.skipped)


class Both:
    """Two equal systems, one read by the hub and one by the replica."""

    def __init__(self, system, shelf, sync, dump):
        self.systems = [system(), system()]
        self.faults = [Faults(FakeTransport(one), Clock()) for one in self.systems]
        self.replica = Replica()
        self.make = lambda way: shelf[system](
            FakeContext(http=http_client(way), config=shelf["config"])
        )
        self.sync, self.dump = sync, dump

    async def read(self):
        """Read both and compare; what was written and deleted, or how both ended."""
        ends = []
        for way, run in zip(self.faults, (self.sync, self.replica.run), strict=True):
            try:
                report = await run(self.make(way))
                ends.append((report.written, report.deleted))
            except BloopError as err:
                ends.append(type(err))
            way.clear()
        assert ends[0] == ends[1]
        assert self.dump() == in_the_replica(self.replica)
        return ends[0]

    def each(self, *names):
        for one in self.systems:
            for name in names:
                getattr(one, name)()


@pytest.mark.parametrize("system", [FakeShelf, FakeJournal])
async def test_they_hold_the_same_through_changes_and_faults(system, shelf, sync, database, call):
    both = Both(system, shelf, sync, lambda: in_the_hub(database, call))
    assert (await both.read())[0] > 5
    assert await both.read() == (0, 0)
    both.each("edit", "add")
    assert (await both.read())[0] >= 2
    both.each("delete")
    assert (await both.read())[1] >= 1
    both.each("restore")
    assert (await both.read())[0] >= 1
    both.each("malform", "forbid", "edit")
    await both.read()
    ends = set()
    for fault in (Status(503), Garbled(), Cut(), Status(401)):
        for request in (1, 3):
            for way in both.faults:
                way.add(fault, request=request, times=None)
            ends.add(await both.read())
    assert {UnavailableError, AuthError} <= ends


async def test_they_resume_alike_after_a_kill(shelf, sync, database, call, tmp_path):
    source = FOLDER.open(tmp_path)
    replica = Replica()

    def provider(steps_left):
        context = FakeContext(source=source.path)
        context.steps.plan(steps_left, context.steps.kill)
        return shelf["files"](context)

    for left in (2, 3, 99):
        with contextlib.suppress(Killed):
            await sync(provider(left))
        with contextlib.suppress(Killed):
            await replica.run(provider(left))
        assert in_the_hub(database, call) == in_the_replica(replica)
    assert replica.finished
