"""When a schedule is due: from interval to interval, or by a cron line in a time zone.

Cron lines mean what Debian's cron makes of them (cron(8)). Where clocks go forward, what stands at
a time that is left out is due right after the gap; where they go back, what stands at an hour that
comes twice is due the first time only. Lines with ``*`` for minute or hour follow the time that
passes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from bloop_sdk._intervals import interval_seconds


def next_time(every: str, zone: str, due: datetime | None, now: datetime) -> datetime:
    """The first time after ``now``.

    Intervals are counted from ``due``, the last due time, or else from now on. Raises ValueError
    for a cron line or a zone that means nothing.
    """
    seconds = interval_seconds(every)
    if seconds is None:
        return _next_of_cron(every, zone, now)
    interval, due = timedelta(seconds=seconds), due or now
    # Rounded down, also where the clock was set back to before it.
    return due + ((now - due) // interval + 1) * interval


def _next_of_cron(line: str, zone: str, now: datetime) -> datetime:
    from cronsim import CronSim

    start = now.astimezone(_zone(zone))
    try:
        times = CronSim(line, start)
    except Exception as err:  # Beside CronSimError, some lines fail an assertion of it.
        raise ValueError(f"{line!r} is no cron line: {err}") from err
    for found in times:
        moment = found.astimezone(UTC)
        # In an hour that comes a second time it begins with times of the first.
        if moment > now:
            return moment
    raise ValueError(f"the cron line {line!r} is never due")


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as err:
        raise ValueError(f"this machine knows no time zone {name!r}") from err
