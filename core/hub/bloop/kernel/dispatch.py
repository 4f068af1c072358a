"""Calling hooks: pluggy keeps specs and checks implementations, compiled functions call them.

A pluggy call loses every result when one implementation raises. Here each implementation is
called alone, and the caller gets what the others said together with who failed. For each hook one
function is made as source text (as dataclasses make ``__init__``), with the spec's own signature,
the arguments that each implementation asked for, and no loop; it takes about 0.15 of pluggy's
time. It is made again whenever plugins change, and calls see the old set or the new one.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

import pluggy
from pluggy import HookimplOpts, HookspecOpts

from bloop.kernel.answers import expected_answer, reject
from bloop.kernel.breaker import Breaker, Breakers
from bloop.kernel.faults import (
    CircuitOpenError,
    HookRefusedError,
    contained,
    describe,
    place,
)
from bloop_sdk.errors import FatalError
from bloop_sdk.hooks import HOOK_GROUPS, PROJECT, Fail, HookKind, HookTraits


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

    __slots__ = ("_lock", "_report", "breakers", "called", "calls", "hook", "quiet", "traits")

    def __init__(
        self,
        hook: str,
        traits: HookTraits,
        calls: Sequence[Implementation],
        breakers: Sequence[Breaker],
        report: Callable[[HookFailure], None],
        called: int,
    ) -> None:
        self.hook = hook
        self.traits = traits
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


class Hooks:
    """The compiled hooks as attributes: ``hooks.navigation(principal)`` gives :class:`Outcomes`.

    Arguments are the spec's, by position or by name. Immutable: a change of plugins makes a new
    one.
    """

    def __init__(
        self, compiled: dict[str, Callable[..., Outcomes]], tallies: dict[str, Tally]
    ) -> None:
        self.__dict__.update(compiled)
        self.tallies = tallies

    if TYPE_CHECKING:
        # At run time it would make every call slower.
        def __getattr__(self, name: str) -> Callable[..., Outcomes]: ...

    def listeners(self, hook: str) -> tuple[Implementation, ...]:
        """The implementations of a hook in call order, for consumers of event hooks."""
        return self.tallies[hook].calls


class _Manager(pluggy.PluginManager):
    """Pluggy, looking at fewer names: hooks are no dunder methods, of which every object has 30."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> HookimplOpts | None:
        return None if name.startswith("__") else super().parse_hookimpl_opts(plugin, name)

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> HookspecOpts | None:
        return None if name.startswith("__") else super().parse_hookspec_opts(module_or_class, name)


class Dispatcher:
    """Checks plugins' implementations against the specs and compiles them.

    ``report`` hears of each failure as it happens; an exception of its own is ignored.
    """

    def __init__(
        self,
        breakers: Breakers,
        report: Callable[[HookFailure], None] = lambda _: None,
        groups: Iterable[type] = tuple(HOOK_GROUPS.values()),
    ) -> None:
        self._breakers = breakers
        self._report = report
        self._groups = tuple(groups)
        self._tallies: dict[str, Tally] = {}
        self._scratch = self._manager()

    def check(self, plugin_id: str, plugin: object) -> frozenset[str]:
        """The hooks that ``plugin`` implements; raises FatalError for one that cannot work."""
        if type(plugin).__eq__ is not object.__eq__:
            raise FatalError(
                f"plugin {plugin_id}: its class defines __eq__, so it could pass for another",
                cure="compare something else than plugins",
            )
        manager = self._scratch
        try:
            manager.register(plugin, plugin_id)
            manager.check_pending()
        except pluggy.PluginValidationError as err:
            self._scratch = self._manager()
            raise FatalError(
                " ".join(str(err).split()),
                cure="name hook and arguments as bloop_sdk.hooks does",
            ) from err
        callers = manager.get_hookcallers(plugin) or []
        wrapped = [
            caller.name
            for caller in callers
            if any(impl.wrapper or impl.hookwrapper for impl in caller.get_hookimpls())
        ]
        manager.unregister(plugin)
        if wrapped:
            raise FatalError(
                f"plugin {plugin_id}: {', '.join(wrapped)} is a hook wrapper, which could change "
                "what other plugins say",
                cure="write a plain hook implementation",
            )
        return frozenset(caller.name for caller in callers)

    def compile(self, plugins: Sequence[tuple[str, object]]) -> Hooks:
        """The call lists of plugins given in call order, as pairs of id and object.

        ``tryfirst`` and ``trylast`` move an implementation as in pluggy.
        """
        manager = self._manager()
        # Pluggy calls what was registered last first.
        for plugin_id, plugin in reversed(plugins):
            manager.register(plugin, plugin_id)
        compiled, tallies = {}, {}
        for group in self._groups:
            for name, spec in vars(group).items():
                if (traits := getattr(spec, "bloop_hook", None)) is None:
                    continue
                parameters = tuple(inspect.signature(spec).parameters)[1:]
                calls = _implementations(getattr(manager.hook, name), parameters)
                tally = Tally(
                    name,
                    traits,
                    calls,
                    [self._breakers.get(call.plugin, name) for call in calls],
                    self._safe_report,
                    self._tallies[name].called if name in self._tallies else 0,
                )
                tallies[name] = tally
                if traits.kind is not HookKind.EVENT:
                    compiled[name] = _compile(tally, spec, parameters)
        self._tallies = tallies
        return Hooks(compiled, tallies)

    def _manager(self) -> _Manager:
        manager = _Manager(PROJECT)
        for group in self._groups:
            manager.add_hookspecs(group)
        return manager

    def _safe_report(self, failure: HookFailure) -> None:
        # What tells of a failure must not add one.
        with contextlib.suppress(Exception):
            self._report(failure)


def _implementations(
    caller: pluggy.HookCaller, parameters: tuple[str, ...]
) -> list[Implementation]:
    return [
        Implementation(
            impl.plugin_name,
            caller.name,
            impl.function,
            impl.argnames,
            tuple(name for name in impl.kwargnames if name in parameters),
        )
        for impl in reversed(caller.get_hookimpls())
    ]


def _compile(
    tally: Tally, spec: FunctionType, parameters: tuple[str, ...]
) -> Callable[..., Outcomes]:
    expected = expected_answer(spec, tally.traits.kind)
    names: dict[str, Any] = {
        "_Coroutine": CoroutineType,
        "_Expected": expected,
        "_Outcomes": Outcomes,
        "_failed": tally.failed,
        "_reject": reject,
        "_succeeded": tally.succeeded,
        "_tally": tally,
    }
    for index, (call, breaker) in enumerate(zip(tally.calls, tally.breakers, strict=True)):
        names[f"_call{index}"] = call.function
        names[f"_enter{index}"] = breaker.enter

    def define(*, guarded: bool) -> None:
        text = _source(tally, parameters, typed=expected is not None, guarded=guarded)
        # It is made from the contract's own names, never from a plugin's.
        exec(compile(text, f"<hook {tally.hook}>", "exec"), names)  # noqa: S102  # nosec B102

    def guarded(*args: Any) -> Outcomes:
        # Most hooks never need this one: made on first use, it takes this one's place.
        define(guarded=True)
        outcomes: Outcomes = names["_guarded"](*args)
        return outcomes

    names["_guarded"] = guarded
    define(guarded=False)
    function: Callable[..., Outcomes] = names[tally.hook]
    function.__doc__, function.__defaults__ = spec.__doc__, spec.__defaults__
    return function


def _source(tally: Tally, parameters: tuple[str, ...], *, typed: bool, guarded: bool) -> str:
    """The compiled function, or the slower one that asks and tells each breaker."""
    inputs = ", ".join(parameters)
    kind = tally.traits.kind
    if guarded:
        head = f"def _guarded({inputs}):"
    else:
        head = f"""
def {tally.hook}({inputs}):
    _tally.called += 1
    if not _tally.quiet:
        return _guarded({inputs})"""
    text = f"""{head}
    _outcomes = _Outcomes()
    _outcomes._tally = _tally
    _silent = 0
"""
    for index, call in enumerate(tally.calls):
        text += _step(call, index, kind, parameters, typed=typed, guarded=guarded)
    if kind is not HookKind.COLLECT:
        value = parameters[0] if kind is HookKind.FILTER else "None"
        text += f"    _outcomes.value = {value}\n"
    return text + "    _outcomes._silent = _silent\n    return _outcomes\n"


def _step(
    call: Implementation,
    index: int,
    kind: HookKind,
    parameters: tuple[str, ...],
    *,
    typed: bool,
    guarded: bool,
) -> str:
    """One implementation's part of the compiled function."""
    bit = 1 << index
    refused = "type(_answer) is _Coroutine"
    if typed:
        refused = "_answer is not None and not isinstance(_answer, _Expected)"
    take = "_outcomes.append(_answer)"
    if kind is HookKind.FIRST:
        take += f"; _outcomes.value = _answer; _outcomes._silent = ~{bit}; return _outcomes"
    elif kind is HookKind.FILTER:
        take += f"; {parameters[0]} = _answer"
    return f"""
    try:
        {f"_enter{index}()" if guarded else ""}
        _answer = {call.written(index)}
        if {refused}:
            _reject(_answer)
        {f"_succeeded({index})" if guarded else ""}
    except BaseException as _error:
        _silent |= {bit}
        _failed(_outcomes, {index}, _error)
    else:
        if _answer is None:
            _silent |= {bit}
        else:
            {take}
"""
