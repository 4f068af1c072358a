"""What plugins do for each other: providers found by capability, each call guarded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bloop.hub.contexts import PluginCall, manifest_of, open_context
from bloop.hub.guarded import guarded
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.filters import filtered
from bloop.kernel.registry import ProviderHandle
from bloop_sdk import Call, Filtered, Manifest, Offer, UnsupportedError

if TYPE_CHECKING:
    from bloop.hub import Hub

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LentProviders:
    """What the plugin of ``manifest`` may use for a call; a :class:`bloop_sdk.Providers`."""

    hub: Hub
    manifest: Manifest
    call: Call

    async def offers(self, capability: str) -> Sequence[Offer]:
        """Who has it in the call's institution, in the operator's order."""
        return [
            Offer(plugin_id=one.plugin_id, name=manifest_of(self.hub, one.plugin_id).name)
            for one in await self._handles(capability)
        ]

    async def get(self, capability: str, plugin_id: str | None = None) -> Any:
        """A provider with its own plugin's context for the same call.

        Raises UnsupportedError for a capability that the manifest does not name, and
        PluginUnavailableError with what to enable.
        """
        handles = await self._handles(capability)
        handle = next((one for one in handles if plugin_id in {None, one.plugin_id}), None)
        if handle is None:
            raise await self._nobody(capability, plugin_id)
        context = await open_context(self.hub, PluginCall, handle.plugin_id, self.call)
        # The first one imports the provider's code.
        provider = await asyncio.to_thread(handle.create, context)
        return guarded(provider, handle, self.hub.kernel.calls, self.call.institution)

    async def filtered(
        self, hook: str, value: T, check: Callable[[Any], T], **others: Any
    ) -> Filtered[T]:
        """What other plugins' filters make of a value; raises UnsupportedError for no filter."""
        hooks = self.hub.kernel.hooks.without(await self.hub.choices.off(self.call))
        return filtered(hooks, hook, value, check, others)

    async def _handles(self, capability: str) -> list[ProviderHandle]:
        if capability not in self.manifest.uses:
            raise UnsupportedError(
                f"plugin {self.manifest.id} does not say that it uses {capability!r}",
                cure="name it in `uses` of its bloop-plugin.toml",
            )
        off = await self.hub.choices.off(self.call)
        handles = self.hub.kernel.providers(capability)
        return [one for one in handles if one.plugin_id not in off]

    async def _nobody(self, capability: str, plugin_id: str | None) -> PluginUnavailableError:
        """Why there is no provider, and which plugins could be switched on."""
        off = await self.hub.choices.off(self.call)
        ready = {one.plugin_id for one in self.hub.kernel.providers(capability)}
        records = self.hub.kernel.plugins.values()
        able = sorted(one.id for one in records if capability in one.capabilities)
        able = [one for one in able if plugin_id in {None, one}]
        cures = [f"`bloop plugins enable {one}`" for one in able if one not in ready]
        cures += [f"an admin can switch {one} on" for one in able if one in ready & off]
        who = "no plugin" if plugin_id is None else f"plugin {plugin_id} is not what"
        return PluginUnavailableError(
            f"{who} provides {capability!r} here, which {self.manifest.id} uses",
            cure=", or ".join(cures) or f"install a plugin that provides {capability}",
        )
