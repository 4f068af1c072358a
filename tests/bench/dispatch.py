"""Isolated dispatch of a collect hook against pluggy's own call, with 1, 5 and 20 plugins.

Both call the same methods of as many different plugins with two arguments and give the answers as
a list. Pluggy is called as it must be, with keywords; ours as the hub does, by position. Breakers
are on. `hurt` is a call while one plugin's breaker is open.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

import pluggy
from _harness import Bench

from bloop.kernel.breaker import Breakers
from bloop.kernel.dispatch import Dispatcher
from bloop_sdk.hooks import PROJECT, HookKind, hookimpl, hookspec

CALLS = 5_000


class Spec:
    """The one hook that is called."""

    @hookspec(HookKind.COLLECT)
    def links(self, lesson: str, principal: str) -> str | None:
        """Give something."""


def make_plugin(number: int) -> object:
    """A plugin with code of its own, as each of them has."""
    names = {"hookimpl": hookimpl}
    text = f"""
class Plugin{number}:
    @hookimpl
    def links(self, lesson, principal):
        return lesson
"""
    exec(text, names)
    return names[f"Plugin{number}"]()


def call(statement: str, hooks: object) -> Callable[[], float]:
    """Measures a call without a function around it."""
    timer = timeit.Timer(statement, globals={"hooks": hooks})
    return lambda: timer.timeit(CALLS) / CALLS


def main() -> None:
    """Measure and print."""
    bench = Bench("dispatch", peers=("pluggy",))
    for count in (1, 5, 20):
        plugins = [(f"plugin{number}", make_plugin(number)) for number in range(count)]
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Spec)
        for name, plugin in plugins:
            manager.register(plugin, name)
        theirs = manager.hook
        ours = Dispatcher(Breakers(), groups=[Spec]).compile(plugins)
        hurt_breakers = Breakers()
        for _ in range(hurt_breakers.policy.in_a_row):
            hurt_breakers.get("plugin0", "links").failed(ValueError("down"))
        hurt = Dispatcher(hurt_breakers, groups=[Spec]).compile(plugins)
        assert ours.links("a", "b") == theirs.links(lesson="a", principal="b") == ["a"] * count

        rows = bench.rounds(
            {
                f"pluggy, {count}": call("hooks.links(lesson='a', principal='b')", theirs),
                f"bloop, {count}": call("hooks.links('a', 'b')", ours),
                f"bloop hurt, {count}": call("hooks.links('a', 'b')", hurt),
            }
        )
        bench.ratio(f"vs_pluggy_{count}", rows[f"bloop, {count}"], rows[f"pluggy, {count}"])
    bench.finish()


if __name__ == "__main__":
    main()
