"""An offer that this process has no use for, and a sibling has."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bloop.jobs import runner as running
from bloop.jobs.leases import Timing
from bloop.jobs.runner import OTHERS_SECONDS, Runner
from tests.support.database import make_call


@pytest.mark.parametrize(
    ("due", "kept"), [(["theirs"], [OTHERS_SECONDS]), (["theirs", "ours"], []), ([], [])]
)
async def test_an_offer_is_kept_for_a_while_where_only_others_can_use_it(monkeypatch, due, kept):
    async def read(_statement, _call):
        return [(kind,) for kind in due]

    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    made = Runner(
        SimpleNamespace(read=read), make_call(), {"ours": None}, workers=1, timing=Timing()
    )
    monkeypatch.setattr(running.asyncio, "sleep", sleep)
    for _ in range(2):
        await made._leave_to_others()
    assert slept == kept, "not for each offer"
