"""Whether an object is what a capability's protocol asks for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator


def protocol_faults(protocol: type, provider: object) -> Iterator[str]:
    """Where an object falls short of a protocol: what is missing, what is async and should not be.

    It sees through decorators that use functools.wraps; how a callable object answers, nobody
    can tell beforehand.
    """
    for base in protocol.__mro__[:-1]:
        for name in (*vars(base), *inspect.get_annotations(base)):
            if name.startswith("_"):
                continue
            if not hasattr(provider, name):
                yield f"{name} is missing"
                continue
            expected, actual = vars(base).get(name), inspect.unwrap(getattr(provider, name))
            if not inspect.isfunction(expected):
                continue
            if not callable(actual):
                yield f"{name} is no method"
            elif inspect.isroutine(actual):
                asked = inspect.iscoroutinefunction(expected)
                if asked is not inspect.iscoroutinefunction(actual):
                    must = "async def" if asked else "def, or an async generator"
                    yield f"{name} must be {must}"
