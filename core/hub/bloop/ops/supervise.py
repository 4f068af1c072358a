"""The supervisor: a small process beside the one that serves, which starts it again when it dies.

    bloop up, bloop worker        waits here, and holds the listening socket
      └─ the process that serves  plugins, event loop, jobs

What plugins can do to a process (``os._exit``, a segmentation fault, all of its memory, a call that
never returns) ends the process that serves. This one loads nothing and calls nobody, so it is still
there: it says who did it, by the journal, and starts another one, in which the journal keeps that
plugin switched off. The listening socket stays open meanwhile, so connections wait and are not
refused.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

    from bloop.kernel.journal import Suspect

DEATHS: Final = 5
"""So many deaths that nobody can be blamed for, within :data:`WINDOW_SECONDS`, end the hub."""
WINDOW_SECONDS: Final = 60.0
_PAUSES: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
_WATCHED: Final = [
    getattr(signal, name)
    for name in ("SIGCHLD", "SIGTERM", "SIGINT", "SIGHUP")
    if hasattr(signal, name)
]
_OVER: Final = b"over"


class Lifeline:
    """How the process that serves is tied to its supervisor; without one it is tied to nobody."""

    def __init__(
        self,
        channel: socket.socket | None = None,
        listener: socket.socket | None = None,
        *,
        takes_over: bool = False,
    ) -> None:
        self.listener = listener
        """The socket of the process before, which is served on."""
        self.takes_over = takes_over
        """Whether there was a process before, which had begun to work."""
        self._channel = channel

    def hand_over(self, listener: socket.socket | None, journal: Path) -> None:
        """Let the supervisor hold the listening socket, and know where deaths are explained."""
        if self._channel is not None and self.listener is None:
            held = [] if listener is None else [listener.fileno()]
            socket.send_fds(self._channel, [os.fsencode(journal)], held)

    def on_loss(self, loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> None:
        """Call ``act`` once the supervisor is gone, so that nobody serves unseen."""
        if (channel := self._channel) is None:
            return

        def lost() -> None:
            loop.remove_reader(channel)
            act()

        loop.add_reader(channel, lost)

    def watch_loss(self, act: Callable[[], None]) -> None:
        """The same in a process without an event loop; ``act`` is called in a thread."""
        if (channel := self._channel) is None:
            return

        def wait() -> None:
            with contextlib.suppress(OSError):
                channel.recv(1)
            act()

        threading.Thread(target=wait, name="bloop-lifeline", daemon=True).start()

    def leave(self) -> None:
        """End this process at once, in order."""
        self.over()
        os._exit(0)

    def over(self) -> None:
        """Say that this process ends because it should."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.send(_OVER)


def supervise(serve: Callable[[Lifeline], None]) -> int:
    """Have ``serve`` run in a child process until it comes to its own end; its exit status.

    Raises whatever it raises, in the child. SIGTERM, SIGINT and SIGHUP are passed on, and nothing
    is started again after them. Where the system has no way to wait for signals, ``serve`` runs in
    this process.
    """
    if not hasattr(signal, "sigwaitinfo"):
        serve(Lifeline())
        return 0
    return _Supervisor(serve).run()


class _Supervisor:
    def __init__(self, serve: Callable[[Lifeline], None]) -> None:
        self._serve = serve
        self._listener: socket.socket | None = None
        self._journal: Path | None = None
        self._asked = False
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._pardoned: set[str] = set()

    def run(self) -> int:
        # Blocked, they wait for sigwaitinfo, and none is lost between two looks.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        while True:
            sys.stdout.flush()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            child = os.fork()
            if child == 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                ours.close()
                begun = self._journal is not None
                return self._work(Lifeline(theirs, self._listener, takes_over=begun))
            theirs.close()
            with ours:
                status = self._wait(child)
                over = self._hear(ours)
            if over or self._asked:
                return status if status >= 0 else 128 - status
            if not self._may_go_on(child, status):
                return status if status > 0 else 1

    def _work(self, lifeline: Lifeline) -> int:
        try:
            self._serve(lifeline)
        except Exception:
            lifeline.over()
            raise
        # What else may come up, a plugin has raised where nobody could catch it.
        lifeline.over()
        return 0

    def _wait(self, child: int) -> int:
        """Pass signals on until the child has ended; its status as subprocess words it."""
        while True:
            info = signal.sigwaitinfo(_WATCHED)
            if info.si_signo == signal.SIGCHLD:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                continue
            self._asked = True
            # What the kernel sends for a terminal, the child has got as well.
            if info.si_code <= 0:
                os.kill(child, info.si_signo)

    def _hear(self, channel: socket.socket) -> bool:
        """Take what the child has left; whether it came to its own end."""
        channel.setblocking(False)
        over = False
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                text, descriptors, _, _ = socket.recv_fds(channel, 4096, 1)
                if not text:
                    break
                if descriptors:
                    self._listener = socket.socket(fileno=descriptors[0])
                if text == _OVER:
                    over = True
                else:
                    self._journal = Path(os.fsdecode(text))
        return over

    def _may_go_on(self, child: int, status: int) -> bool:
        """Say what the child died of, and wait a little where it may do so again."""
        how = _named(status)
        culprit = self._culprit(child)
        if culprit is not None and not self._pardons(culprit, status):
            _say(f"plugin {culprit.plugin}: {culprit} (it {how}); the hub starts again without it")
            return True
        now = time.monotonic()
        recent = [died for died in self._deaths if now - died < WINDOW_SECONDS]
        if len(recent) >= DEATHS:
            _say(
                f"the hub's process {child} {how}, as {len(recent)} did in the last minute, and "
                "nobody can be blamed: the hub ends. The lines above may say why"
            )
            return False
        self._deaths.append(now)
        _say(f"the hub's process {child} {how}; nobody can be blamed, and it starts again")
        time.sleep(_PAUSES[len(recent)])
        return True

    def _culprit(self, child: int) -> Suspect | None:
        if self._journal is None:
            return None
        from bloop.kernel.journal import suspects

        named = [found for found in suspects(self._journal) if found.pid == child]
        return named[-1] if named else None

    def _pardons(self, culprit: Suspect, status: int) -> bool:
        """Whether a plugin gets one more chance: somebody outside may have sent the SIGKILL.

        That it came while the plugin was being imported, say, may be chance; twice is none.
        """
        if status != -signal.SIGKILL or culprit.witnessed or culprit.plugin in self._pardoned:
            return False
        from bloop.kernel.journal import forgive

        assert self._journal is not None, "somebody was named by it"
        self._pardoned.add(culprit.plugin)
        forgive(self._journal, culprit.plugin)
        return True


def _named(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"


def _say(text: str) -> None:
    print(f"bloop: {text}", file=sys.stderr, flush=True)  # noqa: T201 - logs are of the child.
