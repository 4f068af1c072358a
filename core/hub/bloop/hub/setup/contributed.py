"""The steps that plugins add: asked at once, and briefly, whether they are done.

One whose plugin fails, hangs or answers rubbish is left out. Of a plugin that is switched off the
manifest alone is known: its steps lead to the switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from bloop.accounts.actions import may
from bloop.hub.contexts import PluginCall, open_context
from bloop.hub.setup.step import OFF, State, Step, Way
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call
from bloop_sdk.manifest import Manifest, SetupDecl

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import Contribution

STEP_SECONDS = 1.5
"""All of them together may keep a page waiting so long."""


async def plugin_steps(
    hub: Hub, call: Call, facts: Mapping[str, Any], _: Callable[[str], str]
) -> list[Step]:
    """The steps of plugins for this caller, in the plugins' order, those behind a switch last."""
    off = await hub.choices.off(call)
    asked = [
        _asked(hub, call, part, facts, _)
        for part in hub.kernel.contributions("setup")
        if part.plugin_id not in off
        and hub.offers.may(call, part.plugin_id, part.declaration.action)
    ]
    found = [step for step in await asyncio.gather(*asked) if step is not None]
    for record in hub.kernel.plugins.values():
        if record.manifest is not None and record.status.state in OFF:
            found += _behind(hub, call, record.manifest, off, _)
    return found


async def _asked(
    hub: Hub, call: Call, part: Contribution, facts: Mapping[str, Any], _: Callable[[str], str]
) -> Step | None:
    """A step with its state; None where the plugin cannot tell it."""
    step: SetupDecl = part.declaration

    async def work() -> bool:
        done = await asks(ctx)
        if not isinstance(done, bool):
            raise TypeError(f"step {step.name} is done or not, and no {type(done).__name__}")
        return done

    try:
        asks = await part.load()  # The first time it imports, which is none of its time to answer.
        ctx = await open_context(hub, PluginCall, part.plugin_id, call)
        done = await hub.kernel.calls.call(
            cast("Any", part),
            f"step {step.name}",
            work(),
            timeout=STEP_SECONDS,
            connection=call.institution,
        )
    except BloopError as err:
        get_logger("bloop.plugin", plugin=part.plugin_id).warning(
            "step left out", step=step.name, reason=str(err)
        )
        return None
    path = _path(step, facts)
    lacking = [] if done else lacks(hub, await hub.choices.off(call), step.needs)
    state: State = "done" if done else "open" if path or lacking else "blocked"
    ways = [Way(step.way, f"/x/{part.plugin_id}{path}")] if path else []
    if lacking:
        state, ways = _switches(lacking, call, _)
    return Step(f"{part.plugin_id}.{step.name}", step.title, step.text, state, tuple(ways))


def _behind(
    hub: Hub, call: Call, manifest: Manifest, off: Collection[str], _: Callable[[str], str]
) -> list[Step]:
    """The steps of a plugin that is switched off for the whole hub."""
    found = []
    for step in manifest.contributes.setup:
        state, ways = _switches([manifest, *lacks(hub, off, step.needs)], call, _)
        name = f"{manifest.id}.{step.name}"
        found.append(Step(name, step.title, step.text, state, tuple(ways)))
    return found


def lacks(hub: Hub, off: Collection[str], needs: Iterable[str]) -> list[Manifest]:
    """For each capability that nobody provides here, the plugin that would; the simplest there is.

    That is one that needs no account elsewhere. What no plugin that is installed provides, is none.
    """
    found: dict[str, Manifest] = {}
    for capability in needs:
        if any(one.plugin_id not in off for one in hub.kernel.providers(capability)):
            continue
        able = [
            record.manifest
            for record in hub.kernel.plugins.values()
            if record.manifest is not None and capability in record.manifest.provides
            if record.status.state in OFF or record.id in off
        ]
        able.sort(key=lambda one: (bool(one.secrets), bool(one.network.hosts), one.id))
        found |= {one.id: one for one in able[:1]}
    return list(found.values())


def _switches(
    plugins: Iterable[Manifest], call: Call, _: Callable[[str], str]
) -> tuple[State, list[Way]]:
    """The switches of some plugins; for who may not use them, somebody else has to."""
    if not may(call, "plugins:toggle"):
        return "waiting", []
    words = _("Switch on {name}")
    return "open", [
        Way(words.format(name=one.name), f"/plugins/{one.id}/enable") for one in plugins
    ]


def _path(step: SetupDecl, facts: Mapping[str, Any]) -> str | None:
    """Where the step is done; None while there is no course or lesson to do it with."""
    path = step.path
    for name in ("course", "lesson"):
        if f"{{{name}}}" in path:
            if facts[name] is None:
                return None
            path = path.replace(f"{{{name}}}", facts[name])
    return path
