"""Writes that two may do at once: whoever comes second finds what the first has written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from bloop_sdk import BloopError, CallContext, Unit

P = ParamSpec("P")
T = TypeVar("T")
CONFLICT = "conflict"
TRIES = 4


async def insist(
    ctx: CallContext, work: Callable[Concatenate[Unit, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run ``work`` in a transaction, again where somebody else wrote the same row meanwhile."""
    for left in range(TRIES, 0, -1):
        try:
            return await ctx.transaction(work, *args, **kwargs)
        except BloopError as err:
            if err.code != CONFLICT or left == 1:
                raise
    raise AssertionError("the last try has returned or raised")
