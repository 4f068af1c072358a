"""What is reached with the settings: models, and whether the one that is set keeps to a schema."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import openai

from bloop_openai import faults
from bloop_openai.client import open_client
from bloop_openai.config import OpenAIConfig, config_of
from bloop_openai.provider import OpenAILanguage
from bloop_openai.server import Mode, forget_habits, habits_of
from bloop_sdk import CallContext
from bloop_sdk.providers.ai import Budget, Message

QUESTION = (Message(role="user", text="Which is the capital of France, and is it in Europe?"),)
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"capital": {"type": "string"}, "in_europe": {"type": "boolean"}},
    "required": ["capital", "in_europe"],
    "additionalProperties": False,
}
BUDGET = Budget(max_tokens=2000, seconds=120.0)
ENFORCED_BY = {
    Mode.SCHEMA: "the server",
    Mode.JSON: "asking: the server knows only that it should be JSON",
    Mode.NONE: "asking: the server knows nothing of it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found; ``models`` is empty where the server lists none."""

    host: str
    model: str
    models: tuple[str, ...]
    mode: Mode
    price: tuple[float, float] | None

    @property
    def enforced_by(self) -> str:
        """Who sees to it that answers are valid, before they are looked at here."""
        return ENFORCED_BY[self.mode]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "host": self.host,
            "model": self.model,
            "models": list(self.models),
            "structured": str(self.mode),
            "price": self.price,
        }


async def checked(ctx: CallContext) -> Checked:
    """Ask anew how the server likes to be asked; raises what a call would raise."""
    config = config_of(ctx)
    models = await _models(ctx, config)
    await forget_habits(ctx, config)
    found = await OpenAILanguage(ctx).generate(QUESTION, SCHEMA, BUDGET)
    habits = await habits_of(ctx, config)
    mode = habits.mode if config.structured == "auto" else Mode(config.structured)
    return Checked(
        host=config.host, model=found.model, models=models, mode=mode, price=config.price
    )


async def _models(ctx: CallContext, config: OpenAIConfig) -> tuple[str, ...]:
    async with open_client(ctx, config) as client:
        with faults.translated(config), contextlib.suppress(openai.NotFoundError):
            listed = await client.models.list()
            names = [getattr(one, "id", None) for one in getattr(listed, "data", None) or ()]
            return tuple(sorted(name for name in names if isinstance(name, str)))
    return ()
