"""How a part of the contract says that it will go, and who still uses it.

    def old_way(...):
        deprecated("old_way", since="1.2", removed_on="2027-06-01", instead="new_way")

A plugin is told once per process of each thing; `bloop plugins doctor` and `bloop plugins lint`
show what it was told. What may change, and when, stands in docs/plugins/compatibility.md.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from types import FrameType

_used: dict[str, dict[str, Deprecation]] = {}


class BloopDeprecationWarning(DeprecationWarning):
    """A plugin uses a part of the contract that will go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """What goes, since which API version that is known, on which day, and what to use."""

    what: str
    since: str
    removed_on: str
    instead: str
    file: str
    line: int

    def __str__(self) -> str:
        return (
            f"{self.what} is deprecated since {self.since} and goes on {self.removed_on}: "
            f"use {self.instead}"
        )


def deprecated(what: str, *, since: str, removed_on: str, instead: str) -> None:
    """Tell the plugin that calls; ``removed_on`` is a date, ``since`` an API version.

    The caller is the nearest frame outside of ``bloop_sdk`` and of the hub.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - inspect.stack reads source files, which is slow
    caller = _outside(frame)
    package = _top(caller)
    if what in _used.setdefault(package, {}):
        return
    found = Deprecation(
        what=what,
        since=since,
        removed_on=removed_on,
        instead=instead,
        file=caller.f_code.co_filename,
        line=caller.f_lineno,
    )
    _used[package][what] = found
    warnings.warn_explicit(
        f"{package}: {found}", BloopDeprecationWarning, found.file, found.line, module=package
    )


def deprecations_of(package: str) -> tuple[Deprecation, ...]:
    """What a top-level package was told in this process, in order."""
    return tuple(_used.get(package, {}).values())


def _outside(frame: FrameType) -> FrameType:
    found = frame
    while _top(found) in {"bloop_sdk", "bloop"} and found.f_back is not None:
        found = found.f_back
    return found


def _top(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
