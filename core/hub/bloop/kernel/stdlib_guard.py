"""The standard library belongs to everybody: what a plugin replaces in it is put back.

A plugin that patches ``json.dumps`` or ``socket.socket`` as it is imported would change every other
plugin and the hub. Before plugins' code runs for the first time, the functions, classes and hooks
that everybody depends on are noted; afterwards they are compared by identity, which takes some tens
of microseconds. What a plugin adds is its own affair.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import is_, itemgetter
from types import ModuleType
from typing import Any, Final

MODULES: Final = (
    "asyncio",
    "asyncio.base_events",
    "asyncio.events",
    "asyncio.tasks",
    "builtins",
    "datetime",
    "hashlib",
    "io",
    "json",
    "json.decoder",
    "json.encoder",
    "logging",
    "os",
    "pathlib",
    "random",
    "re",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "threading",
    "time",
    "urllib.parse",
)
CLASSES: Final = (
    ("asyncio.base_events", "BaseEventLoop"),
    ("json.decoder", "JSONDecoder"),
    ("json.encoder", "JSONEncoder"),
    ("logging", "Handler"),
    ("logging", "Logger"),
    ("socket", "socket"),
    ("ssl", "SSLContext"),
    ("threading", "Thread"),
)
"""Classes written in Python, whose methods can be replaced one by one."""

_PRIVATE: Final = frozenset(
    {
        "__build_class__",
        "__import__",
        "__init__",
        "_create_default_https_context",
        "_exit",
        "_getframe",
        "_log",
        "_run_once",
    }
)
"""What is looked at as well, though its name begins with an underscore."""

_MISSING: Final = object()
_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGPIPE", "SIGALRM", "SIGPROF")


class StandardLibrary:
    """What the standard library was like when :meth:`note` was last called."""

    def __init__(self) -> None:
        self._spaces: dict[str, _Space] = {}
        self._environ = os.environ
        self._environment: dict[Any, Any] = {}
        self._settings: dict[str, Any] = {}

    def note(self) -> None:
        """Take what there is now for right."""
        for name in MODULES:
            if module := sys.modules.get(name):
                self._space(name, module)
        for module_name, name in CLASSES:
            owner = getattr(sys.modules.get(module_name), name, None)
            if isinstance(owner, type):
                self._space(f"{module_name}.{name}", owner)
        self._environ = os.environ
        self._environment = dict(_raw(os.environ))
        self._settings = {name: get() for name, (get, _) in _settings().items()}

    def restore(self) -> tuple[str, ...]:
        """Put back what is not as it was noted; gives the names of it, like ``json.dumps``."""
        changed = [
            f"{name}.{key}" for name, space in self._spaces.items() for key in space.restore()
        ]
        if os.environ is not self._environ:
            os.environ = self._environ  # noqa: B003 - it is the one that everybody reads.
            changed.append("os.environ")
        now = _raw(self._environ)
        if now != self._environment:
            for key, value in self._environment.items():
                if now.get(key) != value:
                    changed.append(f"os.environ[{os.fsdecode(key)!r}]")
                    os.environ[os.fsdecode(key)] = os.fsdecode(value)
        for name, (get, put) in _settings().items():
            if name in self._settings and not _same(get(), self._settings[name]):
                changed.append(name)
                put(self._settings[name])
        return tuple(changed)

    def _space(self, name: str, owner: ModuleType | type) -> None:
        known = self._spaces.get(name)
        if known is None or known.owner is not owner or not known.note():
            self._spaces[name] = _Space(owner)


class _Space:
    """The functions, classes and modules in a module or class."""

    __slots__ = ("_get", "_names", "_size", "_values", "owner")

    def __init__(self, owner: ModuleType | type) -> None:
        self.owner = owner
        space = dict(vars(owner))
        self._size = len(space)
        self._names = tuple(name for name, value in space.items() if _is_shared(name, value))
        # With a name more it gives a tuple even where there is only one.
        self._get = itemgetter(*self._names, *self._names[:1])
        self._values = self._get(space)

    def note(self) -> bool:
        """Take the values of now; False where names came or went."""
        space = vars(self.owner)
        try:
            self._values = self._get(space)
        except KeyError:
            return False
        return len(space) == self._size

    def restore(self) -> Iterator[str]:
        """Put back each replaced name, and give it."""
        space = vars(self.owner)
        try:
            # By identity: what a plugin has put there may say of itself that it is anything.
            if all(map(is_, self._get(space), self._values)):
                return
        except KeyError:
            pass
        for name, value in zip(self._names, self._values, strict=False):
            if space.get(name, _MISSING) is not value:
                setattr(self.owner, name, value)
                yield name


def _is_shared(name: str, value: Any) -> bool:
    """Whether something is for everybody, and no mere state of its module."""
    if name[0] == "_" and name not in _PRIVATE:
        return False
    if isinstance(value, type) and issubclass(value, BaseException):
        return False
    return callable(value) or isinstance(value, ModuleType | staticmethod | classmethod | property)


def _same(now: Any, noted: Any) -> bool:
    if type(now) is not type(noted):
        return False
    if isinstance(noted, tuple):
        return len(now) == len(noted) and all(map(is_, now, noted))
    return bool(now == noted) if isinstance(noted, int | float) else now is noted


def _raw(environ: Any) -> Mapping[Any, Any]:
    # The mapping beneath, in which nothing has to be decoded to be compared.
    raw: Mapping[Any, Any] = getattr(environ, "_data", environ)
    return raw


def _put_handlers(handlers: tuple[logging.Handler, ...]) -> None:
    logging.root.handlers[:] = handlers


Setting = tuple[Callable[[], Any], Callable[[Any], Any]]


def _settings() -> Mapping[str, Setting]:
    # In other threads Python lets nobody set a handler, and the main one may just set its own.
    main = threading.current_thread() is threading.main_thread()
    return _SETTINGS | _HANDLERS if main else _SETTINGS


_SETTINGS: dict[str, Setting] = {
    "sys.stdout": (lambda: sys.stdout, lambda value: setattr(sys, "stdout", value)),
    "sys.stderr": (lambda: sys.stderr, lambda value: setattr(sys, "stderr", value)),
    "sys.settrace": (sys.gettrace, sys.settrace),
    "sys.setprofile": (sys.getprofile, sys.setprofile),
    "sys.setrecursionlimit": (sys.getrecursionlimit, sys.setrecursionlimit),
    "sys.setswitchinterval": (sys.getswitchinterval, sys.setswitchinterval),
    "logging.root.handlers": (lambda: tuple(logging.root.handlers), _put_handlers),
    "logging.root.level": (lambda: logging.root.level, logging.root.setLevel),
    "logging.disable": (lambda: logging.root.manager.disable, logging.disable),
}
_HANDLERS: dict[str, Setting] = {
    f"the handler of {name}": (
        partial(signal.getsignal, getattr(signal, name)),
        partial(signal.signal, getattr(signal, name)),
    )
    for name in _SIGNALS
    if hasattr(signal, name)
}
