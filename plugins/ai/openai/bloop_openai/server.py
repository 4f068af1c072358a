"""How a server wants to be asked: what it has refused once is not tried again for a week."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from enum import StrEnum

from bloop_openai.config import OpenAIConfig
from bloop_sdk import CallContext

KNOWN_SECONDS = 7 * 24 * 3600.0


class Mode(StrEnum):
    """How an answer is held to a schema."""

    SCHEMA = "schema"
    JSON = "json"
    NONE = "none"


@dataclass(slots=True)
class Habits:
    """What a server is known to take; the first answers teach it."""

    mode: Mode
    limit: str
    counts_streams: bool = True


def key_of(config: OpenAIConfig) -> str:
    """Under which name the habits of a server with this model are kept."""
    name = f"{config.base_url} {config.model}"
    return f"server:{hashlib.sha256(name.encode()).hexdigest()[:16]}"


async def habits_of(ctx: CallContext, config: OpenAIConfig) -> Habits:
    """What is known, or else what such servers take as a rule."""
    kept = await ctx.run_sync(ctx.store.get, key_of(config))
    if isinstance(kept, dict) and 0 <= time.time() - kept.pop("at", 0.0) < KNOWN_SECONDS:
        return Habits(**(kept | {"mode": Mode(kept["mode"])}))
    # Only OpenAI's own models that think first need the newer name, which older servers ignore.
    return Habits(Mode.SCHEMA, "max_completion_tokens" if config.is_openai else "max_tokens")


async def keep_habits(ctx: CallContext, config: OpenAIConfig, habits: Habits) -> None:
    """Remember what a server has shown."""
    value = asdict(habits) | {"mode": str(habits.mode), "at": time.time()}
    await ctx.run_sync(ctx.store.set, key_of(config), value)


async def forget_habits(ctx: CallContext, config: OpenAIConfig) -> None:
    """Let the next call find out anew."""
    await ctx.run_sync(ctx.store.delete, key_of(config))
