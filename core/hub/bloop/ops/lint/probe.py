"""Imports a plugin and tells what that did: run as a script in a process of its own.

    python -B probe.py REQUEST REPORT

``REQUEST`` is a JSON file: ``path`` (folders for ``sys.path``), ``package``, ``root`` (the
package's folder), ``entry`` and ``config`` (dotted paths or null), ``parts`` (path -> what it is
for), ``tables`` and ``skip``. ``REPORT`` gets one JSON object per line; a ``begin`` without its
``end`` is what the process died of. It imports nothing of the hub.
"""

from __future__ import annotations

import _thread
import importlib
import inspect
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

NETWORK = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
)
PROCESSES = frozenset(
    {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"}
)
THREADS = frozenset({"_thread.start_new_thread", "_thread.start_joinable_thread"})
WRITES = frozenset({"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"})
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Report:
    """The lines, on the disk as soon as they are known."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()

    def write(self, **line: Any) -> None:
        """Add a line."""
        with self._lock:
            os.write(self._file, json.dumps(line, default=str).encode() + b"\n")


class Trace:
    """Listens to what the interpreter audits while a step runs, and says which line did it."""

    def __init__(self, report: Report, root: str) -> None:
        self._report = report
        self._root = root + os.sep
        self._seen: set[tuple[str, str, int]] = set()
        self.step: str | None = None
        sys.addaudithook(self._heard)
        for module in (_thread, threading):
            for name in ("start_new_thread", "_start_new_thread", "_start_joinable_thread"):
                if hasattr(module, name):
                    setattr(module, name, self._telling(getattr(module, name)))

    def _telling(self, start: Callable[..., Any]) -> Callable[..., Any]:
        """Python 3.11 audits no start of a thread."""

        def started(*args: Any, **kwargs: Any) -> Any:
            self._heard("_thread.start_new_thread", ())
            return start(*args, **kwargs)

        return started

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if self.step is None:
            return
        kind = _kind(event, args)
        if kind is None:
            return
        file, line = self._caller()
        if (kind, file, line) not in self._seen:
            self._seen.add((kind, file, line))
            detail = str(args[0])[:200] if args else ""
            self._report.write(
                act=kind, event=event, step=self.step, file=file, line=line, detail=detail
            )

    def _caller(self) -> tuple[str, int]:
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - inspect.stack would read files
        while frame is not None:
            if frame.f_code.co_filename.startswith(self._root):
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back
        return "", 0


def _kind(event: str, args: tuple[Any, ...]) -> str | None:
    if event in NETWORK:
        return "network"
    if event in PROCESSES:
        return "process"
    if event in THREADS:
        return "thread"
    if event in WRITES:
        return "file"
    if event == "open" and len(args) > 2 and isinstance(args[0], str | bytes | os.PathLike):
        writes = isinstance(args[2], int) and args[2] & WRITE_FLAGS
        return "file" if writes and os.fsdecode(args[0]) != os.devnull else None
    return None


def main() -> None:
    """Do what the request asks for, step by step."""
    request = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    sys.path[:0] = request["path"]
    import bloop_sdk  # noqa: F401 - it is there already in a hub, and costs the plugin nothing

    report = Report(sys.argv[2])
    trace = Trace(report, request["root"])
    for name, step in steps(request, report):
        if name in request["skip"]:
            continue
        report.write(begin=name)
        before = set(sys.modules)
        trace.step, began = name, time.process_time()
        error: dict[str, Any] | None = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                step()
        except BaseException as err:  # noqa: BLE001 - a plugin may raise anything
            error = _error(err, request["root"])
        trace.step, took = None, (time.process_time() - began) * 1e3
        new = sorted({module.partition(".")[0] for module in set(sys.modules) - before})
        report.write(end=name, ms=took, error=error, modules=new)
    for one in _deprecations(request["package"]):
        report.write(deprecated=str(one), file=one.file, line=one.line)
    report.write(done=True)
    os._exit(0)  # Threads that a plugin left behind must not hold this process.


def steps(request: dict[str, Any], report: Report) -> Iterator[tuple[str, Callable[[], None]]]:
    """Import of the plugin, of its settings, and then of each part."""
    yield "import", lambda: _plugin(request["entry"], report)
    if request["config"]:
        yield "config", lambda: _settings(request["config"], report)
    for path, capability in request["parts"].items():
        yield path, lambda path=path, capability=capability: _part(path, capability, report)  # type: ignore[misc]
    if request["tables"]:
        yield "tables", lambda: _tables(request, report)


def _load(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _plugin(path: str, report: Report) -> None:
    from bloop_sdk import Plugin

    plugin = _load(path)
    good = isinstance(plugin, type) and issubclass(plugin, Plugin)
    hooks = sorted(
        name
        for name, member in inspect.getmembers(plugin)
        if hasattr(inspect.unwrap(member) if callable(member) else member, "bloop_impl")
    )
    report.write(plugin=good, hooks=hooks)


def _settings(path: str, report: Report) -> None:
    from bloop_sdk import PluginConfig
    from bloop_sdk.settings import is_secret

    model = _load(path)
    if not (isinstance(model, type) and issubclass(model, PluginConfig)):
        report.write(settings=None)
        return
    fields = []
    for name, info in model.model_fields.items():
        extra = info.json_schema_extra
        fields.append(
            {
                "name": name,
                "secret": is_secret(model, name),
                "described": bool((info.description or "").strip()),
                "scoped": isinstance(extra, dict) and "scope" in extra,
            }
        )
    made = [
        name
        for name, member in inspect.getmembers_static(model)
        if isinstance(member, property) and not hasattr(PluginConfig, name)
    ]
    report.write(settings=fields, properties=made)


def _part(path: str, capability: str, report: Report) -> None:
    from bloop_sdk.providers import CAPABILITIES

    thing = _load(path)
    if capability in CAPABILITIES:
        missing = list(_lacking(CAPABILITIES[capability].protocol, thing))
        report.write(provider=path, capability=capability, missing=missing)


def _lacking(protocol: type, provider: Any) -> Iterator[str]:
    if not isinstance(provider, type):
        return  # A factory: what it makes, only the hub can tell.
    for base in protocol.__mro__[:-1]:
        for name, member in vars(base).items():
            if name.startswith("_") or not inspect.isfunction(member):
                continue
            found = getattr(provider, name, None)
            if found is None:
                yield f"{name} is missing"
                continue
            asked = inspect.iscoroutinefunction(member)
            if asked is not inspect.iscoroutinefunction(inspect.unwrap(found)):
                must = "async def" if asked else "def, or an async generator"
                yield f"{name} must be {must}"


def _tables(request: dict[str, Any], report: Report) -> None:
    from bloop_sdk.errors import FatalError
    from bloop_sdk.tables import check_tables

    try:
        check_tables(request["id"], _load(request["tables"]))
    except FatalError as err:
        report.write(tables=err.message)


def _error(err: BaseException, root: str) -> dict[str, Any]:
    file, line, trace = "", 0, err.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(root + os.sep):
            file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(err, SyntaxError) and err.filename:
        file, line = err.filename, err.lineno or 0
    try:
        text = " ".join(str(err).split())[:300]
    except BaseException:  # noqa: BLE001 - its own __str__ may raise as well
        text = "(its message cannot be read)"
    return {"type": type(err).__name__, "text": text, "file": file, "line": line}


def _deprecations(package: str) -> Any:
    from bloop_sdk.deprecation import deprecations_of

    return deprecations_of(package)


if __name__ == "__main__":
    main()
