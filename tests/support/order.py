"""What takes longest begins first, so that no worker is left alone with it at the end of a run.

xdist gives each of its workers one piece of the tests, in their order; who has none left takes
from the end of another's. So the longest modules stand at the beginnings of the pieces.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
LONGEST = (
    "tests/web/test_every_page_browser.py",
    "tests/faults/test_disk.py",
    "tests/web/test_every_form.py",
    "tests/tenancy/test_walk.py",
    "tests/events/test_kills.py",
    "tests/tenancy/test_units.py",
    "tests/store/test_units.py",
    "plugins/render/studio/tests/test_faces.py",
    "plugins/render/studio/tests/test_killed.py",
    "tests/accounts/policy/test_engine.py",
    "tests/tenancy/test_owned_walk.py",
    "tests/web/test_journeys.py",
    "tests/web/test_browser.py",
    "tests/api/test_idempotency_killed.py",
    "plugins/lms/moodle/tests/test_conformance.py",
    "plugins/render/studio/tests/test_full_disk.py",
    "tests/hub/test_notes.py",
    "tests/kernel/test_hubfile.py",
)
"""Each with ten seconds or more, the longest first; what is no longer there does no harm."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where there are several workers, give each of them some of the longest to begin with."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    modules: dict[str, list[pytest.Item]] = {name: [] for name in LONGEST}
    rest: list[pytest.Item] = []
    for item in items:
        path = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
        modules.get(path, rest).append(item)
    if workers > 1:
        items[:] = dealt([one for one in modules.values() if one], rest, workers)


def dealt(longest: Sequence[list[T]], rest: Iterable[T], workers: int) -> list[T]:
    """All in one row whose ``workers`` equal pieces begin with some of the longest each.

    They are dealt forth and back, so that who has the very longest has the shortest of the next.
    """
    hands: list[list[T]] = [[] for _ in range(workers)]
    for number, module in enumerate(longest):
        turn, place = divmod(number, workers)
        hands[place if turn % 2 == 0 else -1 - place].extend(module)
    others = list(rest)
    left = sum(map(len, hands)) + len(others)
    for number, hand in enumerate(hands):
        size = left // (workers - number)
        taken = max(0, size - len(hand))
        hand.extend(others[:taken])
        del others[:taken]
        left -= len(hand)
    return [one for hand in hands for one in hand]
