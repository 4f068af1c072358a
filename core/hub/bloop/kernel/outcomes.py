"""What a call of a hook gives, and what is counted for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from bloop.kernel.breaker import Breaker
from bloop.kernel.faults import CircuitOpenError, HookRefusedError, contained, describe, place
from bloop_sdk.hooks import Fail, HookTraits


@dataclass(frozen=True, slots=True)
class HookFailure:
    """One implementation that gave no answer, and why."""

    plugin: str
    hook: str
    error: BaseException
    package: str

    @property
    def skipped(self) -> bool:
        """Whether it was not called at all, its breaker being open."""
        return isinstance(self.error, CircuitOpenError)

    def __str__(self) -> str:
        at = place(self.error, self.package)
        return f"plugin {self.plugin}: {self.hook}: {describe(self.error)}" + (
            f" ({at})" if at and not self.skipped else ""
        )


class Outcomes(list[Any]):
    """The answers that are not None, in call order.

    ``value`` is what a first hook found (or None), and what the filters made of their argument.
    """

    __slots__ = ("_failures", "_silent", "_tally", "value")
    _failures: tuple[HookFailure, ...]
    _silent: int
    _tally: Tally
    value: Any

    @property
    def failures(self) -> tuple[HookFailure, ...]:
        """Who failed or was left alone."""
        return getattr(self, "_failures", ())

    def add_failure(self, failure: HookFailure) -> None:
        """Note who failed; the slot is left empty where nobody did, which saves a store."""
        self._failures = (*self.failures, failure)

    def by_plugin(self) -> Iterator[tuple[str, Any]]:
        """Each answer with its plugin's id."""
        speakers = (
            call.plugin
            for index, call in enumerate(self._tally.calls)
            if not self._silent >> index & 1
        )
        return zip(speakers, self, strict=True)


@dataclass(frozen=True, slots=True)
class Implementation:
    """A plugin's method for a hook, as the compiled function calls it."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    positional: tuple[str, ...]
    named: tuple[str, ...]

    def __call__(self, **payload: Any) -> Any:
        """Call with what it asked for out of ``payload``; for consumers of event hooks."""
        return self.function(
            *(payload[name] for name in self.positional),
            **{name: payload[name] for name in self.named if name in payload},
        )

    def written(self, index: int) -> str:
        """This call as source text."""
        arguments = (*self.positional, *(f"{name}={name}" for name in self.named))
        return f"_call{index}({', '.join(arguments)})"


class Tally:
    """What the compiled function of a hook needs besides its arguments, and what it counts."""

    __slots__ = (
        "_lock",
        "_report",
        "breakers",
        "called",
        "calls",
        "hook",
        "quiet",
        "spec",
        "traits",
    )

    def __init__(
        self,
        spec: FunctionType,
        calls: Sequence[Implementation],
        breakers: Sequence[Breaker],
        report: Callable[[HookFailure], None],
        called: int,
    ) -> None:
        self.spec = spec
        self.hook = spec.__name__
        self.traits: HookTraits = spec.bloop_hook  # type: ignore[attr-defined]
        self.calls = tuple(calls)
        self.breakers = tuple(breakers)
        self.called = called
        self._lock = threading.Lock()
        self._report = report
        self._settle()

    def _settle(self) -> None:
        # One flag for all breakers of the hook: while none has anything to say, none is asked.
        self.quiet = all(breaker.quiet for breaker in self.breakers)

    def succeeded(self, index: int) -> None:
        """Note a success while some breaker of the hook remembers a failure."""
        if self.breakers[index].quiet:
            return
        with self._lock:
            self.breakers[index].succeeded()
            self._settle()

    def failed(self, outcomes: Outcomes, index: int, error: BaseException) -> None:
        """Note a failure; raises where it is not the plugin's own, or the hook fails closed."""
        if not contained(error):
            raise error
        call = self.calls[index]
        package = str(getattr(call.function, "__module__", "")).partition(".")[0]
        failure = HookFailure(call.plugin, self.hook, error, package)
        if not failure.skipped:
            with self._lock:
                self.breakers[index].failed(error)
                self.quiet = False
            self._report(failure)
        if self.traits.fail is Fail.CLOSED:
            raise HookRefusedError(
                f"{self.hook} was refused, for it needs every plugin's answer: {failure}",
                cure=f"mend or disable plugin {call.plugin}",
            ) from error
        outcomes.add_failure(failure)
