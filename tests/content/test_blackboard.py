"""Blackboard through the real engine: what the hub holds is what the kit's replica holds."""

from __future__ import annotations

import pytest

from bloop_sdk import Kind, Ref
from bloop_sdk.testing import FakeContext, FakeTransport, Replica, http_client
from tests.content.test_replica import in_the_hub, in_the_replica


@pytest.fixture
def blackboard(monkeypatch):
    """A site in memory, and a provider for each run of it."""
    monkeypatch.syspath_prepend("plugins/lms/blackboard/tests")
    import fake_blackboard

    from bloop_blackboard.config import BlackboardConfig
    from bloop_blackboard.provider import BlackboardProvider

    site = fake_blackboard.FakeBlackboard()
    config = BlackboardConfig(**fake_blackboard.GOOD)

    def connect():
        return BlackboardProvider(FakeContext(http=http_client(FakeTransport(site)), config=config))

    return site, connect


async def test_the_hub_holds_what_the_replica_holds(blackboard, sync, database, call):
    site, connect = blackboard
    replica = Replica()
    for change in (
        None,
        site.delete,
        site.restore,
        site.unshare,
        site.share,
        site.edit,
        site.malform,
    ):
        if change is not None:
            change()
        await replica.run(connect())
        await sync(connect())
        held, open_lines = in_the_hub(database, call)
        assert held == in_the_replica(replica)[0]
        assert open_lines == set(replica.skipped)
    report = await sync(connect())
    assert report.written == 0


async def test_grades_of_people_who_may_not_be_read_cost_nothing_else(
    blackboard, sync, database, call
):
    site, connect = blackboard
    site.forbidden.add("/learn/api/public/v1/courses/_5_1/users")
    await sync(connect())
    held, open_lines = in_the_hub(database, call)
    assert ("page:_5_1/_11_1", "active") in held
    assert open_lines == {"submission:_5_1/_61_1/_71_1", "completion:_5_1/_71_1"}
    site.forbidden.clear()
    await sync(connect())
    batch = await connect().fetch([Ref(Kind.SUBMISSION, "_5_1/_61_1/_71_1")])
    assert batch.records  # So that a retry of the quarantine brings what no later list repeats.
