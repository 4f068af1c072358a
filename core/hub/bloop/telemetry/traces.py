"""W3C trace context (https://www.w3.org/TR/trace-context-2/): reading and making it."""

from __future__ import annotations

import os
import random
import re

from bloop_sdk.principals import Trace

_TRACEPARENT = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})"
    r"-(?!0{16})(?P<span>[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?"
)


def parse(traceparent: str) -> Trace | None:
    """The caller's trace and span; None where the header is invalid (section 4.3)."""
    # The longest header of a later version that is worth reading; 00 has 55 characters.
    match = _TRACEPARENT.fullmatch(traceparent.strip()) if len(traceparent) <= 512 else None
    if match is None or (match["version"] == "00" and match["more"]):
        return None
    return Trace(match["trace"], match["span"])


def start(traceparent: str | None = None) -> Trace:
    """A span of our own: in the caller's trace where the header is valid, else in a new one."""
    caller = parse(traceparent) if traceparent else None
    return child(caller) if caller else Trace(os.urandom(16).hex(), os.urandom(8).hex())


def child(trace: Trace) -> Trace:
    """A new span within a trace.

    Its number keeps nothing secret, and each event has one: drawn without a call of the system. A
    process that forks draws others in its child.
    """
    return Trace(trace.trace_id, f"{random.getrandbits(64) or 1:016x}")
