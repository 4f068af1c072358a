"""Who holds a lease: a process that can be told from any other, also one long dead.

Where a hub is started again after a crash, its jobs need not wait for their leases to end: that
the process is gone can be seen on its own machine. Elsewhere only the lease tells.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from functools import cache
from pathlib import Path


@cache
def this_process() -> str:
    """The name under which this process holds leases, as ``machine:pid:start``."""
    pid = os.getpid()
    return f"{_machine()}:{pid}:{_started(pid) or os.urandom(4).hex()}"


def is_dead(owner: str) -> bool:
    """Whether that process is surely gone; False wherever this can't be known from here."""
    machine, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    if machine != _machine() or not Path("/proc/self/stat").exists():
        return False
    return _started(int(pid)) != started


@cache
def _machine() -> str:
    """This machine, boot and process namespace, in which a process number means something."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts += [boot.read_text(), str(namespace.readlink())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _started(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; numbers of processes come again."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # Field 22 (proc_pid_stat(5)), counted behind the name, which may hold anything.
    fields = status.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
