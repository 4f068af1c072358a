"""What a log line belongs to: ids of the request, job, plugin and institution at hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

FIELDS = ("request_id", "trace_id", "job_id", "plugin", "connection", "institution")
"""The names that :func:`log_context` takes, in the order in which a line shows them."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
# One variable for all fields: setting it is a single step on the path of every request.
_CURRENT: ContextVar[Mapping[str, str]] = ContextVar("bloop_log_context", default=_NOTHING)


def current() -> Mapping[str, str]:
    """The fields that hold here, for tasks and threads that were started from here too."""
    return _CURRENT.get()


@contextlib.contextmanager
def log_context(**fields: str | None) -> Iterator[None]:
    """Add ids to every log line of the block, and of what it awaits; None leaves one out."""
    if unknown := set(fields) - set(FIELDS):
        raise TypeError(f"log_context() knows no {sorted(unknown)}; it knows {FIELDS}")
    given = {name: value for name, value in fields.items() if value is not None}
    token = _CURRENT.set({**_CURRENT.get(), **given})
    try:
        yield
    finally:
        _CURRENT.reset(token)
