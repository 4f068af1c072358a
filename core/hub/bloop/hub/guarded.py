"""One guard for the providers of any capability, made from what its protocol declares."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from functools import cache, wraps
from typing import Any, get_origin, get_type_hints

from bloop.kernel.calls import Calls
from bloop.kernel.registry import ProviderHandle
from bloop_sdk.providers import CAPABILITIES

CALL_SECONDS = 300.0
"""A provider may take so long for one answer, and for each part of one that it streams."""
LONGER = {
    "renderer.render": 3600.0,
    "avatar.render": 3600.0,
    "mastery.fit": 4 * 3600.0,
    "mastery.evaluate": 3600.0,
}
"""What may take longer, by capability and method."""


class _Guarded:
    """A provider whose every call has a breaker, a deadline and one way to fail."""

    def __init__(self, inner: Any, handle: ProviderHandle, calls: Calls, place: str) -> None:
        self.inner = inner
        self.handle = handle
        self.calls = calls
        self.place = place


def guarded(inner: Any, handle: ProviderHandle, calls: Calls, place: str) -> Any:
    """A provider with what its capability's protocol names, and those besides that it follows.

    Async methods are awaited, async iterators streamed, and plain methods run, where the kernel's
    guard sees it. ``place`` is what a breaker is of besides its plugin and method.
    """
    known = CAPABILITIES[handle.capability].besides
    besides = tuple(one for one in known if isinstance(inner, one))
    return _guard_of(handle.capability, besides)(inner, handle, calls, place)


@cache
def _guard_of(capability: str, besides: tuple[type, ...]) -> type[_Guarded]:
    protocol = CAPABILITIES[capability].protocol
    members: dict[str, Any] = {}
    for base in (base for one in (protocol, *besides) for base in reversed(one.__mro__[:-1])):
        for name in (*vars(base), *inspect.get_annotations(base)):
            if not name.startswith("_"):
                members[name] = _member(capability, name, vars(base).get(name))
    return type(f"Guarded{protocol.__name__}", (_Guarded,), members)


def _member(capability: str, name: str, declared: Any) -> Any:
    if not inspect.isfunction(declared):
        return property(lambda self: self.calls.run(self.handle, name, getattr, self.inner, name))
    kind = _answer_of(declared)
    seconds = LONGER.get(f"{capability}.{name}", CALL_SECONDS)
    if inspect.iscoroutinefunction(declared):
        return wraps(declared)(_awaited(name, kind, seconds))
    if kind is AsyncIterator:
        return wraps(declared)(_streamed(name, seconds))
    return wraps(declared)(_run(name, kind))


def _answer_of(declared: Any) -> Any:
    """The class of a method's answers, where it can be told."""
    try:
        kind = get_type_hints(declared).get("return", Any)
    except TypeError:  # Only Python 3.14 knows what a memoryview[float] is.
        kind = Any
    # typing.Any is a class since Python 3.11, and one that nothing may be compared with.
    return object if kind is Any else get_origin(kind) or kind


def _awaited(name: str, kind: Any, seconds: float) -> Callable[..., Any]:
    async def method(self: _Guarded, *args: Any, **kwargs: Any) -> Any:
        async def work() -> Any:
            return _expected(await getattr(self.inner, name)(*args, **kwargs), kind)

        return await self.calls.call(
            self.handle, name, work(), timeout=seconds, connection=self.place
        )

    return method


def _streamed(name: str, seconds: float) -> Callable[..., Any]:
    def method(self: _Guarded, *args: Any, **kwargs: Any) -> Any:
        # It need not be a generator: a plain function does something by being called.
        parts = self.calls.run(self.handle, name, getattr(self.inner, name), *args, **kwargs)
        return self.calls.stream(self.handle, name, parts, timeout=seconds, connection=self.place)

    return method


def _run(name: str, kind: Any) -> Callable[..., Any]:
    def method(self: _Guarded, *args: Any, **kwargs: Any) -> Any:
        def work() -> Any:
            return _expected(getattr(self.inner, name)(*args, **kwargs), kind)

        return self.calls.run(self.handle, name, work)

    return method


def _expected(answer: Any, kind: Any) -> Any:
    """The answer; raises TypeError, which the guard makes the plugin's failure, for another one."""
    if isinstance(kind, type) and not isinstance(answer, kind):
        raise TypeError(f"it answered with a {type(answer).__name__}, which is no {kind.__name__}")
    return answer
