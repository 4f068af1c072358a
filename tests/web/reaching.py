"""Which commands a handler may come to, as its code names them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

from bloop.store.commands import action_of

HELPERS = ("bloop.web.render", "bloop.web.navigation", "bloop.web.panels", "bloop.accounts.access")
"""Where every page comes along: nothing of it is an act."""


@cache
def reached(handler: Callable[..., Any]) -> tuple[frozenset[str], frozenset[str]]:
    """The commands that a handler comes to, as ``module.name``, and all names on the way."""
    found, names, seen, waiting = set(), set(), set(), [handler]
    while waiting:
        function = inspect.unwrap(waiting.pop())
        if function in seen or not hasattr(function, "__code__"):
            continue
        seen.add(function)
        names |= set(_names(function.__code__))
        for one in _named(function):
            if action_of(one) is not None:
                found.add(f"{one.__module__}.{one.__qualname__}")
            if not one.__module__.startswith(HELPERS):
                waiting.append(one)
    return frozenset(found), frozenset(names)


def _named(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The functions of the hub that the code of another names, of modules that it imports."""
    names = list(_names(function.__code__))
    known = dict(function.__globals__)
    # What is imported within it.
    inner = [import_module(name) for name in names if re.fullmatch(r"bloop(\.\w+)+", name)]
    modules = [known[name] for name in names if isinstance(known.get(name), ModuleType)] + inner
    modules += [
        part
        for module in inner
        for name in names
        if isinstance(part := getattr(module, name, None), ModuleType)
    ]
    named = [known.get(name) for name in names]
    named += [getattr(module, name, None) for module in modules for name in names]
    for value in named:
        if inspect.isfunction(value) and (value.__module__ or "").startswith("bloop."):
            yield value


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
