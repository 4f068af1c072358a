"""Who draws."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_sdk import CallContext, UnsupportedError, gettext_noop
from bloop_sdk.providers.render import Renderer


@dataclass(frozen=True, slots=True)
class OpenRenderer:
    """A renderer, and under which name its clips are kept."""

    plugin_id: str
    renderer: Renderer
    version: str


async def open_renderer(ctx: CallContext) -> OpenRenderer:
    """The first renderer that is ready; raises with what to install where none is."""
    missing: list[str] = []
    for offer in await ctx.providers.offers("renderer"):
        renderer: Renderer = await ctx.providers.get("renderer", offer.plugin_id)
        probe = renderer.probe()
        if probe.ready:
            return OpenRenderer(offer.plugin_id, renderer, renderer.version())
        missing += [f"{offer.plugin_id} needs {what}" for what in probe.missing]
    raise UnsupportedError(
        gettext_noop("nothing here draws scenes"),
        code="no_renderer",
        cure="; ".join(missing) or gettext_noop("enable a renderer: bloop plugins enable manim"),
    )


async def draws(ctx: CallContext) -> bool:
    """Whether anybody here draws."""
    for offer in await ctx.providers.offers("renderer"):
        renderer: Renderer = await ctx.providers.get("renderer", offer.plugin_id)
        if renderer.probe().ready:
            return True
    return False
