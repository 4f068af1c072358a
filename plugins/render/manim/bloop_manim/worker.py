"""A process that draws: ``python -m bloop_manim.worker``, spoken to as :mod:`.wire` says.

It ends when its parent does, talks to nobody, and draws one scene at a time.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import queue
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from bloop_manim import wire
from bloop_sdk.errors import BloopError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

PR_SET_PDEATHSIG = 1
CLONE_NEWNET = 0x40000000
REPORT_SECONDS = 0.2


class CancelledError(Exception):
    """Nobody waits for it any more."""


class Worker:
    """Answers requests in the main thread; another one listens."""

    def __init__(self, asked: BinaryIO, said: BinaryIO) -> None:
        self._asked = asked
        self._said = said
        self._requests: queue.Queue[wire.Message] = queue.Queue()
        self._cancelled = threading.Event()

    def run(self) -> None:
        """Until the parent has no more to ask."""
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        try:
            from bloop_manim import answers  # A second: manim.
        except (ImportError, OSError) as err:  # A shared library is missing: OSError.
            cure = "install what the plugin needs: pip install bloop-manim, and libcairo2, libpango"
            self._say(_error("worker_unready", f"what draws cannot be loaded: {err}", cure))
            os._exit(1)
        gc.freeze()  # What is imported is not looked through after each scene.
        self._say({"ok": {"ready": os.getpid()}})
        while True:
            request = self._requests.get()
            self._cancelled.clear()
            answer = self._answered(answers, request)
            if self._cancelled.is_set():
                answer = {"cancelled": True}
            self._say(answer)
            gc.collect()

    def _answered(self, answers: Any, request: wire.Message) -> wire.Message:
        try:
            return {"ok": answers.answer(request, self._report())}
        except CancelledError:
            return {"cancelled": True}
        except BloopError as err:
            retry = getattr(err, "retry_after", False) is not False
            return _error(err.code, err.message, err.cure, retry=retry)
        except MemoryError:
            return _error("worker_memory", "it needs more memory than a process may take",
                          "make it simpler, or raise memory_mb of the plugin manim")  # fmt: skip
        except OSError as err:
            message = f"{err.filename or 'its file'}: {err.strerror or err}"
            if err.errno in NO_SPACE:
                message = f"the disk is full: {message}"
                return _error("store_full", message, "free some space", retry=True)
            return _error("unwritable", message, "see whether it may be written to", retry=True)
        except Exception as err:  # noqa: BLE001 - whatever a drawing does costs its scene alone
            import traceback

            traceback.print_exc()
            return _error("scene_undrawable", f"{type(err).__name__}: {err}")

    def _report(self) -> Any:
        last = time.monotonic()

        def report(done: int, of: int) -> None:
            nonlocal last
            if self._cancelled.is_set():
                raise CancelledError
            if (now := time.monotonic()) - last >= REPORT_SECONDS:
                last = now
                self._say({"done": done, "of": of})

        return report

    def _listen(self) -> None:
        while (message := wire.read(self._asked)) is not None:
            if message["do"] == "cancel":
                self._cancelled.set()
            else:
                self._requests.put(message)
        os._exit(0)

    def _say(self, message: wire.Message) -> None:
        self._said.write(wire.packed(message))
        self._said.flush()


def _error(
    code: str, message: str, cure: str | None = None, *, retry: bool = False
) -> wire.Message:
    return {"error": {"code": code, "message": message, "cure": cure, "retry": retry}}


def confine(parent: int, niceness: int, memory_mb: int) -> None:
    """Die with the parent, stand back, take no more memory than allowed, and talk to nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.unshare(CLONE_NEWNET)  # Where it may not, the hook below is what there is.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))
    if os.getppid() != parent:
        sys.exit(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(niceness)
    sys.addaudithook(_refuse_network)


def _refuse_network(event: str, _: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"}:
        raise PermissionError("a process that draws has no network")


def main() -> None:
    """Keep the pipe to the parent, and let whatever is printed go to stderr."""
    said = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    parent, niceness, memory_mb = (int(value) for value in sys.argv[1:4])
    confine(parent, niceness, memory_mb)
    Path.cwd()  # The parent gave a folder of its own, which has to be there.
    Worker(sys.stdin.buffer, said).run()


if __name__ == "__main__":
    main()
