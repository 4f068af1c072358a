"""How a filled hub does: processes, what their checks say, samples, what was put aside."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from bloop.content.sync_models import Quarantine
from bloop.jobs import ledger
from bloop.jobs.models import Job, JobSchedule
from bloop.kernel.models import HubProcess
from bloop.ops.models import HubCheck, HubSample
from bloop.ops.vitals import LEVELS
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry.totals import NO_TIMES

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
    said: list[tuple[str, bool | None, str, str | None]]
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
    for seconds, kept in LEVELS.items():
        newest = now.timestamp() // seconds * seconds
        steps = round(kept.total_seconds()) // seconds
        moments = [datetime.fromtimestamp(newest - seconds * back, UTC) for back in range(steps)]
        unit.session.add_all(
            _sample(seconds, at, steps - back)
            for back, at in enumerate(moments)
            if back not in (30, 31)
        )


def _sample(seconds: int, at: datetime, number: int) -> HubSample:
    wave = 1 + math.sin(number / 6)
    busy = (round(30 * wave) + number % 7) * seconds // 60
    times = [0] * len(NO_TIMES)
    times[4], times[6], times[8] = busy, busy // 4, busy // 15
    size = 48_000_000 + 90_000 * number
    return HubSample(
        seconds=seconds,
        at=at,
        requests=sum(times),
        errors=int(number % 23 == 0),
        times=times,
        jobs_failed=int(number % 31 == 0),
        jobs_waiting=round(3 * wave),
        events_behind=number % 5,
        database_bytes=size,
        free_bytes=9_000_000_000 - 40 * size,
    )


def aside(unit: UnitOfWork, connection: str) -> None:
    """Records that could not be used, and what starts by itself: once well, once not."""
    reasons = {
        "page:Torn.md": ("not_utf8", "byte 14 is no UTF-8; save the note as UTF-8"),
        "file:big.mov": ("too_large", "it has 1.2 GB, and files may have 256 MB"),
        "page:Old.md": ("not_utf8", "byte 3 is no UTF-8; save the note as UTF-8"),
    }
    for ref, (code, reason) in reasons.items():
        row = {"connection_id": connection, "run_id": "run", "ref": ref}
        kept = Quarantine(institution_id=unit.institution, code=code, reason=reason, **row)
        unit.session.add(kept)
    now = utcnow()
    failed = {"message": "the school's server does not answer", "cure": "try again later"}
    for number, (name, every) in enumerate((("mail.digest", "30 6 * * 1"), ("stock.sync", "15m"))):
        job = ledger.enqueue(unit, name, {})
        values = {"state": "failed" if number else "succeeded", "turn": None, "finished_at": now}
        error = failed if number else None
        unit.session.execute(
            update(Job).where(Job.id == job).values(**values, error=error, started_at=now)
        )
        unit.session.add(
            JobSchedule(
                institution_id=unit.institution,
                name=name,
                queue="default",
                priority=5,
                max_attempts=3,
                every=every,
                zone="Europe/Berlin",
                paused=not number,
                next_at=now + timedelta(minutes=9) if number else None,
                last_due_at=now - timedelta(minutes=6),
                last_job_id=job,
                skipped=2 * number,
                skipped_at=now,
            )
        )
