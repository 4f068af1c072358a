"""Filters whose answers have to pass a check, each held to it alone.

The compiled function of a filter hook hands each answer to the next plugin as it is, which is what
quick pages need. What a filter makes of a large document may be wrong in ways that only its reader
can tell, and code that raises may have changed half of it before: so here each plugin is given a
copy of the last answer that passed, and a wrong answer is that plugin's failure.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, TypeVar

from bloop.kernel.answers import expected_answer, reject
from bloop.kernel.dispatch import Hooks
from bloop.kernel.faults import describe
from bloop.kernel.outcomes import Outcomes, Tally
from bloop_sdk import Filtered, LeftOut, UnsupportedError
from bloop_sdk.hooks import HookKind

T = TypeVar("T")


def filtered(
    hooks: Hooks, hook: str, value: T, check: Callable[[Any], T], others: Mapping[str, Any]
) -> Filtered[T]:
    """What the plugins make of ``value``; raises UnsupportedError for what is no filter hook."""
    tally = hooks.tallies.get(hook)
    if tally is None or tally.traits.kind is not HookKind.FILTER:
        raise UnsupportedError(f"the hub has no filter hook {hook[:80]!r}")
    first = next(name for name in tally.spec.__annotations__ if name != "return")
    tally.called += 1
    wanted, outcomes = set(hooks.listeners(hook)), Outcomes()
    for index, call in enumerate(tally.calls):
        if call in wanted:
            given = {first: copy.deepcopy(value), **others}
            value = _step(tally, index, given, value, check, outcomes)
    left = (LeftOut(plugin_id=one.plugin, reason=describe(one.error)) for one in outcomes.failures)
    return Filtered(value=value, left_out=tuple(left))


def _step(
    tally: Tally,
    index: int,
    given: Mapping[str, Any],
    value: T,
    check: Callable[[Any], T],
    outcomes: Outcomes,
) -> T:
    """One plugin's effect, or none where it fails, which ``outcomes`` then tell."""
    expected = expected_answer(tally.spec, tally.traits.kind)
    try:
        tally.breakers[index].enter()
        answer = tally.calls[index](**given)
        wrong = expected is not None and answer is not None and not isinstance(answer, expected)
        if wrong or type(answer) is CoroutineType:
            reject(answer)
        passed = value if answer is None else check(answer)
        tally.succeeded(index)
    except BaseException as err:  # noqa: BLE001 - whatever it is, it is this plugin's failure
        tally.failed(outcomes, index, err)
        return value
    return passed
