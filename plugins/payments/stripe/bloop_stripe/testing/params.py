"""Parameters as they arrive at Stripe, held to what its own SDK declares."""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from stripe import RequestOptions

_PART = re.compile(r"\[([^\]]*)\]")
# The SDK imports these for type checkers alone; what they stand for has no parameters of its own.
_ONLY_TYPES = {
    "Mapping": Mapping,
    "StripeContext": object,
    "UntypedStripeObject": list,
    "Decimal": int,
}
_OPTIONS = frozenset(RequestOptions.__annotations__)


class RefusedError(Exception):
    """Stripe's answer to what it does not do; ``saved`` under an idempotency key or not."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        saved: bool = False,
        **more: str,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        self.body = {"error": {"type": kind, "message": message, **more}}


def nested(text: str) -> dict[str, Any]:
    """``a[b][0]=c`` as ``{"a": {"b": ["c"]}}``."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head = name.partition("[")[0]
        path, at = [head, *_PART.findall(name[len(head) :])], found
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = value
    return {name: _listed(value) for name, value in found.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


def check(given: Mapping[str, Any], declared: type, where: str = "") -> None:
    """Refuse names that the SDK does not know, and the lack of those that have to be there."""
    hints = _hints(declared)
    for name, value in given.items():
        path = f"{where}[{name}]" if where else name
        if name not in hints or name in _OPTIONS:
            raise RefusedError(
                400, f"Received unknown parameter: {path}", code="parameter_unknown", param=path
            )
        inner = next(_inner(hints[name]), None)
        for one in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(one, dict):
                check(one, inner, path)
    for name in sorted(getattr(declared, "__required_keys__", frozenset()) - given.keys()):
        path = f"{where}[{name}]" if where else name
        raise RefusedError(
            400, f"Missing required param: {path}.", code="parameter_missing", param=path
        )


@functools.cache
def _hints(declared: type) -> dict[str, Any]:
    return typing.get_type_hints(declared, localns=_ONLY_TYPES)


def _inner(hint: Any) -> Iterator[type]:
    """The TypedDict within a declaration."""
    # The SDK's are those of typing_extensions, which `typing.is_typeddict` does not know.
    if isinstance(hint, type) and hasattr(hint, "__required_keys__"):
        yield hint
    for one in typing.get_args(hint):
        yield from _inner(one)


def page(
    found: list[dict[str, Any]], given: Mapping[str, Any], url: str, view: Any
) -> dict[str, Any]:
    """A list as Stripe pages it, the newest first."""
    limit = int(given.get("limit", 10))
    if not 1 <= limit <= 100:
        raise RefusedError(400, "This value must be between 1 and 100", param="limit")
    newest = found[::-1]
    if after := given.get("starting_after"):
        ids = [one["id"] for one in newest]
        if after not in ids:
            raise RefusedError(
                400, f"No such object: '{after}'", code="resource_missing", param="starting_after"
            )
        newest = newest[ids.index(after) + 1 :]
    shown = [view(one) for one in newest[:limit]]
    return {"object": "list", "url": url, "has_more": len(newest) > limit, "data": shown}
