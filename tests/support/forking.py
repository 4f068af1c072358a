"""Processes of a hub for tests that kill them, forked from one that has imported it.

To import it takes each of them seconds, and a test of kills starts many. They share nothing else:
each has its own memory, connections, environment and death.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any


def forking() -> ForkServerContext:
    """What forks processes from one that has imported the hub, with locks and queues for them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.imported"])
    return context


def fork(target: Callable[..., object], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Run ``target(connection, *arguments)`` in a process; gives it, and our end of the connection.

    ``target`` is found by its module and name. Whoever asks a process that has died gets EOFError.
    """
    context = forking()
    ours, theirs = context.Pipe()
    given = (dict(os.environ), theirs, target, arguments)
    process = context.Process(target=_run, args=given, daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _run(
    environment: Mapping[str, str],
    connection: Connection,
    target: Callable[..., object],
    arguments: tuple[Any, ...],
) -> None:
    # The one it is forked from has that of the test which asked first.
    os.environ.clear()
    os.environ.update(environment)
    target(connection, *arguments)
