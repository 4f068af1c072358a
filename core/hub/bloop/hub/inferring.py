"""Making the graph of a course: the job, and what inference asks plugins.

Inference blocks, and so stands in a thread; embeddings and language models are asked from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bloop.accounts.sessions import system_call
from bloop.graph.courses import read_course
from bloop.graph.inference import Embed, Generate, infer
from bloop.graph.suggesting import may_be_read, suggest
from bloop.hub.contexts import PluginCall, open_context
from bloop.hub.guarded import guarded
from bloop.jobs.ledger import unfinished
from bloop.jobs.schedules import Enqueue
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call
from bloop_sdk.providers.ai import Budget, EmbeddingProvider, LanguageProvider, Message

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject

T = TypeVar("T")
INFER_JOB = "graph.infer"
BUDGET = Budget(max_tokens=8000, seconds=240.0)


@command("graph:write")
def ask_for_graph(unit: UnitOfWork, container: str, *, enqueue: Enqueue) -> str:
    """The id of the job that reads a course for its concepts, asked for now or before.

    Raises as :func:`bloop.graph.suggesting.suggest` does.
    """
    may_be_read(unit, container)
    return unfinished(unit, INFER_JOB, container=container) or enqueue(
        unit, INFER_JOB, {"container": container}
    )


async def run_infer_job(hub: Hub, running: RunningJob, payload: JSONObject) -> dict[str, int]:
    """Handle a job of the kind :data:`INFER_JOB`."""
    call = system_call(running.call.institution, running.call.trace)
    return await make_graph(hub, call, str(payload["container"]), running.progress)


async def make_graph(
    hub: Hub, call: Call, container: str, progress: Callable[[int, int, str], None]
) -> dict[str, int]:
    """Read a course, infer, and write suggestions; how many concepts, edges and so on are new.

    Embeddings and a language model are used where the institution has a plugin for them; one that
    does not answer is done without.
    """
    progress(0, 3, "reading the course")
    course = await read_course(hub.database, call, container)
    loop = asyncio.get_running_loop()
    embedding = await provider_of(hub, call, "embedding")
    language = await provider_of(hub, call, "language")
    progress(1, 3, f"looking for concepts in {len(course.documents)} texts")
    inferred = await asyncio.to_thread(
        infer,
        course,
        embed=embed_by(embedding[1], loop) if embedding else None,
        generate=generate_by(language[1], loop) if language else None,
    )
    progress(2, 3, "writing suggestions")
    made: dict[str, int] = await hub.database.run(
        in_unit, hub.database, call, suggest, container, inferred
    )
    progress(3, 3, "")
    return made


async def provider_of(
    hub: Hub, call: Call, capability: str, plugin: str | None = None
) -> tuple[str, Any] | None:
    """The first plugin that has a capability in the call's institution, and its provider.

    With ``plugin`` no other one will do.
    """
    off = await hub.choices.off(call)
    for handle in hub.kernel.providers(capability):
        if handle.plugin_id not in off and plugin in {None, handle.plugin_id}:
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
