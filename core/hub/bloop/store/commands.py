"""What a command is done as: every one states its action, and nobody but the hub does another.

    @command("content:publish")
    def publish(unit: UnitOfWork, model: type[S], id_: str, ...) -> S: ...

The unit that runs it carries the action from then on, asks the database's judge whether the call
may do it, and asks again about each row that it gets. What a command calls is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from bloop_sdk import BloopError, Call, PrincipalKind

if TYPE_CHECKING:
    from bloop.store.unit import UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")


class Judge(Protocol):
    """Raises where a unit's call may not do an action, to a row where one is given.

    What a row alone can say it leaves open, as the unit's ``owed``, until it is asked about one.
    """

    def __call__(self, unit: UnitOfWork, action: str, row: Any = None) -> None:
        """Raise, or let it pass."""
        ...


class UnstatedActionError(BloopError):
    """Somebody asked for a command that does not say as which action it is done."""

    code = "unstated_action"


def command(action: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """State the action of a function that takes a unit of work, of which it is the entry."""

    def mark(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def entered(*args: P.args, **kwargs: P.kwargs) -> T:
            unit: UnitOfWork = next(one for one in args if hasattr(one, "enter"))  # type: ignore[assignment]
            unit.enter(action)
            return function(*args, **kwargs)

        entered.bloop_action = action  # type: ignore[attr-defined]
        return entered

    return mark


def action_of(function: Any) -> str | None:
    """The action that a command states."""
    while not hasattr(function, "bloop_action") and hasattr(function, "func"):
        function = function.func  # A partial's.
    found: str | None = getattr(function, "bloop_action", None)
    return found


def check_stated(call: Call, function: Any) -> None:
    """Raise UnstatedActionError for a command without an action, unless the hub itself asks."""
    if call.principal.kind is not PrincipalKind.SYSTEM and action_of(function) is None:
        name = getattr(function, "__qualname__", repr(function))
        raise UnstatedActionError(
            f"the command {name} states no action",
            cure="mark it with bloop.store.commands.command",
        )
