"""Time in tests: waiting that takes none, and a wall clock that jumps."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest import mock


class Clock:
    """Seconds that pass when they are waited for; ``waited`` is their sum."""

    def __init__(self) -> None:
        self.waited = 0.0

    async def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self.waited += seconds
        await asyncio.sleep(0)


@contextlib.contextmanager
def wall_clock_off_by(seconds: float, package: str) -> Iterator[None]:
    """Set this machine's wall clock wrong, for the modules of ``package`` alone.

    ``time.time()`` and ``datetime.now()`` are off there; intervals (``time.monotonic()``) are not.
    """

    def off() -> float:
        return time.time() + seconds

    def off_ns() -> int:
        return time.time_ns() + int(seconds * 1e9)

    shifted = _shifted(seconds)
    replaced: list[tuple[Any, Any]] = [
        (time.time, off),
        (time.time_ns, off_ns),
        (time, _stand_in(time, time=off, time_ns=off_ns)),
        (dt.datetime, shifted),
        (dt, _stand_in(dt, datetime=shifted)),
    ]
    with contextlib.ExitStack() as stack:
        for module in _modules(package):
            for name, value in [*vars(module).items()]:
                for true, wrong in replaced:
                    if value is true:
                        stack.enter_context(mock.patch.object(module, name, wrong))
        yield


def _modules(package: str) -> list[ModuleType]:
    return [
        module
        for name, module in sys.modules.items()
        if (name == package or name.startswith(f"{package}.")) and isinstance(module, ModuleType)
    ]


def _shifted(seconds: float) -> type:
    class Instances(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, dt.datetime)

    class Shifted(dt.datetime, metaclass=Instances):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return dt.datetime.now(tz) + dt.timedelta(seconds=seconds)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(dt.UTC).replace(tzinfo=None)

    return Shifted


def _stand_in(module: ModuleType, **changes: Any) -> ModuleType:
    other = ModuleType(module.__name__)
    vars(other).update({**vars(module), **changes})
    return other
