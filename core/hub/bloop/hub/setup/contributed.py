"""The steps that plugins add: asked at once, and briefly, whether they are done.

One whose plugin fails, hangs or answers rubbish is left out. Of a plugin that is switched off the
manifest alone is known: its steps lead to the switch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from bloop.accounts.actions import may
from bloop.hub.contexts import PluginCall, open_context
from bloop.hub.setup.step import OFF, Step, Way
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
        _asked(hub, call, part, facts)
        for part in hub.kernel.contributions("setup")
        if part.plugin_id not in off
        and hub.offers.may(call, part.plugin_id, part.declaration.action)
    ]
    found = [step for step in await asyncio.gather(*asked) if step is not None]
    for record in hub.kernel.plugins.values():
        if record.manifest is None or not record.manifest.contributes.setup:
            continue
        if record.status.state in OFF:
            found += _behind(record.manifest, call, _, here=False)
        elif record.id in off:
            found += _behind(record.manifest, call, _, here=True)
    return found


async def _asked(hub: Hub, call: Call, part: Contribution, facts: Mapping[str, Any]) -> Step | None:
    """A step with its state; None where the plugin cannot tell it."""
    step: SetupDecl = part.declaration

    async def work() -> bool:
        done = await (await part.load())(await open_context(hub, PluginCall, part.plugin_id, call))
        if not isinstance(done, bool):
            raise TypeError(f"step {step.name} is done or not, and no {type(done).__name__}")
        return done

    try:
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
    return Step(
        f"{part.plugin_id}.{step.name}",
        step.title,
        step.text,
        "done" if done else "open" if path else "blocked",
        (Way(step.way, f"/x/{part.plugin_id}{path}"),) if path else (),
    )


def _behind(manifest: Manifest, call: Call, _: Callable[[str], str], *, here: bool) -> list[Step]:
    """The steps of a plugin that is switched off, in the hub or in this institution."""
    switch = (
        Way(_("Switch on {name}").format(name=manifest.name), _switch(manifest.id, here=here)),
    )
    allowed = may(call, "plugins:enable" if here else "plugins:toggle")
    return [
        Step(
            f"{manifest.id}.{step.name}",
            step.title,
            step.text,
            "open" if allowed else "waiting",
            switch if allowed else (),
        )
        for step in manifest.contributes.setup
    ]


def _switch(plugin_id: str, *, here: bool) -> str:
    return f"/plugins/{plugin_id}/{'institution' if here else 'enable'}"


def _path(step: SetupDecl, facts: Mapping[str, Any]) -> str | None:
    """Where the step is done; None while there is no course or lesson to do it with."""
    path = step.path
    for name in ("course", "lesson"):
        if f"{{{name}}}" in path:
            if facts[name] is None:
                return None
            path = path.replace(f"{{{name}}}", facts[name])
    return path
