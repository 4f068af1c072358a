"""Logins elsewhere as the pages get them: every plugin's ways in, each call guarded.

A way in is called ``<plugin>.<key>`` in addresses, so that no two plugins can mean the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bloop.hub.contexts import PluginCall, open_context
from bloop.kernel.registry import ProviderHandle
from bloop.store.errors import NotFoundError
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call
from bloop_sdk.providers.identity import Identity, IdentityProvider, LoginOption, LoginRequest

if TYPE_CHECKING:
    from bloop.hub import Hub

T = TypeVar("T")

CALL_SECONDS = 25.0
"""A person waits for it, and their request has half a minute."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,29}")

log = get_logger("bloop.logins")


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way to log in that an institution offers; ``place`` is what it fails by alone."""

    name: str
    title: str
    option: str
    place: str
    handle: ProviderHandle
    provider: IdentityProvider


async def ways_in(hub: Hub, call: Call) -> list[WayIn]:
    """Every way that the call's institution offers, in the plugins' order.

    A plugin that fails offers none, which the log tells.
    """
    found: list[WayIn] = []
    off = await hub.choices.off(call)
    for handle in hub.kernel.providers("identity"):
        if handle.plugin_id in off:
            continue
        try:
            found += await _of_plugin(hub, call, handle)
        except BloopError as err:
            log.warning("no login by a plugin", plugin=handle.plugin_id, reason=str(err))
    return found


async def way_in(hub: Hub, call: Call, name: str) -> WayIn:
    """One of them; raises NotFoundError."""
    for way in await ways_in(hub, call):
        if way.name == name:
            return way
    raise NotFoundError(f"no login called {name[:80]}")


def return_address(hub: Hub, way: WayIn) -> str:
    """Where the provider sends the browser back to: an address for this way alone."""
    return f"{hub.config.value.public_url}/login/with/{way.name}/callback"


async def authorize_url(hub: Hub, way: WayIn, request: LoginRequest) -> str:
    """Where to send the browser; raises the contract's errors."""

    async def ask() -> str:
        url = _expected(await way.provider.authorize_url(request), str)
        if not url.startswith(("https://", "http://")) or not url.isprintable():
            raise TypeError("it gave no address to send a browser to")
        return url

    return await hub.kernel.calls.call(
        way.handle, "authorize_url", ask(), timeout=CALL_SECONDS, connection=way.place
    )


async def exchange(
    hub: Hub, way: WayIn, request: LoginRequest, params: Mapping[str, str]
) -> Identity:
    """Who came back; raises the contract's errors."""

    async def ask() -> Identity:
        return _expected(await way.provider.exchange(request, params), Identity)

    return await hub.kernel.calls.call(
        way.handle, "exchange", ask(), timeout=CALL_SECONDS, connection=way.place
    )


async def _of_plugin(hub: Hub, call: Call, handle: ProviderHandle) -> list[WayIn]:
    context = await open_context(hub, PluginCall, handle.plugin_id, call)
    # The first one imports the provider's code.
    provider: IdentityProvider = await asyncio.to_thread(handle.create, context)
    options = hub.kernel.calls.run(handle, "options", lambda: _checked(provider.options()))
    return [
        WayIn(
            f"{handle.plugin_id}.{one.key}",
            one.title,
            one.key,
            f"{call.institution}/{one.key}",
            handle,
            provider,
        )
        for one in options
    ]


def _checked(options: Any) -> list[LoginOption]:
    found = list(options)
    for one in found:
        if not isinstance(one, LoginOption) or not _KEY.fullmatch(one.key):
            raise TypeError("options() gave what is no LoginOption with a key of a-z, 0-9 and _")
    return found


def _expected(answer: T, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise TypeError(f"it gave a {type(answer).__name__}, which is no {kind.__name__}")
    return answer
