"""Until when a pass lasts: by what was asked for so far, and by the pace that is allowed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bloop.hub.outlook import Outlook
from bloop.hub.outside import Tally
from bloop.store.types import utcnow
from bloop_sdk._http.client import Try


@pytest.fixture
def told():
    return []


@pytest.fixture
def tally():
    return Tally()


@pytest.fixture
def outlook(told, tally):
    """Ten seconds a request, whatever was sent already."""

    def tell(done, total, message, *, until):
        left = until and (until - utcnow()) / timedelta(seconds=1)
        told.append((done, total, message, left))

    return Outlook(tell, tally, lambda requests: requests * 10.0)


def ask(tally, requests, seconds=0.1):
    for _ in range(requests):
        tally(Try("GET", "host", "/", 200, 1, seconds))


def test_what_is_left_takes_as_many_requests_as_what_is_done(outlook, told, tally):
    ask(tally, 7)  # For the lists.
    outlook(0, 100, "pages n1")
    ask(tally, 8)
    outlook(4, 100, "pages n1")
    assert [one[3] for one in told] == [None, None], "too little is done yet"
    ask(tally, 12)
    outlook(10, 100, "pages n1")
    assert told[-1][3] == pytest.approx(180 * 10, abs=60)
    outlook(0, None, "pages n2")
    assert told[-1] == (0, None, "pages n2", None)


def test_answers_that_take_longer_than_the_pace_count_instead(outlook, told, tally):
    outlook(0, 20, "pages n1")
    ask(tally, 10, seconds=30.0)
    outlook(10, 20, "pages n1")
    assert told[-1][3] == pytest.approx(300, abs=60)


def test_pages_that_are_the_same_take_no_time(outlook, told, tally):
    outlook(0, 1000, "pages n1")
    outlook(900, 1000, "pages n1")
    assert told[-1][3] == pytest.approx(0, abs=60)
