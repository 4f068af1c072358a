"""What a hook may answer, as far as it can be told at a glance."""

from __future__ import annotations

from types import CoroutineType, FunctionType
from typing import Any

_TYPES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    ("str", str),
    ("Sequence[", (list, tuple)),
    ("JSONObject", dict),
)


def expected_answer(spec: FunctionType) -> type | tuple[type, ...] | None:
    """The type of an answer by the spec's annotation; None where that names none known here.

    What is inside a sequence is for whoever uses it to look at.
    """
    text = str(spec.__annotations__.get("return", ""))
    return next((kind for begin, kind in _TYPES if text.startswith(begin)), None)


def reject(answer: Any) -> None:
    """Raise TypeError for an answer that is none; a coroutine is closed."""
    if type(answer) is CoroutineType:
        answer.close()
        raise TypeError(f"{answer.__qualname__} is async; this hook is called inline: write def")
    raise TypeError(f"it answered with a {type(answer).__name__}, which this hook does not take")
