"""What the kernel says when a plugin fails, and which exceptions it may not swallow."""

from __future__ import annotations

import asyncio
import dis

from bloop_sdk._masking import mask_text
from bloop_sdk.errors import BloopError, FatalError, RetriableError

_LONGEST = 500


class HookRefusedError(FatalError):
    """A fail-closed hook could not get its answer, so the operation may not go on."""

    code = "hook_refused"


class PluginUnavailableError(FatalError):
    """The plugin, or the part of it that was asked for, cannot be used in this process."""

    code = "plugin_unavailable"


class PluginUnknownError(PluginUnavailableError):
    """No such plugin is installed."""

    code = "plugin_unknown"


class PluginFailedError(FatalError):
    """A plugin raised something that is no error of the contract."""

    code = "plugin_failed"


class CircuitOpenError(RetriableError):
    """The plugin failed so often that it is left alone for ``retry_after`` seconds."""

    code = "circuit_open"


def interrupted(error: BaseException) -> bool:
    """Whether ``error`` is a person's Ctrl-C.

    A plugin's own ``raise KeyboardInterrupt`` is told from it by the instruction that raised it.
    """
    if not isinstance(error, KeyboardInterrupt):
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return True
    opcode = last.tb_frame.f_code.co_code[last.tb_lasti]
    return dis.opname[opcode] not in {"RAISE_VARARGS", "RERAISE"}


def contained(error: BaseException) -> bool:
    """Whether ``error``, which came out of a plugin, is the plugin's own failure.

    Cancellation and Ctrl-C belong to somebody else and must go on. A plugin's own
    ``raise CancelledError`` is told from it by the task, which nobody has cancelled.
    """
    if isinstance(error, asyncio.CancelledError):
        return not _cancelled()
    return not isinstance(error, GeneratorExit) and not interrupted(error)


def _cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True
    return task is None or task.cancelling() > 0


def describe(error: BaseException) -> str:
    """``Type: message`` in one line, without secrets; also where its own ``__str__`` raises."""
    name = type(error).__name__
    try:
        message = error.message if isinstance(error, BloopError) else str(error)
        text = mask_text(" ".join(message.split()))
    except BaseException as fault:
        if not contained(fault):
            raise
        text = "(its message cannot be read)"
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    if not text or isinstance(error, BloopError):
        return text or name
    return f"{name}: {text}"


def place(error: BaseException, package: str) -> str | None:
    """``file:line`` of the innermost frame in ``package``, or of what is no Python."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    found = None
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == package:
            found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found
