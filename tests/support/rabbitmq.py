"""A real RabbitMQ: a private node from Debian's package, to be killed and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from tests.support.ports import find_free_port

START_SECONDS = 180
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Not the one on the PATH, which changes to a user of its own."""


class RabbitMQ:
    """A node on 127.0.0.1, always at the same port; everything of it is in one folder."""

    def __init__(self, folder: Path) -> None:
        self.port = find_free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self._folder = folder
        self._epmd_port = find_free_port()
        self._dist_port = find_free_port()
        self._processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir()
        (folder / "rabbitmq.conf").write_text("disk_free_limit.absolute = 1MB\n")
        (folder / "plugins").write_text("[].\n")

    def start(self) -> None:
        """Start, and wait until it answers."""
        log = self._folder / "server.log"
        with log.open("ab") as out:
            # Erlang's register of nodes: left to start it by itself, the node would leave a daemon.
            epmd = ["epmd", "-address", "127.0.0.1", "-port", str(self._epmd_port)]
            for command in (epmd, [str(SERVER)]):
                process = subprocess.Popen(
                    command,
                    env=os.environ | self._settings(),
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._processes.append(process)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._processes[-1].poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"RabbitMQ did not start: {log.read_text()[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        while self._processes:
            process = self._processes.pop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _settings(self) -> dict[str, str]:
        folder = self._folder
        return {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bloop{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            # One core is plenty, and threads that spin while they wait cost others theirs.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
                " -kernel inet_dist_use_interface {127,0,0,1}"
            ),
        }

    def _answers(self) -> bool:
        """Whether it speaks AMQP: a wrong greeting is answered with the right one."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"AMQP\x00\x00\x00\x00")
                return probe.recv(4) == b"AMQP"
        except OSError:
            return False


def missing() -> str | None:
    """Why there can be no RabbitMQ here; None where it can."""
    if SERVER.exists() and shutil.which("epmd"):
        return None
    return "no RabbitMQ here: apt-get install rabbitmq-server"
