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
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from types import CoroutineType, FunctionType
from typing import TYPE_CHECKING, Any

import pluggy
from pluggy import HookimplOpts, HookspecOpts

from bloop.kernel.answers import expected_answer, reject
from bloop.kernel.breaker import Breakers
from bloop.kernel.outcomes import HookFailure, Implementation, Outcomes, Tally
from bloop_sdk.errors import FatalError
from bloop_sdk.hooks import HOOK_GROUPS, PROJECT, HookKind

MOST_VARIANTS = 64
"""So many sets of plugins that institutions have switched off are kept compiled."""


class Hooks:
    """The compiled hooks as attributes: ``hooks.navigation(principal)`` gives :class:`Outcomes`.

    Arguments are the spec's, by position or by name. Immutable: a change of plugins makes a new
    one.
    """

    def __init__(self, tallies: dict[str, Tally], off: frozenset[str] = frozenset()) -> None:
        self.tallies = tallies
        self._off = off
        self._plugins = {call.plugin for tally in tallies.values() for call in tally.calls}
        self._variants: dict[frozenset[str], Hooks] = {}
        self.__dict__ |= {
            name: _compile(tally, off)
            for name, tally in tallies.items()
            if tally.traits.kind is not HookKind.EVENT
        }

    def without(self, off: frozenset[str]) -> Hooks:
        """The same for whoever has some plugins switched off; breakers and counts are shared."""
        off &= self._plugins
        if not off:
            return self
        found = self._variants.get(off)
        if found is None:
            if len(self._variants) >= MOST_VARIANTS:
                self._variants.clear()
            found = self._variants[off] = Hooks(self.tallies, off)
        return found

    if TYPE_CHECKING:
        # At run time it would make every call slower.
        def __getattr__(self, name: str) -> Callable[..., Outcomes]: ...

    def listeners(self, hook: str) -> tuple[Implementation, ...]:
        """The implementations of a hook in call order, for consumers of event hooks."""
        calls = self.tallies[hook].calls
        return tuple(call for call in calls if call.plugin not in self._off)


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
        tallies = {}
        for group in self._groups:
            for name, spec in vars(group).items():
                if not hasattr(spec, "bloop_hook"):
                    continue
                calls = _implementations(getattr(manager.hook, name), _parameters(spec))
                tallies[name] = Tally(
                    spec,
                    calls,
                    [self._breakers.get(call.plugin, name) for call in calls],
                    self._safe_report,
                    self._tallies[name].called if name in self._tallies else 0,
                )
        self._tallies = tallies
        return Hooks(tallies)

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


@cache
def _parameters(spec: FunctionType) -> tuple[str, ...]:
    """The names of a hook's arguments, without ``self``."""
    return tuple(inspect.signature(spec).parameters)[1:]


def _compile(tally: Tally, off: frozenset[str]) -> Callable[..., Outcomes]:
    """The function of a hook, which calls all but the plugins in ``off``."""
    expected = expected_answer(tally.spec, tally.traits.kind)
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
        text = _source(tally, off, typed=expected is not None, guarded=guarded)
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
    function.__doc__, function.__defaults__ = tally.spec.__doc__, tally.spec.__defaults__
    return function


def _source(tally: Tally, off: frozenset[str], *, typed: bool, guarded: bool) -> str:
    """The compiled function, or the slower one that asks and tells each breaker."""
    parameters = _parameters(tally.spec)
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
    silent = sum(1 << index for index, call in enumerate(tally.calls) if call.plugin in off)
    text = f"""{head}
    _outcomes = _Outcomes()
    _outcomes._tally = _tally
    _silent = {silent}
"""
    for index, call in enumerate(tally.calls):
        if call.plugin not in off:
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
