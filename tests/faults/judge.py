"""What became of changes, events and jobs, read from the database and from outside at the end."""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from tests.faults.writers import Written

_NOTE_ENDS = {
    "postgresql": """
        CREATE TABLE flow_test_ended (job text, state text);
        CREATE FUNCTION flow_test_note() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = public AS
            $$ BEGIN INSERT INTO flow_test_ended VALUES (NEW.id, NEW.state); RETURN NEW; END $$;
        CREATE TRIGGER flow_test_note AFTER UPDATE OF state ON job FOR EACH ROW
            WHEN (NEW.state IN ('succeeded', 'failed', 'cancelled'))
            EXECUTE FUNCTION flow_test_note()
    """,
    "sqlite": """
        CREATE TABLE flow_test_ended (job text, state text);
        CREATE TRIGGER flow_test_note AFTER UPDATE OF state ON job
            WHEN NEW.state IN ('succeeded', 'failed', 'cancelled')
            BEGIN INSERT INTO flow_test_ended VALUES (NEW.id, NEW.state); END
    """,
}


@dataclass(frozen=True)
class Kill:
    """Who was killed, when, and how: ``pid`` is the process that worked.

    Without one it was something that all processes need, which is there again from ``at`` on.
    ``below`` are its own processes, which end with it: Celery's worker runs jobs in some.
    """

    pid: int | None
    at: float
    kind: str
    how: str
    below: frozenset[int] = frozenset()


@dataclass
class Books:
    """Reads everything; ``note_ends`` has the database itself count how often jobs end."""

    url: str
    delivered: Path
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = create_engine(self.url)

    def note_ends(self) -> None:
        """Have each end of a job written down, whoever writes it."""
        statements = _NOTE_ENDS[self.engine.dialect.name]
        connection = self.engine.raw_connection()
        try:
            if self.engine.dialect.name == "sqlite":
                connection.driver_connection.executescript(statements)  # type: ignore[union-attr]
            else:
                connection.cursor().execute(statements)
                connection.commit()
        finally:
            connection.close()

    def rows(self, sql: str) -> list[Any]:
        """What a query finds."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql)))

    def one(self, sql: str) -> Any:
        """The one value that a query finds."""
        return self.rows(sql)[0][0]

    def lines(self) -> list[tuple[str, str, int, int, float]]:
        """Event, aggregate, number, process and time of each delivery, as they came."""
        if not self.delivered.exists():
            return []
        split = (line.split() for line in self.delivered.read_text().splitlines())
        return [(id_, of, int(n), int(pid), float(at)) for id_, of, n, pid, at in split]

    def is_drained(self) -> bool:
        """Whether every change has had its effects and every job is over."""
        changes = self.one("SELECT count(*) FROM flow_change")
        if self.one("SELECT count(*) FROM flow_effect") < changes:
            return False
        waiting = "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')"
        return len({line[0] for line in self.lines()}) >= changes and not self.one(waiting)


def judge(books: Books, written: Written, kills: list[Kill]) -> dict[str, Any]:
    """The report; the laws hold where :func:`is_lawful` says so of it."""
    changes = books.rows("SELECT key, aggregate, number, work FROM flow_change")
    effects = books.rows(
        "SELECT event, 'x', 0, pid, at, aggregate, number FROM flow_effect ORDER BY id"
    )
    lines = books.lines()
    jobs = books.rows("SELECT id, state FROM job WHERE kind = 'flow.work'")
    ends = Counter(job for (job,) in books.rows("SELECT job FROM flow_test_ended"))
    runs = books.rows("SELECT job, pid, began, ended FROM flow_run ORDER BY id")
    killed = {kill.pid for kill in kills} | {pid for kill in kills for pid in kill.below}
    everybody = {pid for *_, pid, _ in lines} | {run.pid for run in runs}
    killed |= everybody if None in killed else set()

    keys = Counter(change.key for change in changes)
    told = {sent.key for sent in written.acknowledged}
    said = {(f"flow:{change.aggregate}", change.number) for change in changes}
    took = [(row.aggregate, row.number) for row in effects]
    came = [(of, number) for _, of, number, *_ in lines]
    first = list(dict.fromkeys(came))
    asked = sum(bool(change.work) for change in changes)
    lost = {
        "requests": len(told - keys.keys()),
        "effects": len(said - set(took)),
        "deliveries": len(said - set(came)),
        "jobs": asked - len(jobs) + sum(state != "succeeded" for _, state in jobs),
    }
    doubled = {
        "requests": sum(count - 1 for count in keys.values()),
        "effects": len(took) - len(set(took)),
        "jobs": sum(count - 1 for count in ends.values()),
        # Whoever was not killed had ended well what somebody else did again.
        "deliveries": _unexplained([(id_, pid) for id_, _, _, pid, _ in lines], killed),
        "runs": _unexplained([(run.job, run.pid) for run in runs], killed | _cut_off(runs, kills)),
    }
    return {
        "kills": len(kills),
        "committed": len(changes),
        "effects": len(took),
        "lost": sum(lost.values()),
        "doubled": sum(doubled.values()),
        "out_of_order": _out_of_order(took) + _out_of_order(first),
        "resume_max_s": round(max(_resumes(written, kills, effects, lines, runs), default=0.0), 2),
        "deliveries": len(first),
        "delivered_again": len(came) - len(first),
        "jobs_submitted": asked,
        "jobs_done": sum(state == "succeeded" for _, state in jobs),
        "jobs_doubled": doubled["jobs"],
        "job_runs": len(runs),
        "parked": books.one("SELECT count(*) FROM event_parked"),
        "requests": sum(written.answers.values()),
        "failed_requests": len(written.failures),
        "longest_request_s": round(written.longest_s, 2),
        "answers": dict(written.answers),
        "kills_by_kind": dict(Counter(f"{kill.kind} {kill.how}" for kill in kills)),
        "lost_by_kind": {name: number for name, number in lost.items() if number},
        "doubled_by_kind": {name: number for name, number in doubled.items() if number},
        "failures": written.failures[:5],
    }


def is_lawful(report: dict[str, Any]) -> bool:
    """Whether nothing was lost, doubled, out of order, parked or refused."""
    broken = ("lost", "doubled", "out_of_order", "parked", "failed_requests")
    return not any(report[name] for name in broken) and report["effects"] == report["committed"]


def _out_of_order(came: Iterable[tuple[str, int]]) -> int:
    """How many came when a later one of their aggregate, or not the one before, had come."""
    last: dict[str, int] = defaultdict(int)
    broken = 0
    for aggregate, number in dict.fromkeys(came):
        broken += number != last[aggregate] + 1
        last[aggregate] = max(last[aggregate], number)
    return broken


def _unexplained(done: Iterable[tuple[str, int]], killed: set[int | None]) -> int:
    """How often something was done again though who had done it lives."""
    before: dict[str, int] = {}
    broken = 0
    for what, pid in done:
        broken += what in before and before[what] not in killed
        before[what] = pid
    return broken


def _cut_off(runs: Iterable[Any], kills: list[Kill]) -> set[int]:
    """Processes that died in a run, after somebody had been killed.

    Celery's worker takes its children with it, also one that it began after it was looked at.
    """
    by_job: dict[str, list[Any]] = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
    return {
        run.pid
        for of_job in by_job.values()
        for run, again in itertools.pairwise(of_job)
        if run.ended is None and any(run.began < kill.at < again.began for kill in kills)
    }


def _resumes(
    written: Written, kills: list[Kill], effects: list[Any], lines: list[Any], runs: list[Any]
) -> Iterable[float]:
    """For each kill the seconds until what it may have interrupted was seen to go on."""
    consumers = [sorted(row[4] for row in effects), sorted(line[4] for line in lines)]
    by_job: dict[str, list[Any]] = defaultdict(list)
    for run in runs:
        by_job[run.job].append(run)
    for kill in kills:
        for times in consumers:
            later = [at for at in times if at > kill.at]
            yield from (at - kill.at for at in later[:1])
        for of_job in by_job.values():
            for run, again in itertools.pairwise(of_job):
                if run.pid in {kill.pid, *kill.below} and again.began > kill.at:
                    yield again.began - kill.at
        for sent in written.acknowledged:
            if sent.tries > 1 and sent.began <= kill.at <= sent.ended:
                yield sent.ended - kill.at


def wait_until_drained(books: Books, seconds: float) -> float:
    """Wait for the end of all that was begun, but not for ever; how long it took."""
    began = time.monotonic()
    while not books.is_drained() and time.monotonic() < began + seconds:
        time.sleep(0.2)
    return time.monotonic() - began
