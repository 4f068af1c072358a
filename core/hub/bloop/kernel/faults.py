"""What the kernel says when a plugin fails, and which exceptions it may not swallow."""

from __future__ import annotations

import asyncio
import dis
import traceback
from types import TracebackType

from bloop_sdk.errors import BloopError, FatalError, RetriableError

_LONGEST = 500


class HookRefusedError(FatalError):
    """A fail-closed hook could not get its answer, so the operation may not go on."""

    code = "hook_refused"


class PluginUnavailableError(FatalError):
    """The plugin, or the part of it that was asked for, cannot be used in this process."""

    code = "plugin_unavailable"


class PluginFailedError(FatalError):
    """A plugin raised something that is no error of the contract."""

    code = "plugin_failed"


class CircuitOpenError(RetriableError):
    """The plugin failed so often that it is left alone for ``retry_after`` seconds."""

    code = "circuit_open"


def contained(error: BaseException) -> bool:
    """Whether ``error``, which came out of a plugin, is the plugin's own failure.

    Cancellation and a person's Ctrl-C belong to somebody else and must go on. A plugin's own
    ``raise KeyboardInterrupt`` is told from a signal's by the instruction that raised it.
    """
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return False
    if not isinstance(error, KeyboardInterrupt):
        return True
    last = _last(error.__traceback__)
    if last is None:
        return False
    opcode = last.tb_frame.f_code.co_code[last.tb_lasti]
    return dis.opname[opcode] in {"RAISE_VARARGS", "RERAISE"}


def describe(error: BaseException) -> str:
    """``Type: message`` in one line, also for an exception whose own ``__str__`` raises."""
    name = type(error).__name__
    try:
        text = " ".join(str(error).split())
    except BaseException as fault:
        if not contained(fault):
            raise
        text = "(its message cannot be read)"
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    if not text or isinstance(error, BloopError):
        return text or name
    return f"{name}: {text}"


def place(error: BaseException, package: str) -> str | None:
    """``file:line`` of the innermost frame in ``package``, else of the innermost one."""
    own = None
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == package:
            own = trace
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    found = own or _last(error.__traceback__)
    return found and f"{found.tb_frame.f_code.co_filename}:{found.tb_lineno}"


def stack(error: BaseException) -> str:
    """The whole traceback for a log, whatever the exception does when it is printed."""
    try:
        return "".join(traceback.format_exception(error))
    except BaseException as fault:
        if not contained(fault):
            raise
        return "".join(traceback.format_tb(error.__traceback__)) + describe(error)


def _last(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace
