"""What a hook may answer, as far as it can be told at a glance."""

from __future__ import annotations

from types import CoroutineType, FunctionType
from typing import Any

from bloop_sdk.hooks import HookKind

_TYPES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("str", str),
    ("Sequence[", (list, tuple)),
    ("JSONObject", dict),
)


def expected_answer(spec: FunctionType, kind: HookKind) -> type | tuple[type, ...] | None:
    """The type of an answer by the spec's annotation; None where anything may come.

    A filter's answer is the next one's argument, and the first one found is the only one, so these
    have to be right. Collected answers are told apart, and whoever uses them looks at each.
    """
    if kind is HookKind.COLLECT:
        return None
    text = str(spec.__annotations__.get("return", ""))
    return next((kind for begin, kind in _TYPES if text.startswith(begin)), None)


def reject(answer: Any) -> None:
    """Raise TypeError for an answer that is none; a coroutine is closed."""
    if type(answer) is CoroutineType:
        answer.close()
        raise TypeError(f"{answer.__qualname__} is async; this hook is called inline: write def")
    raise TypeError(f"it answered with a {type(answer).__name__}, which this hook does not take")
