"""When a schedule is due next."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bloop.jobs.times import next_time

BERLIN = "Europe/Berlin"
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(line, zone, start, count):
    found, now = [], at(start)
    for _ in range(count):
        now = next_time(line, zone, None, now)
        found.append(now.strftime("%m-%d %H:%M"))
    return found


def test_an_interval_is_counted_from_the_last_due_time():
    due = at("2026-01-31 08:00:00")
    assert next_time("15m", "UTC", due, due) == at("2026-01-31 08:15")
    assert next_time("15m", "UTC", due, at("2026-01-31 08:03:20")) == at("2026-01-31 08:15")
    assert next_time("15m", "UTC", due, at("2026-01-31 08:15")) == at("2026-01-31 08:30")
    assert next_time("1d", "UTC", due, at("2026-02-03 09:00")) == at("2026-02-04 08:00")
    assert next_time("30s", "UTC", None, due) == due + timedelta(seconds=30)


@given(MOMENTS, MOMENTS, st.sampled_from(["10s", "15m", "7h", "366d"]))
def test_an_interval_is_due_within_itself_and_on_its_grid(due, now, every):
    found = next_time(every, "UTC", due, now)
    interval = next_time(every, "UTC", due, due) - due
    assert now < found <= now + interval
    assert (found - due) % interval == timedelta(0)


@given(
    MOMENTS,
    st.timedeltas(timedelta(0), timedelta(days=400)),
    st.sampled_from([BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.sampled_from(["*/20 * * * *", "30 1,2 * * *", "0 3 * * MON-FRI", "15 */2 1 * *"]),
)
def test_a_cron_line_is_due_later_and_never_sooner_for_who_looks_later(now, later, zone, line):
    found = next_time(line, zone, None, now)
    assert found > now
    assert next_time(line, zone, None, now + later) >= found


FIELDS = st.text("0123456789*/,-#LWMONFRI", min_size=1, max_size=6)


@given(st.lists(FIELDS, min_size=5, max_size=5).map(" ".join), st.sampled_from(["UTC", BERLIN]))
@example("0 0 * * 5L/2", "UTC")
def test_whatever_stands_in_a_line_it_is_due_or_refused(line, zone):
    now = at("2026-01-31 08:00")
    try:
        assert next_time(line, zone, None, now) > now
    except ValueError as err:
        assert "cron line" in str(err)  # noqa: PT017 - either is right


def test_a_cron_line_is_meant_in_its_zone():
    assert times("30 3 * * *", BERLIN, "2026-01-31 12:00", 1) == ["02-01 02:30"]
    assert times("30 3 * * *", BERLIN, "2026-07-31 12:00", 1) == ["08-01 01:30"]
    assert times("30 3 * * MON-FRI", "UTC", "2026-01-30 12:00", 2) == ["02-02 03:30", "02-03 03:30"]


def test_where_clocks_go_forward_what_is_left_out_is_due_right_after_it():
    # On 29 March 2026 at 02:00 it is 03:00 at once, which is 01:00 in UTC.
    assert times("30 2 * * *", BERLIN, "2026-03-28 00:00", 3) == [
        "03-28 01:30",
        "03-29 01:00",
        "03-30 00:30",
    ]
    assert times("*/30 * * * *", BERLIN, "2026-03-29 00:20", 3) == [
        "03-29 00:30",
        "03-29 01:00",
        "03-29 01:30",
    ]


def test_where_clocks_go_back_an_hour_that_comes_twice_counts_once():
    # On 25 October 2026 at 03:00 it is 02:00 again, which is 01:00 in UTC.
    assert times("30 2 * * *", BERLIN, "2026-10-24 12:00", 2) == ["10-25 00:30", "10-26 01:30"]
    assert times("30 2 * * *", BERLIN, "2026-10-25 01:10", 1) == ["10-26 01:30"]
    assert times("30 * * * *", BERLIN, "2026-10-25 00:00", 3) == [
        "10-25 00:30",
        "10-25 01:30",
        "10-25 02:30",
    ]


@pytest.mark.parametrize(
    ("line", "zone", "words"),
    [
        ("61 * * * *", "UTC", "no cron line: Bad minute"),
        ("0 0 30 2 *", "UTC", "Bad day-of-month"),
        ("0 0 */31 * MON#5", BERLIN, "never due"),
        ("0 0 * * *", "Middle/Earth", "no time zone 'Middle/Earth'"),
    ],
)
def test_what_means_nothing_is_refused(line, zone, words):
    with pytest.raises(ValueError, match=words):
        next_time(line, zone, None, at("2026-01-31 08:00"))
