"""Embeddings and language models for inference, which is blocking: called from a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bloop.graph.inference import Embed, Generate
from bloop.hub.contexts import PluginCall, open_context
from bloop.hub.guarded import guarded
from bloop_sdk import Call
from bloop_sdk.providers.ai import Budget, EmbeddingProvider, LanguageProvider, Message

if TYPE_CHECKING:
    from bloop.hub import Hub

T = TypeVar("T")
BUDGET = Budget(max_tokens=8000, seconds=240.0)


async def provider_of(hub: Hub, call: Call, capability: str) -> tuple[str, Any] | None:
    """The first plugin that has a capability in the call's institution, and its provider."""
    off = await hub.choices.off(call)
    for handle in hub.kernel.providers(capability):
        if handle.plugin_id not in off:
            context = await open_context(hub, PluginCall, handle.plugin_id, call)
            # The first one imports the provider's code.
            provider = await asyncio.to_thread(handle.create, context)
            return handle.plugin_id, guarded(provider, handle, hub.kernel.calls, call.institution)
    return None


def embed_by(provider: EmbeddingProvider, loop: asyncio.AbstractEventLoop) -> Embed:
    """Embeds for code in a thread; the provider works in ``loop``."""

    def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        rows: Any = _waited(provider.embed(texts), loop).tolist()
        return list(rows)

    return embed


def generate_by(provider: LanguageProvider, loop: asyncio.AbstractEventLoop) -> Generate:
    """Asks a model for code in a thread; the provider works in ``loop``."""

    def generate(instruction: str, text: str, schema: Mapping[str, Any]) -> Any:
        messages = [Message(role="system", text=instruction), Message(role="user", text=text)]
        return _waited(provider.generate(messages, schema, BUDGET), loop).value

    return generate


def _waited(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result()
