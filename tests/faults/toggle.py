"""Toggles a plugin under load, with two processes of the hub over one PostgreSQL.

Client processes ask both hubs for an item, a page and a route of the plugin, over connections
that stay open, while it is switched off and on by command and by API. Good routes have to answer
200; the plugin's own may also say that it is switched off (404), or that it is just being switched
(503 with Retry-After). Everything else is a failure, a connection that breaks among them. The
toggles converge when both processes have told the database the wanted generation and state;
the time counts from the edit of hub.toml.

`python tests/faults/toggle.py --json` prints
`{"requests": 5402, "failed": 0, "toggles": 20, "converged_max_s": 1.02}`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.faults.client import THREADS, Tally  # noqa: E402 - found by the line above

CLIENT = Path(__file__).with_name("client.py")
BLOOP = Path(sys.executable).with_name("bloop")
CLIENTS = 2
RATE = 120.0
"""Requests a second, of all clients together."""
CONVERGE_SECONDS = 30.0

PLUGIN = """
from bloop_sdk import Plugin, hookimpl
from bloop_toggled import tables

class Main(Plugin):
    @hookimpl
    def filter_lesson_html(self, html, lesson):
        return html + "<p>toggled</p>"
"""
ROUTES = """
import asyncio

async def slow(request, ctx):
    await asyncio.sleep(0.01)
    return {"said": "hello"}
"""
MANIFEST = {
    "hooks": ["filter_lesson_html"],
    "contributes": {
        "routes": [
            {"path": "/hello", "handler": "bloop_toggled.routes:slow", "action": "content:read"}
        ]
    },
}


@dataclass
class Report:
    """What came of a run; ``converged`` in seconds, a number for each toggle."""

    tally: Tally
    converged: list[float]

    def as_json(self) -> dict[str, Any]:
        """The four numbers."""
        return {
            "requests": self.tally.requests,
            "failed": self.tally.failed,
            "toggles": len(self.converged),
            "converged_max_s": round(max(self.converged), 2),
        }


# The hubs.


@dataclass
class Hubs:
    """Two processes that serve one hub.toml and one database."""

    folder: Path
    environment: dict[str, str]
    urls: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """Their hub.toml."""
        return self.folder / "hub.toml"

    def bloop(self, *arguments: str) -> dict[str, Any]:
        """What a command says."""
        done = subprocess.run(
            [BLOOP, *arguments, "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def token(self) -> str:
        """A session of the operator."""
        start = "/start" + self.bloop("login-link")["url"].partition("/start")[2]
        connection = http.client.HTTPConnection(urlsplit(self.urls[0]).netloc, timeout=30)
        connection.request("GET", start)
        cookie = connection.getresponse().headers["set-cookie"]
        connection.close()
        return cookie.partition("=")[2].partition(";")[0]

    def post(self, number: int, path: str, token: str) -> None:
        """A call of the API of one process."""
        connection = http.client.HTTPConnection(urlsplit(self.urls[number]).netloc, timeout=30)
        connection.request("POST", path, headers={"authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        assert answer.status == 200, body

    def lesson(self) -> str:
        """The id of a page of the sample course."""
        (course,) = self.bloop("content", "tree")["items"]
        waiting = list(course["nodes"])
        while waiting:
            node = waiting.pop(0)
            if node["item"] and node["kind"] == "page":
                return str(node["item"])
            waiting = node["children"] + waiting
        raise AssertionError("the sample course has no page")


@contextlib.contextmanager
def running(folder: Path, url: str, owner_url: str) -> Iterator[Hubs]:
    """Two processes with the sample course and the plugin, which is on."""
    from bloop_sdk.testing.distributions import write_plugin

    site = folder / "site"
    site.mkdir()
    # Of some size: its first import takes a while.
    functions = "".join(f"def f{n}(x):\n    return x + {n}\n" for n in range(5000))
    files = {"tables.py": functions, "routes.py": ROUTES}
    write_plugin(site, "toggled", code=PLUGIN, manifest=MANIFEST, files=files)
    (folder / "hub.toml").write_text(
        '[hub]\nname = "Toggled"\n\n[log]\nlevel = "warning"\n\n'
        "[plugins.cartridge]\nenabled = true\n\n[plugins.toggled] # on and off\nenabled = true\n"
    )
    environment = {name: v for name, v in os.environ.items() if not name.startswith("BLOOP_")}
    environment |= {
        "PYTHONPATH": str(site),
        "BLOOP_STORE__URL": url,
        "BLOOP_STORE__OWNER_URL": owner_url,
    }
    hubs = Hubs(folder, environment)
    course = folder / "waves.imscc"
    builder = [sys.executable, ROOT / "examples" / "build_course.py", "-o", course]
    subprocess.run(builder, check=True, capture_output=True)
    hubs.bloop("db", "upgrade")
    hubs.bloop("init")
    hubs.bloop("import", str(course))
    with contextlib.ExitStack() as stack:
        for name in ("north", "south"):
            hubs.urls.append(stack.enter_context(_up(hubs, folder / f"{name}.log")))
        yield hubs


@contextlib.contextmanager
def _up(hubs: Hubs, log: Path) -> Iterator[str]:
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [BLOOP, "up", "--port", "0"],
            cwd=hubs.folder,
            env=hubs.environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            said = ""
            assert process.stdout is not None
            while "Stop with" not in said:
                line = process.stdout.readline()
                assert line, said + log.read_text()
                said += line
            found = re.search(r"http://[\d.]+:\d+", said)
            assert found is not None, said
            yield found[0]
            assert process.poll() is None, log.read_text()[-4000:]
        finally:
            process.terminate()


# The run.


def run(
    folder: Path, url: str, owner_url: str, *, toggles: int, requests: int, clients: int = CLIENTS
) -> Report:
    """Toggle under load, evenly over that many requests or a few more."""
    import psycopg

    libpq = url.replace("postgresql+psycopg", "postgresql", 1)
    with running(folder, url, owner_url) as hubs, psycopg.connect(libpq, autocommit=True) as sql:
        token, lesson = hubs.token(), hubs.lesson()
        paths = [f"/api/v1/items/{lesson}", "/x/toggled/hello", f"/lessons/{lesson}"]
        task = {
            "hosts": [urlsplit(url).netloc for url in hubs.urls],
            "paths": paths,
            "token": token,
            "pause": clients * THREADS / RATE,
        }
        converged: list[float] = []
        with contextlib.ExitStack() as stack:
            asking = [stack.enter_context(_client(task)) for _ in range(clients)]
            for number in range(toggles):
                _wait_for(asking, requests * number // toggles)
                converged.append(_toggle(hubs, sql, token, number))
            _wait_for(asking, requests)
            tally = Tally()
            for process in asking:
                tally.add(json.loads(process.communicate()[0]))
        return Report(tally, converged)


@contextlib.contextmanager
def _client(task: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, CLIENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
        yield process


def _wait_for(asking: list[subprocess.Popen[str]], requests: int) -> None:
    """Wait until the clients have made so many requests, so that toggles spread over them."""
    while sum(_asked(process) for process in asking) < requests:
        time.sleep(0.1)


def _asked(process: subprocess.Popen[str]) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def _toggle(hubs: Hubs, sql: Any, token: str, number: int) -> float:
    """Switch once, by command or by the API of either process; seconds until both are there."""
    word = "enable" if number % 2 else "disable"
    (before,) = sql.execute("SELECT generation FROM hub_generation").fetchone()
    if number % 4 < 2:
        hubs.bloop("plugins", word, "toggled")
    else:
        hubs.post(number // 4 % 2, f"/api/v1/plugins/toggled/{word}", token)
    edited = hubs.file.stat().st_mtime
    wanted = {"ready"} if word == "enable" else {"stopped", "disabled"}
    end = time.monotonic() + CONVERGE_SECONDS
    while time.monotonic() < end:
        rows = sql.execute(
            "SELECT g.generation, p.generation, s.state FROM hub_generation g, hub_process p"
            " LEFT JOIN plugin_state s ON s.process_id = p.id AND s.plugin_id = 'toggled'"
            " WHERE p.kind = 'api'"
        ).fetchall()
        there = [now == has and now != before and state in wanted for now, has, state in rows]
        if there == [True, True]:
            return time.time() - edited
        time.sleep(0.01)
    raise AssertionError(f"{word} did not reach both processes: {rows}")


def main() -> int:
    """Run with a server of our own, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the four numbers alone")
    parser.add_argument("--toggles", type=int, default=20)
    parser.add_argument("--requests", type=int, default=5000, help="at least so many")
    options = parser.parse_args()
    from tests.support import postgres
    from tests.support.run import create_run_folder, remove_run_folder

    run_folder = create_run_folder()
    try:
        cluster = postgres.connect(run_folder, "toggle")
        made = cluster.create()
        with tempfile.TemporaryDirectory() as folder:
            report = run(
                Path(folder),
                made.app_url,
                made.owner_url,
                toggles=options.toggles,
                requests=options.requests,
            )
        cluster.drop(made)
        cluster.close()
    finally:
        remove_run_folder(run_folder)
    print(json.dumps(report.as_json()))
    if not options.json:
        print(report.tally.by_status, [round(seconds, 2) for seconds in report.converged])
        print("\n".join(report.tally.failures))
    return 1 if report.tally.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
