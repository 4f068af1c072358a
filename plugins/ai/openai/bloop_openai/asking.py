"""Requests to the server: asked as it likes to be, and counted whatever comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import openai
from openai.types.chat import ChatCompletion

from bloop_openai import faults, replies, usage
from bloop_openai.answers import Form
from bloop_openai.client import open_client
from bloop_openai.config import OpenAIConfig
from bloop_openai.replies import Counted
from bloop_openai.server import Habits, Mode, habits_of, keep_habits
from bloop_sdk import CallContext, MalformedRecordError, RetriableError
from bloop_sdk.providers.ai import Message

WEAKER = {Mode.SCHEMA: Mode.JSON, Mode.JSON: Mode.NONE}
LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
# Why an answer ended that is not whole: OpenAI's reasons, and those of Mistral, DeepSeek, Z.AI,
# OpenRouter and vLLM. What others call their "stop" is not known, and so an answer.
CUT = frozenset({"length", "model_length", "model_context_window_exceeded"})
FILTERED = frozenset({"content_filter", "sensitive"})
BROKEN = frozenset({"abort", "error", "insufficient_system_resource", "network_error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer, and in which mode it was asked for."""

    text: str
    model: str
    mode: Mode


class Talk:
    """One call's requests; ``tokens_in``, ``tokens_out`` and ``cost`` are their sums."""

    def __init__(self, ctx: CallContext, config: OpenAIConfig, max_tokens: int) -> None:
        self.config = config
        self.tokens_in = 0
        self.tokens_out = 0
        self.cost: int | None = None
        self._ctx = ctx
        self._max_tokens = max_tokens
        self._client = open_client(ctx, config)
        self._habits: Habits | None = None
        self._other_limit = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(self, messages: Sequence[Message], form: Form | None = None) -> Reply:
        """A whole answer.

        Raises the contract's errors, and MalformedRecordError for an empty one; where a form is
        asked for, that is told off as any other answer that has not got it.
        """
        found, mode = await self._create(messages, form)
        await self._count(replies.counted(found, messages))
        choice = replies.choice_of(found)
        if choice.refused:
            raise faults.refused(self.config)
        self._check(choice.finish)
        if not choice.text.strip() and form is None:
            raise MalformedRecordError(
                f"{self.config.model} gave an empty answer", cure="try again, or set another model"
            )
        model = found.model if isinstance(found.model, str) else ""
        return Reply(text=choice.text, model=model or self.config.model, mode=mode)

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
        """The pieces of an answer; raises after them where it is not whole."""
        chunks, _ = await self._create(messages, streamed=True)
        counted = Counted(tokens_in=replies.guess(messages))
        finish, refused = "", False
        try:
            with faults.translated(self.config, messages):
                async for chunk in chunks:
                    choice = replies.piece_of(chunk)
                    finish, refused = choice.finish or finish, refused or choice.refused
                    counted.wrote(choice.text)
                    counted.told(getattr(chunk, "usage", None))
                    if choice.text:
                        yield choice.text
        finally:
            await chunks.close()
            await self._count(counted, failed=refused or finish != "stop")
        if refused:
            raise faults.refused(self.config)
        if not finish:
            raise faults.broken(self.config)
        self._check(finish)

    async def weaken(self, mode: Mode) -> bool:
        """Ask this server in a weaker mode from now on; False where that is not for us to say."""
        habits = await self._known()
        if self.config.structured != "auto" or mode not in WEAKER:
            return False
        await self._learn(replace(habits, mode=WEAKER[mode]))
        return True

    async def _create(
        self, messages: Sequence[Message], form: Form | None = None, *, streamed: bool = False
    ) -> tuple[Any, Mode]:
        """What the SDK gives, asked again as often as there is another way that is not refused."""
        create: Any = self._client.chat.completions.create
        while True:
            mode = await self._mode(form)
            options = await self._options(messages, form, mode, streamed=streamed)
            await usage.check_budget(self._ctx, self.config)
            with faults.translated(self.config, messages):
                try:
                    return self._expected(await create(**options), streamed=streamed), mode
                except openai.APIStatusError as err:
                    if not await self._adapted(err, mode):
                        raise
                except (openai.APIConnectionError, RetriableError, asyncio.CancelledError) as err:
                    # Who is asked does not stop when we no longer hear of it.
                    if faults.was_sent(err):
                        await self._count(Counted(tokens_in=replies.guess(messages)), failed=True)
                    raise

    def _expected(self, found: Any, *, streamed: bool) -> Any:
        """What the SDK gives where a server speaks as it should; else it gives texts or nothing."""
        if not streamed:
            sound = isinstance(found, ChatCompletion)
        else:
            kind = found.response.headers.get("content-type", "")
            sound = kind.startswith("text/event-stream")
        if not sound:
            raise faults.garbled(self.config, "something else than the API's JSON")
        return found

    async def _options(
        self, messages: Sequence[Message], form: Form | None, mode: Mode, *, streamed: bool
    ) -> dict[str, Any]:
        habits = await self._known()
        options: dict[str, Any] = {
            "model": self.config.model,
            "messages": _shown(messages, form, mode),
            habits.limit: self._max_tokens,
        }
        if self.config.is_openai:
            # Of newer accounts OpenAI keeps prompts and answers, unless it is told not to.
            options["store"] = False
        if form and mode is Mode.SCHEMA:
            schema = {"name": "answer", "strict": True, "schema": form.strict}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif form and mode is Mode.JSON:
            options["response_format"] = {"type": "json_object"}
        if streamed:
            options["stream"] = True
            if habits.counts_streams:
                options["stream_options"] = {"include_usage": True}
        return options

    async def _adapted(self, err: openai.APIStatusError, mode: Mode) -> bool:
        """Whether a refusal is about the way of asking, and there is another one."""
        habits = await self._known()
        if faults.is_about(err, habits.limit) and self._other_limit:
            self._other_limit = False
            await self._learn(replace(habits, limit=LIMITS[habits.limit]))
            return True
        if faults.is_about(err, "stream_options") and habits.counts_streams:
            await self._learn(replace(habits, counts_streams=False))
            return True
        return faults.is_about_format(err) and await self.weaken(mode)

    async def _mode(self, form: Form | None) -> Mode:
        if form is None:
            return Mode.NONE
        habits = await self._known()
        mode = habits.mode if self.config.structured == "auto" else Mode(self.config.structured)
        return Mode.JSON if mode is Mode.SCHEMA and form.strict is None else mode

    async def _known(self) -> Habits:
        if self._habits is None:
            self._habits = await habits_of(self._ctx, self.config)
        return self._habits

    async def _learn(self, habits: Habits) -> None:
        self._habits = habits
        await keep_habits(self._ctx, self.config, habits)

    async def _count(self, counted: Counted, *, failed: bool = False) -> None:
        """Commit what a request has used, before anybody looks at what it gave."""
        self.tokens_in += counted.tokens_in
        self.tokens_out += counted.tokens_out
        cost = await usage.keep(
            self._ctx, self.config, counted.tokens_in, counted.tokens_out, failed=failed
        )
        if cost is not None:
            self.cost = (self.cost or 0) + cost

    def _check(self, finish: str) -> None:
        if finish in CUT:
            raise faults.cut(self.config, self._max_tokens)
        if finish in FILTERED:
            raise faults.filtered(self.config)
        if finish in BROKEN:
            raise faults.broken(self.config, finish)


def _shown(messages: Sequence[Message], form: Form | None, mode: Mode) -> list[dict[str, str]]:
    """What is sent; a model that no schema binds is told of it at the beginning."""
    sent = [{"role": one.role, "content": replies.sendable(one.text)} for one in messages]
    if form is None or mode is Mode.SCHEMA:
        return sent
    # Templates of many models know one message of the system, and at the beginning alone.
    first = sent.pop(0)["content"] + "\n\n" if sent[0]["role"] == "system" else ""
    return [{"role": "system", "content": first + form.instruction}, *sent]
