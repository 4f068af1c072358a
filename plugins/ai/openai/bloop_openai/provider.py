"""The capability ``language``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bloop_openai import faults
from bloop_openai.answers import Fault, Form
from bloop_openai.asking import Reply, Talk
from bloop_openai.config import OpenAIConfig, config_of
from bloop_openai.server import Mode
from bloop_sdk import CallContext, MalformedRecordError, UnsupportedError
from bloop_sdk.providers.ai import Budget, Generation, Message

ROLES = ("system", "user", "assistant")
MEND = """That is not valid by the schema:
{faults}
Answer again with the whole JSON object, mended, and with nothing else."""


class OpenAILanguage:
    """A model of OpenAI, or of a server that speaks as it does."""

    def __init__(self, ctx: CallContext) -> None:
        self._ctx = ctx

    async def generate(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None, budget: Budget
    ) -> Generation:
        """One answer; where a schema is given, valid by it, after one repair at most."""
        config, talk = self._begin(messages, budget)
        form = None if schema is None else Form(schema)
        seconds = min(budget.seconds, config.timeout)
        try:
            async with asyncio.timeout(seconds), talk:
                if form is None:
                    return _generation(talk, await talk.ask(messages), None)
                return await _formed(talk, messages, form)
        except TimeoutError:
            raise faults.too_slow(config, seconds) from None

    async def stream(self, messages: Sequence[Message], budget: Budget) -> AsyncIterator[str]:
        """The answer in pieces; raises after the last one where it is not whole."""
        config, talk = self._begin(messages, budget)
        seconds = min(budget.seconds, config.timeout)
        ends = asyncio.get_running_loop().time() + seconds
        async with talk:
            pieces = talk.stream(messages)
            async with contextlib.aclosing(pieces):
                while True:
                    try:
                        async with asyncio.timeout_at(ends):
                            piece = await anext(pieces, None)
                    except TimeoutError:
                        raise faults.too_slow(config, seconds) from None
                    if piece is None:
                        return
                    yield piece

    def _begin(self, messages: Sequence[Message], budget: Budget) -> tuple[OpenAIConfig, Talk]:
        """Raise UnsupportedError for what cannot be asked."""
        config = config_of(self._ctx)
        if not any(one.text.strip() for one in messages):
            raise UnsupportedError("there is nothing to ask", cure="give messages with text")
        for one in messages:
            if one.role not in ROLES:
                raise UnsupportedError(
                    f"no message has the role {one.role!r}", cure=f"use {', '.join(ROLES)}"
                )
        if budget.max_tokens < 1 or budget.seconds <= 0:
            raise UnsupportedError(
                "a budget without tokens or time allows no answer", cure="give it some of both"
            )
        return config, Talk(self._ctx, config, budget.max_tokens)


async def _formed(talk: Talk, messages: Sequence[Message], form: Form) -> Generation:
    """Ask for JSON; where it is not valid, once more with what is wrong."""
    wrong: list[Fault] = []
    said = list(messages)
    for _ in range(2):
        reply = await talk.ask(said, form)
        value, wrong = form.read(reply.text)
        if not wrong:
            return _generation(talk, reply, value)
        if reply.mode is Mode.SCHEMA and not form.was_enforced(reply.text):
            # This server takes a schema and does not look at it: from now on the model sees it.
            await talk.weaken(Mode.SCHEMA)
        mend = MEND.format(faults="\n".join(one.told for one in wrong))
        said = [
            *messages,
            Message(role="assistant", text=reply.text or "(nothing)"),
            Message(role="user", text=mend),
        ]
    raise MalformedRecordError(
        f"{talk.config.model} gave twice what is not valid by the schema: "
        + "; ".join(map(str, wrong)),
        cure="set a model that is better at this, or ask for something simpler",
    )


def _generation(talk: Talk, reply: Reply, value: Any) -> Generation:
    return Generation(
        text=reply.text,
        value=value,
        model=reply.model,
        tokens_in=talk.tokens_in,
        tokens_out=talk.tokens_out,
        cost=None if talk.cost is None else talk.cost / 1e6,
    )
