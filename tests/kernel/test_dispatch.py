"""Compiled hooks: everybody is heard, whatever one of them does."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import textwrap

import pluggy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bloop.kernel.breaker import Breakers, Circuit, Policy
from bloop.kernel.dispatch import Dispatcher
from bloop.kernel.faults import CircuitOpenError, HookRefusedError
from bloop_sdk.errors import FatalError
from bloop_sdk.hooks import PROJECT, Fail, HookKind, hookimpl, hookspec


class Specs:
    @hookspec(HookKind.COLLECT)
    def gather(self, a, b, c):
        """Gather."""

    @hookspec(HookKind.FIRST)
    def find(self, a, b, c):
        """Find."""

    @hookspec(HookKind.FILTER)
    def change(self, a, b=2):
        """Change."""

    @hookspec(HookKind.FIRST, fail=Fail.CLOSED)
    def refuse(self, a):
        """Refuse."""

    @hookspec(HookKind.EVENT)
    def happened(self, a, b):
        """Something happened."""


class Says:
    """Answers every hook with one value."""

    def __init__(self, value):
        self.value = value

    @hookimpl
    def gather(self):
        return self.value

    @hookimpl
    def find(self):
        return self.value


class Raises:
    def __init__(self, error):
        self.error = error

    @hookimpl
    def gather(self):
        raise self.error

    @hookimpl
    def find(self):
        raise self.error

    @hookimpl
    def change(self):
        raise self.error

    @hookimpl
    def refuse(self):
        raise self.error


def plugin(source):
    """A plugin's object whose methods are written in ``source``."""
    names = {"hookimpl": hookimpl}
    exec("class Made:\n" + textwrap.indent(textwrap.dedent(source), "    "), names)
    return names["Made"]()


def compiled(*plugins, breakers=None, report=lambda _: None):
    """Hooks of plugins that are named a, b, c, ... in call order."""
    dispatcher = Dispatcher(breakers or Breakers(), report, groups=[Specs])
    return dispatcher.compile([(chr(ord("a") + i), plugin) for i, plugin in enumerate(plugins)])


IMPLEMENTATION = st.fixed_dictionaries(
    {
        "result": st.one_of(st.none(), st.integers(), st.just(0), st.just("")),
        "arguments": st.lists(st.sampled_from("abc"), unique=True),
        "defaults": st.booleans(),
        "tryfirst": st.booleans(),
        "trylast": st.booleans(),
    }
)


def build(hook, spec):
    names = [f"{name}=0" if spec["defaults"] else name for name in spec["arguments"]]
    heard = "".join(f"{name}, " for name in spec["arguments"])
    result = None if spec["result"] is None else f"({spec['result']!r}, {heard})"
    return plugin(f"""
        @hookimpl(tryfirst={spec["tryfirst"]}, trylast={spec["trylast"]})
        def {hook}({", ".join(["self", *names])}):
            return {result}
    """)


@settings(deadline=None)
@given(st.lists(IMPLEMENTATION, max_size=6), st.sampled_from(["gather", "find"]), st.booleans())
def test_dispatch_answers_as_pluggy_does(specs, hook, hurt):
    plugins = [(f"p{number}", build(hook, spec)) for number, spec in enumerate(specs)]
    theirs = pluggy.PluginManager(PROJECT)
    theirs.add_hookspecs(Specs)
    for name, made in reversed(plugins):
        theirs.register(made, name)
    ours = Dispatcher(Breakers(), groups=[Specs]).compile(plugins)
    ours.tallies[hook].quiet = not hurt

    expected = getattr(theirs.hook, hook)(a=1, b=2, c=3)
    outcomes = getattr(ours, hook)(1, 2, c=3)

    assert (outcomes.value if hook == "find" else list(outcomes)) == expected
    assert outcomes.failures == ()


@settings(deadline=None)
@given(st.lists(st.sampled_from(["answer", "none", "fail"]), max_size=8), st.booleans())
def test_each_answer_keeps_its_plugin_whoever_else_fails(behaviours, hurt):
    made = {"answer": Says, "none": lambda _: Says(None), "fail": lambda _: Raises(OSError())}
    plugins = [(f"p{i}", made[what](i)) for i, what in enumerate(behaviours)]
    hooks = Dispatcher(Breakers(), groups=[Specs]).compile(plugins)
    hooks.tallies["gather"].quiet = not hurt

    outcomes = hooks.gather(1, 2, 3)

    answered = [i for i, what in enumerate(behaviours) if what == "answer"]
    assert list(outcomes.by_plugin()) == [(f"p{i}", i) for i in answered]
    failed = [f"p{i}" for i, what in enumerate(behaviours) if what == "fail"]
    assert [failure.plugin for failure in outcomes.failures] == failed


def test_plugins_are_called_in_the_given_order():
    assert compiled(Says("first"), Says("second")).gather(1, 2, 3) == ["first", "second"]


def test_first_hook_asks_nobody_after_an_answer():
    hooks = compiled(Says(None), Says("mine"), Raises(AssertionError("asked too late")))
    outcomes = hooks.find(1, 2, 3)
    assert outcomes.value == "mine"
    assert list(outcomes.by_plugin()) == [("b", "mine")]


def test_first_hook_without_an_answer_is_none():
    outcomes = compiled(Says(None)).find(1, 2, 3)
    assert outcomes.value is None
    assert outcomes == []


def test_filter_hands_each_answer_to_the_next():
    add = plugin("@hookimpl\ndef change(self, a, b): return a + b")
    leave = plugin("@hookimpl\ndef change(self, a): return None")
    double = plugin("@hookimpl\ndef change(self, a): return a * 2")
    outcomes = compiled(add, leave, double).change(10, 5)
    assert outcomes.value == 30
    assert list(outcomes.by_plugin()) == [("a", 15), ("c", 30)]


def test_filter_goes_on_without_a_plugin_that_fails():
    double, again = (plugin("@hookimpl\ndef change(self, a): return a * 2") for _ in "12")
    outcomes = compiled(double, Raises(ValueError("no")), again).change(1)
    assert outcomes.value == 4
    assert [failure.plugin for failure in outcomes.failures] == ["b"]


def test_filter_without_plugins_leaves_its_argument():
    marker = object()
    assert compiled().change(marker).value is marker


def test_default_of_the_spec_stands_where_the_caller_gives_none():
    assert compiled(plugin("@hookimpl\ndef change(self, a, b): return b")).change(1).value == 2


def test_wrong_arguments_are_the_callers_error_and_nobodys_failure():
    breakers = Breakers()
    hooks = compiled(Says(1), breakers=breakers)
    with pytest.raises(TypeError):
        hooks.gather(1, 2)
    with pytest.raises(AttributeError, match="gathr"):
        hooks.gathr(1)
    assert breakers.snapshot()[0].failures == 0


class UnprintableError(Exception):
    def __str__(self):
        raise SystemExit("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "error",
    [
        ValueError("broken"),
        SystemExit(3),
        KeyboardInterrupt(),
        MemoryError(),
        StopIteration(1),
        UnprintableError(),
        BaseExceptionGroup("many", [SystemExit(1), ValueError(2)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_plugin_raises_costs_its_own_answer_only(error):
    heard = []
    outcomes = compiled(Says(1), Raises(error), Says(2), report=heard.append).gather(1, 2, 3)
    assert outcomes == [1, 2]
    [failure] = outcomes.failures
    assert failure.error is error
    assert heard == [failure]
    assert "plugin b: gather: " + type(error).__name__ in str(failure)


def test_endless_recursion_in_a_plugin_is_contained():
    endless = plugin("@hookimpl\ndef gather(self): return self.gather()")
    outcomes = compiled(endless, Says(2)).gather(1, 2, 3)
    assert outcomes == [2]
    assert isinstance(outcomes.failures[0].error, RecursionError)


def test_failure_names_the_line_in_the_plugin():
    outcomes = compiled(Raises(ValueError("broken"))).gather(1, 2, 3)
    line = inspect.getsourcelines(Raises.gather)[1] + 2
    assert str(outcomes.failures[0]).endswith(f"ValueError: broken ({__file__}:{line})")


def test_cancellation_passes_through():
    hooks = compiled(Raises(asyncio.CancelledError()), Says(1))
    with pytest.raises(asyncio.CancelledError):
        hooks.gather(1, 2, 3)


def test_a_persons_ctrl_c_passes_through():
    slow = plugin("""
        @hookimpl
        def gather(self, a):
            a()
            for _ in range(1000):
                pass
    """)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            compiled(slow).gather(lambda: os.kill(os.getpid(), signal.SIGINT), 2, 3)
    finally:
        signal.signal(signal.SIGINT, before)


def test_coroutine_is_closed_and_counts_as_a_failure():
    asynchronous = plugin("@hookimpl\nasync def gather(self): return 1")
    outcomes = compiled(asynchronous, Says(2)).gather(1, 2, 3)
    assert outcomes == [2]
    assert "async" in str(outcomes.failures[0])


def test_report_that_raises_changes_nothing():
    def report(_failure):
        raise ValueError("the log is full")

    assert compiled(Raises(ValueError()), Says(2), report=report).gather(1, 2, 3) == [2]


def test_fail_closed_hook_refuses_and_names_plugin_and_cause():
    with pytest.raises(HookRefusedError, match="plugin a: refuse: ValueError: broken") as caught:
        compiled(Raises(ValueError("broken"))).refuse(1)
    assert "mend or disable plugin a" in caught.value.cure
    assert isinstance(caught.value.__cause__, ValueError)


def test_fail_closed_hook_refuses_also_while_its_plugin_is_left_alone():
    breakers = Breakers(Policy(in_a_row=1))
    hooks = compiled(Raises(ValueError("broken")), breakers=breakers)
    for _ in range(2):
        with pytest.raises(HookRefusedError):
            hooks.refuse(1)
    assert breakers.snapshot()[-1].failures == 1


def test_a_plugin_that_keeps_failing_is_left_alone_and_probed_later():
    now = [0.0]
    breakers = Breakers(Policy(jitter=0), clock=lambda: now[0])
    heard = []
    bad = Raises(ValueError("down"))
    hooks = compiled(bad, Says(1), breakers=breakers, report=heard.append)
    for _ in range(7):
        outcomes = hooks.gather(1, 2, 3)
        assert outcomes == [1]
    assert len(heard) == 5
    assert outcomes.failures[0].skipped
    assert isinstance(outcomes.failures[0].error, CircuitOpenError)
    assert "paused" in str(outcomes.failures[0])

    now[0] += 5
    bad.error = ValueError("still down")
    hooks.gather(1, 2, 3)
    assert [failure.error for failure in heard[5:]] == [bad.error], "the probe was made"


def test_a_plugin_that_recovers_is_called_quickly_again():
    breakers = Breakers()
    flaky = Says(1)
    hooks = compiled(flaky, breakers=breakers)
    tally = hooks.tallies["gather"]
    tally.failed(hooks.gather(1, 2, 3), 0, ValueError("once"))
    assert not tally.quiet
    for _ in range(breakers.policy.window):
        assert hooks.gather(1, 2, 3) == [1]
    assert tally.quiet
    assert breakers.snapshot()[0].circuit is Circuit.CLOSED


def test_calls_are_counted_over_changes_of_plugins():
    dispatcher = Dispatcher(Breakers(), groups=[Specs])
    dispatcher.compile([]).gather(1, 2, 3)
    hooks = dispatcher.compile([("a", Says(1))])
    hooks.gather(1, 2, 3)
    assert hooks.tallies["gather"].called == 2


def test_event_hooks_are_not_called_inline_but_listed():
    listener = plugin("@hookimpl\nasync def happened(self, b, a=7): return (a, b)")
    plain = plugin("@hookimpl\ndef happened(self): return 'heard'")
    hooks = compiled(listener, plain)
    assert not hasattr(hooks, "happened")
    first, second = hooks.listeners("happened")
    assert (first.plugin, second.plugin) == ("a", "b")
    assert asyncio.run(first(a=1, b=2)) == (1, 2)
    assert asyncio.run(first(b=2)) == (7, 2)
    assert second(a=1, b=2) == "heard"


CHECKED = {
    "wrapper": ("@hookimpl(wrapper=True)\ndef gather(self): return (yield)", "hook wrapper"),
    "hookwrapper": ("@hookimpl(hookwrapper=True)\ndef gather(self): yield", "hook wrapper"),
    "unknown hook": ("@hookimpl\ndef gathr(self): ...", "unknown hook 'gathr'"),
    "class that passes for any other": ("def __eq__(self, other): return True", "__eq__"),
    "unknown argument": ("@hookimpl\ndef gather(self, z): ...", "'z'"),
}


@pytest.mark.parametrize(("source", "message"), CHECKED.values(), ids=CHECKED)
def test_check_refuses(source, message):
    dispatcher = Dispatcher(Breakers(), groups=[Specs])
    with pytest.raises(FatalError, match=message):
        dispatcher.check("a", plugin(source))


def test_check_names_the_hooks_that_are_implemented():
    dispatcher = Dispatcher(Breakers(), groups=[Specs])
    assert dispatcher.check("a", Says(1)) == {"gather", "find"}
    assert dispatcher.check("a", object()) == frozenset()


def test_the_contracts_own_hooks_compile():
    hooks = Dispatcher(Breakers()).compile([])
    assert hooks.health_checks() == []
    assert hooks.health_checks.__doc__
    assert hooks.listeners("content_changed") == ()


def test_who_is_switched_off_for_an_institution_is_not_called_for_it():
    hooks = compiled(Says(1), Says(2), Says(3))
    some = hooks.without(frozenset("b"))
    assert dict(some.gather(1, 2, 3).by_plugin()) == {"a": 1, "c": 3}
    assert dict(hooks.gather(1, 2, 3).by_plugin()) == {"a": 1, "b": 2, "c": 3}
    assert [call.plugin for call in some.listeners("gather")] == ["a", "c"]
    first = hooks.without(frozenset("a")).find(1, 2, 3)
    assert (first.value, dict(first.by_plugin())) == (2, {"b": 2})


def test_hooks_are_the_same_where_nobody_of_them_is_off_and_are_made_once():
    hooks = compiled(Says(1), Says(2))
    assert hooks.without(frozenset({"stranger"})) is hooks
    assert hooks.without(frozenset({"a", "x"})) is hooks.without(frozenset({"a", "y"}))


def test_breakers_and_counts_are_shared_with_those_who_have_some_off():
    calls = []
    broken = plugin("""
        @hookimpl
        def gather(self, a):
            a.append(1)
            raise ValueError("down")
    """)
    hooks = compiled(broken, Says(2), breakers=Breakers(Policy(in_a_row=2)))
    some = hooks.without(frozenset("b"))
    for each in (some, some, hooks, some):
        each.gather(calls, 0, 0)
    assert len(calls) == 2
    assert hooks.tallies["gather"].called == 4
    assert hooks.gather(calls, 0, 0).failures[0].skipped
    assert dict(hooks.gather(calls, 0, 0).by_plugin()) == {"b": 2}
