"""A short run of the load test; `python tests/faults/topology.py` is the long one."""

import pytest

from tests.faults.topology import CLIENTS, run


def by_pid(processes):
    return {one["pid"]: one for one in processes}


@pytest.mark.slow
@pytest.mark.timeout(300)  # Processes are started again and again, on whatever machine.
def test_one_of_two_is_killed_under_load_and_only_what_was_on_its_way_there_fails(
    tmp_path, postgres
):
    urls = {"url": postgres.app_url, "owner_url": postgres.owner_url}
    report = run(tmp_path, requests=100, **urls, admin_url=postgres.admin_url)
    assert report["failures"] == []
    assert report["in_flight"] <= CLIENTS
    assert report["turned_away"] > 0
    assert report["changes"] == report["jobs_done"] > 50
    before, killed, after = (by_pid(report[when]) for when in ("before", "killed", "after"))
    assert sorted(one["kind"] for one in before.values()) == ["api", "api", "worker", "worker"]
    assert len({one["generation"] for one in before.values()}) == 1
    assert not any(one["is_stale"] for one in before.values())
    assert before.keys() == killed.keys()
    assert sorted(pid for pid, one in killed.items() if one["is_stale"]) == report["victims"]
    # Who came back in their place is there, and they are gone.
    assert len(after) == 4 and not after.keys() & set(report["victims"])
    assert all(one["is_current"] and not one["is_stale"] for one in after.values())
