"""The processes that draw: started when first needed, kept warm, replaced when they fail.

They are driven by an event loop in a thread of its own, so that whoever asks may do so from any
loop, and so that the thread they are children of lives as long as they may.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bloop_manim import wire
from bloop_manim.versions import SWITCH
from bloop_sdk import BloopError, DeadlineError, FatalError, RetriableError, UnavailableError

START_SECONDS = 120.0
GRACE_SECONDS = 2.0
"""How long a worker may take to notice that nobody waits for its scene."""
NOISE_LINES = 40
PASSED = ("PATH", "LANG", "LC_ALL", "TZ", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "TMPDIR",
          "LD_LIBRARY_PATH", "PYTHONPATH", "COVERAGE_PROCESS_CONFIG")  # fmt: skip
"""What of the environment a worker has: no secrets."""

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many workers there are, and when one is given up."""

    workers: int
    scenes: int = 200
    idle_seconds: float = 300.0
    memory_mb: int = 3072
    niceness: int = 10
    latex: bool = True
    module: str = "bloop_manim.worker"


class Pool:
    """Workers that render, ``limits.workers`` at once, and one more for what is quick."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process = os.getpid()
        self._loop = asyncio.SelectorEventLoop()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._tasks: set[asyncio.Task[wire.Message]] = set()
        self._renders = asyncio.Semaphore(limits.workers)
        self._quick = asyncio.Semaphore(1)
        self._janitor: asyncio.TimerHandle | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="manim-pool", daemon=True)
        self._thread.start()

    async def ask(
        self,
        request: wire.Message,
        *,
        seconds: float,
        report: Report | None = None,
        quick: bool = False,
    ) -> wire.Message:
        """A worker's answer, from any event loop.

        ``report`` is called here, with frames done and in all; what it raises ends the request, as
        does the cancelling of this call. Raises DeadlineError after ``seconds``, counted from when
        a worker begins.
        """
        if self._closed:
            raise UnavailableError("the plugin manim is switched off")
        here = asyncio.get_running_loop()
        news: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()

        def tell(done: int, of: int) -> None:
            here.call_soon_threadsafe(news.put_nowait, (done, of))

        future = asyncio.run_coroutine_threadsafe(
            self._ask(request, seconds, tell if report else None, quick=quick), self._loop
        )
        answer = asyncio.wrap_future(future)
        answer.add_done_callback(lambda _: news.put_nowait(None))
        try:
            while (one := await news.get()) is not None:
                if report is not None:
                    report(*one)
            return await answer
        finally:
            answer.cancel()

    def processes(self) -> list[int]:
        """The workers' process ids."""
        return sorted(worker.pid for worker in list(self._all))

    def close(self) -> None:
        """End all workers; what they were asked raises UnavailableError."""
        if self._closed:
            return
        self._closed = True
        if self._process != os.getpid():
            return  # A fork: neither the thread nor the workers are its own.
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def usable(self) -> bool:
        """Whether it takes requests: it is neither closed nor another process's."""
        return not self._closed and self._process == os.getpid()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _end(self) -> None:
        for task in list(self._tasks):
            task.cancel("closed")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._janitor is not None:
            self._janitor.cancel()
        for worker in list(self._all):
            await self._drop(worker)

    async def _ask(
        self, request: wire.Message, seconds: float, tell: Report | None, *, quick: bool
    ) -> wire.Message:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with self._quick if quick else self._renders:
                return await self._with_worker(request, seconds, tell)
        except asyncio.CancelledError:
            if self._closed:
                raise UnavailableError("the plugin manim was switched off meanwhile") from None
            raise
        finally:
            self._tasks.discard(task)

    async def _with_worker(
        self, request: wire.Message, seconds: float, tell: Report | None
    ) -> wire.Message:
        worker = await self._free()
        well = False
        try:
            answer = await worker.ask(request, seconds, tell)
            well = answer.get("error", {}).get("code") != "worker_memory"
        except asyncio.CancelledError:
            well = await worker.cancel()
            raise
        finally:
            if well and worker.served < self.limits.scenes and not self._closed:
                self._idle.append(worker)
                self._watch()
            else:
                await self._drop(worker)
        return _checked(answer)

    async def _free(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await self._drop(worker)
        worker = _Worker(self.limits)
        self._all.add(worker)
        try:
            await worker.start()
        except BaseException:
            await self._drop(worker)
            raise
        return worker

    async def _drop(self, worker: _Worker) -> None:
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        await worker.end()

    def _watch(self) -> None:
        if self._janitor is not None:
            self._janitor.cancel()
        self._janitor = self._loop.call_later(self.limits.idle_seconds, self._rest)

    def _rest(self) -> None:
        for worker in list(self._idle):
            task = self._loop.create_task(self._dropped(worker))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _dropped(self, worker: _Worker) -> wire.Message:
        await self._drop(worker)
        return {}


class _Worker:
    """One process, in a folder of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._noise: deque[str] = deque(maxlen=NOISE_LINES)
        self._folder = Path(tempfile.mkdtemp(prefix="bloop-manim-"))
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self.served = 0

    @property
    def pid(self) -> int:
        """The process's id; 0 before it is there."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and wait until manim is imported."""
        limits = self._limits
        arguments = [str(os.getpid()), str(limits.niceness), str(limits.memory_mb)]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-X", "faulthandler", "-m", limits.module, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder,
            env=_environment(self._folder, latex=limits.latex),
            limit=wire.LONGEST,
        )
        assert self._process.stderr is not None
        self._listener = asyncio.create_task(self._listen(self._process.stderr))
        try:
            async with asyncio.timeout(START_SECONDS):
                _checked(await self._said())
        except TimeoutError:
            raise UnavailableError(
                f"a process that draws did not start in {START_SECONDS:g} s"
            ) from None

    async def ask(self, request: wire.Message, seconds: float, tell: Report | None) -> wire.Message:
        """The answer; raises RetriableError where it dies, DeadlineError where it hangs."""
        assert self._process is not None
        assert self._process.stdin is not None
        self.served += 1
        try:
            async with asyncio.timeout(seconds):
                self._process.stdin.write(wire.packed(request))
                with contextlib.suppress(ConnectionError):  # Reading says why.
                    await self._process.stdin.drain()
                while True:
                    message = await self._said()
                    if "of" not in message:
                        return message
                    if tell is not None:
                        tell(message["done"], message["of"])
        except TimeoutError:
            raise DeadlineError(
                f"the scene was not drawn within {seconds:.0f} s",
                cure="make it simpler or shorter, or raise seconds_per_frame of the plugin manim",
            ) from None

    async def cancel(self) -> bool:
        """Say that nobody waits any more; whether the process can be asked again."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(wire.packed({"do": "cancel"}))
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                while "of" in await self._said():
                    pass
        except (TimeoutError, BloopError, asyncio.CancelledError):
            return False
        return True

    async def end(self) -> None:
        """Kill it and take its folder away."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
        if self._listener is not None:
            await asyncio.wait([self._listener], timeout=GRACE_SECONDS)
            self._listener.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _said(self) -> wire.Message:
        assert self._process is not None
        assert self._process.stdout is not None
        try:
            head = await self._process.stdout.readexactly(wire.HEAD.size)
            (length,) = wire.HEAD.unpack(head)
            return wire.unpacked(await self._process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise await self._death() from None

    async def _death(self) -> RetriableError:
        assert self._process is not None
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                code = await self._process.wait()
                if self._listener is not None:
                    await asyncio.wait([self._listener])
            how = f"by signal {-code}" if code < 0 else f"with {code}"
        except TimeoutError:
            how = "its pipe"
        told = " | ".join(list(self._noise)[-6:])
        return RetriableError(
            f"the process that drew the scene ended {how}{': ' + told if told else ''}",
            cure="it is replaced; should it be killed for its memory, lower workers or the"
            " resolution",
            code="worker_died",
        )

    async def _listen(self, stderr: asyncio.StreamReader) -> None:
        rest = b""
        while data := await stderr.read(4096):
            *lines, rest = (rest + data)[-8192:].split(b"\n")
            self._noise.extend(line.decode("utf-8", "replace")[:400] for line in lines if line)


def _checked(answer: wire.Message) -> wire.Message:
    """What a worker answered, or its error raised."""
    if "ok" in answer:
        return {"ok": answer["ok"]}
    error = answer.get("error") or {"code": "fatal", "message": "it was cancelled", "retry": True}
    kind = RetriableError if error.get("retry") else FatalError
    raise kind(error["message"], cure=error.get("cure"), code=error["code"])


def _environment(folder: Path, *, latex: bool) -> dict[str, str]:
    fonts = Path.home() / ".local" / "share"
    return {
        **({SWITCH: "on"} if latex else {}),
        **{name: os.environ[name] for name in PASSED if name in os.environ},
        # Nobody's manim.cfg is read: a picture depends on its plan alone.
        "HOME": str(folder),
        "XDG_DATA_HOME": str(fonts),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "",
    }


_shared: Pool | None = None
_turn = threading.Lock()


def shared(limits: Limits) -> Pool:
    """This process's pool: all providers of the plugin draw with the same workers."""
    global _shared  # noqa: PLW0603 - processes are what a process has once
    with _turn:
        if _shared is None or not _shared.usable or _shared.limits != limits:
            if _shared is not None:
                _shared.close()
            _shared = Pool(limits)
        return _shared


def close_shared() -> None:
    """End this process's workers."""
    global _shared
    with _turn:
        pool, _shared = _shared, None
    if pool is not None:
        pool.close()
