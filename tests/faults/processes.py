"""A hub's processes for the fault tests: each with its supervisor, killed and started again."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil

from tests.faults import flow
from tests.support.ports import find_free_port

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 90.0
BEGUN = "(a supervisor is started)"


@dataclass
class Tree:
    """A supervisor and the process that works below it, in a process group of their own."""

    name: str
    kind: str
    command: list[str]
    folder: Path
    environment: dict[str, str]
    port: int | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it has said in all its lives."""
        return self.folder / f"{self.name}.log"

    @property
    def host(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin a life."""
        with self.log.open("ab") as log:
            log.write(f"{BEGUN}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [BLOOP, *self.command],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self.process is not None
        return self.process.pid

    def child(self) -> int | None:
        """The process that works, while there is one."""
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.pid).children():
                if one.status() != psutil.STATUS_ZOMBIE:
                    return int(one.pid)
        return None

    def is_up(self) -> bool:
        """Whether the process that works has said that it does."""
        said = self.log.read_text("utf-8", "replace")
        return said.rfind("Stop with Ctrl-C") > max(map(said.rfind, (BEGUN, "it starts again")))

    def kill(self, victim: str) -> int | None:
        """SIGKILL to the ``child``, the ``supervisor`` or the ``tree``; the pid of who worked."""
        pid = self.child()
        with contextlib.suppress(ProcessLookupError):
            if victim == "tree":
                os.killpg(self.pid, signal.SIGKILL)
            elif victim == "supervisor":
                os.kill(self.pid, signal.SIGKILL)
            elif pid is not None:
                os.kill(pid, signal.SIGKILL)
        return pid

    def end(self, seconds: float = 20.0) -> None:
        """Wait for who was asked to end; SIGKILL for what is left."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


def below_of(pid: int) -> frozenset[int]:
    """The processes that a process has started, and theirs."""
    try:
        return frozenset(one.pid for one in psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return frozenset()


class Keeper:
    """Starts trees again that have ended, as systemd or a container's host would."""

    def __init__(self, trees: list[Tree]) -> None:
        self.restarts = 0
        self.paused: set[str] = set()
        """Trees by name that stay as they are for now."""
        self._trees = trees
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stop.wait(0.2):
            for tree in self._trees:
                ended = tree.process is not None and tree.process.poll() is not None
                if ended and tree.name not in self.paused:
                    self.restarts += 1
                    tree.start()


@dataclass
class Hub:
    """A hub with the plugin ``flow``, in a folder, over one database."""

    folder: Path
    environment: dict[str, str]
    database: str
    """URL with which everything in it can be read."""
    trees: list[Tree] = field(default_factory=list)
    token: str = ""

    @property
    def apis(self) -> list[Tree]:
        """Those that serve."""
        return [tree for tree in self.trees if tree.kind == "api"]

    @property
    def workers(self) -> list[Tree]:
        """Those that work and serve nothing."""
        return [tree for tree in self.trees if tree.kind == "worker"]

    @property
    def traps(self) -> Path:
        """Where the plugin's traps are, and what it has delivered."""
        return self.folder / "flow"

    def bloop(self, *arguments: str) -> Any:
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
        return json.loads(done.stdout)

    def add(self, kind: str, command: str) -> Tree:
        """One more tree, not started yet, of ``bloop COMMAND``."""
        number = sum(tree.kind == kind for tree in self.trees) + 1
        port = find_free_port() if kind == "api" else None
        options = [] if port is None else ["--port", str(port)]
        tree = Tree(
            f"{kind}{number}", kind, [command, *options], self.folder, self.environment, port
        )
        self.trees.append(tree)
        return tree

    def logs(self) -> str:
        """What went wrong in each, and the end of what it has said."""
        parts = []
        for tree in self.trees:
            said = tree.log.read_text("utf-8", "replace") if tree.log.exists() else ""
            lines = [line for line in said.splitlines() if "request refused" not in line]
            wrong = [line[:5000] for line in lines[:-25] if '"level":"error"' in line]
            parts.append("\n".join((f"--- {tree.name}", *wrong, *lines[-25:])))
        return "\n".join(parts)

    def log_in(self) -> None:
        """Become the operator, and make the plugin's aggregates."""
        start = "/start" + self.bloop("login-link")["url"].partition("/start")[2]
        connection = http.client.HTTPConnection(self.apis[0].host, timeout=30)
        connection.request("GET", start)
        cookie = connection.getresponse().headers["set-cookie"]
        connection.close()
        self.token = cookie.partition("=")[2].partition(";")[0]
        self.post("/x/flow/prepare", {"aggregates": flow.AGGREGATES})

    def post(self, path: str, asked: dict[str, Any]) -> None:
        """Call a route of the first API process as the operator."""
        connection = http.client.HTTPConnection(self.apis[0].host, timeout=30)
        headers = {"authorization": f"Bearer {self.token}"}
        connection.request("POST", path, json.dumps(asked), headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        assert answer.status == 200, said


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until something is so; raises AssertionError where it takes too long."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return found


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    url: str | None = None,
    owner_url: str | None = None,
    admin_url: str | None = None,
    toml: str = "",
    environment: dict[str, str] | None = None,
    apis: int = 2,
    workers: int = 2,
) -> Iterator[Hub]:
    """A hub at work; on SQLite where no ``url`` is given, then all of it in one ``bloop up``."""
    (folder / "flow").mkdir()
    site = folder / "site"
    site.mkdir()
    flow.write(site)
    (folder / "hub.toml").write_text(
        '[hub]\nname = "Flow"\n\n[log]\nlevel = "warning"\n\n'
        f"[plugins.flow]\nenabled = true\n\n{toml}"
    )
    kept = {name: v for name, v in os.environ.items() if not name.startswith("BLOOP_")}
    kept |= {"PYTHONPATH": str(site), "PYTHONUNBUFFERED": "1", "FLOW_FOLDER": str(folder / "flow")}
    if url is not None and owner_url is not None:
        kept |= {"BLOOP_STORE__URL": url, "BLOOP_STORE__OWNER_URL": owner_url}
    database = admin_url or f"sqlite:///{folder / 'var' / 'bloop.db'}"
    hub = Hub(folder, kept | (environment or {}), database)
    hub.bloop("init") if url is None else hub.bloop("db", "upgrade")
    for _ in range(apis):
        hub.add("api", "serve" if workers else "up")
    for _ in range(workers):
        hub.add("worker", "worker")
    try:
        for tree in hub.trees:
            tree.start()
        wait(lambda: all(tree.is_up() for tree in hub.trees), "all processes are up")
        hub.log_in()
        yield hub
        for tree in hub.trees:
            assert tree.process is not None
            tree.process.terminate()
        for tree in hub.trees:
            tree.end()
    except BaseException:
        print(hub.logs(), file=sys.stderr)
        raise
    finally:
        for tree in hub.trees:
            tree.end(0)
