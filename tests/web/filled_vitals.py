"""How a filled hub does: two processes, what their checks say, and a week of samples."""

from __future__ import annotations

import math
from datetime import timedelta

from bloop.kernel.models import HubProcess
from bloop.ops.models import HubCheck
from bloop.ops.vitals import Measured, add_sample
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry.totals import NO_TIMES, Totals

WELL = (
    ("database", "postgresql"),
    ("migrations", "current"),
    ("keys", "master key 1 seals"),
    ("plugins", "all ready"),
    ("search", "0 events behind"),
    ("jobs", "1 wait, 1 run"),
    ("events", "none is parked"),
    ("cache", "shared through Redis"),
    ("pacer", "shared through Redis"),
)


def vitals(unit: UnitOfWork) -> None:
    """Fill the tables of ``bloop.ops``."""
    now = utcnow()
    begun = now - timedelta(days=3)
    for number, kind in enumerate(("api", "worker")):
        unit.session.add(
            HubProcess(
                id=f"process-{number}",
                kind=kind,
                host=f"hub{number + 1}.example.edu",
                pid=4100 + number,
                version="0.1.0",
                workers=4 * number,
                queues=[],
                generation="another",
                started_at=begun,
                beat_at=now + timedelta(hours=1),
            )
        )
    unit.session.flush()
    said = [(name, True, detail, None) for name, detail in WELL]
    said.append(("broker", None, "localhost:5672 does not answer", "start RabbitMQ"))
    said.append(("disk", False, "210 MiB free", "free some space on /var/lib/bloop"))
    for place, (name, ok, detail, cure) in enumerate(said):
        since = begun if ok else now - timedelta(minutes=14)
        unit.session.add(
            HubCheck(
                process_id="process-0",
                name=name,
                place=place,
                ok=ok,
                detail=detail,
                cure=cure,
                since=since,
                checked_at=now,
            )
        )
    hours = [now - timedelta(hours=back) for back in range(7 * 24, 1, -2)]
    minutes = [now - timedelta(minutes=back) for back in range(70, -1, -1) if back not in (30, 31)]
    for number, moment in enumerate([*hours, *minutes]):
        wave = 1 + math.sin(number / 6)
        busy = round(30 * wave) + number % 7
        times = [0] * len(NO_TIMES)
        times[4], times[6], times[8] = busy, busy // 4, busy // 15
        counted = Totals(sum(times), int(number % 23 == 0), int(number % 31 == 0), tuple(times))
        size = 48_000_000 + 90_000 * number
        measured = Measured(round(3 * wave), number % 5, size, 9_000_000_000 - 40 * size)
        add_sample(unit, counted, measured, moment)
