"""Shows two things as runs: keys rotated under traffic, and an audit log that somebody changed.

``python tests/security/show.py`` makes a hub in a folder of its own, and prints what each command
says. Tests assert what it shows: ``tests/ops/test_keys.py``, ``tests/store/test_audit.py``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 120
say = print
TAMPERED = {
    "edited": "UPDATE audit_line SET action = 'nothing.at_all' WHERE seq = 2",
    "deleted": "DELETE FROM audit_line WHERE seq = 2",
    "reordered": "UPDATE audit_line SET seq = 5 - seq + 100 WHERE seq IN (2, 3);"
    " UPDATE audit_line SET seq = seq - 100 WHERE seq > 100",
    "truncated": "DELETE FROM audit_line WHERE seq > (SELECT max(seq) - 2 FROM audit_line)",
}


def bloop(folder: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the hub, and print it with what it says."""
    say(f"\n$ bloop {' '.join(command)}", flush=True)
    done = subprocess.run(
        [BLOOP, *command],
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    say((done.stdout + done.stderr).rstrip())
    if done.returncode:
        say(f"(exit code {done.returncode})")
    return done


@contextlib.contextmanager
def served(folder: Path, port: int):
    """The hub, serving."""
    with (folder / "up.log").open("w") as log:
        hub = subprocess.Popen(
            [BLOOP, "up", "--port", str(port)], cwd=folder, stdout=log, stderr=log
        )
    try:
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            time.sleep(0.2)
        yield
    finally:
        hub.terminate()
        hub.wait(PATIENCE_SECONDS)


def traffic(client: httpx.Client, csrf: str, over: threading.Event, told: Counter[str]) -> None:
    """Seal a new secret with each request: the key of an authenticator app that is being set up."""
    while not over.is_set():
        answer = client.post("/api/v1/account/totp", headers={"x-csrf-token": csrf})
        told[str(answer.status_code)] += 1


def rotation(folder: Path, port: int) -> None:
    """Rotate the master key while secrets are written."""
    with served(folder, port):
        link = subprocess.run(
            [BLOOP, "login-link"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
        token = link.partition("token=")[2].split()[0]
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS)
        client.get(f"/start?token={token}")
        csrf = client.get("/api/v1/account").json()["csrf_token"]
        told: Counter[str] = Counter()
        over = threading.Event()
        writer = threading.Thread(target=traffic, args=(client, csrf, over, told))
        writer.start()
        while not told:
            time.sleep(0.05)
        bloop(folder, "keys", "status")
        before = sum(told.values())
        bloop(folder, "keys", "rotate")
        during = sum(told.values()) - before
        bloop(folder, "keys", "status")
        over.set()
        writer.join()
        say(f"\n{during} secrets were sealed while it ran; all answers by status: {dict(told)}")
        bloop(folder, "keys", "retire", "1", "--yes")
    bloop(folder, "audit", "anchor")


def tampering(folder: Path) -> None:
    """Verify a whole log, and one that was changed in each of four ways."""
    whole = folder / "var" / "bloop.db"
    bloop(folder, "audit", "verify")
    for what, sql in TAMPERED.items():
        copy = folder / f"{what}.db"
        shutil.copy(whole, copy)
        connection = sqlite3.connect(copy)
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in names.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.executescript(sql)
        connection.close()
        say(f"\n-- a copy whose log was {what}: {sql}")
        bloop(folder, "audit", "verify", BLOOP_STORE__URL=f"sqlite:///{copy}")


def main() -> None:
    """Both, in a folder of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bloop(folder, "init")
        rotation(folder, port)
        tampering(folder)


if __name__ == "__main__":
    main()
