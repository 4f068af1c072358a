"""The ``notes`` provider: what the hub calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from bloop_notion import checking, events, fetching, notes, oauth
from bloop_notion.api import Api
from bloop_notion.config import NotionConfig
from bloop_notion.reading import Reading
from bloop_notion.writing import WRITES, Writing
from bloop_sdk import (
    Authorization,
    Batch,
    CheckResult,
    ConnectionContext,
    Container,
    Cursor,
    Deletes,
    Hint,
    Kind,
    Partition,
    Precondition,
    ProviderSpec,
    Ref,
    Stream,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)

WORKSPACE = Stream(name="workspace", kinds=frozenset({Kind.NOTEBOOK}), deletes=Deletes.ENUMERATE)
PAGES = Stream(
    name="pages",
    kinds=frozenset({Kind.MODULE, Kind.NOTE, Kind.FILE}),
    deletes=Deletes.ENUMERATE,
    partitioned=True,
)


class NotionProvider:
    """One workspace with one integration."""

    def __init__(self, ctx: ConnectionContext) -> None:
        config = ctx.config
        assert isinstance(config, NotionConfig)
        self._ctx = ctx
        self._config = config
        self._reading = Reading(ctx, Api(ctx, config))

    def spec(self) -> ProviderSpec:
        """The workspace, then everything in it."""
        return ProviderSpec(streams=(WORKSPACE, PAGES), writes=WRITES, webhooks=True)

    async def check(self) -> CheckResult:
        """Which workspace and bot it is, and what the integration may not do."""
        return await checking.check(self._config, self._reading)

    async def discover(self) -> Sequence[Container]:
        """The one workspace."""
        return [notes.container(await self._reading.me())]

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncGenerator[Batch, None]:
        """A stream. Where one was broken off, what was kept of it is known by its parts."""
        del state
        if partition.stream == WORKSPACE.name:
            yield Batch(records=(notes.container(await self._reading.me()),))
            return
        if partition.stream != PAGES.name or partition.container is None:
            raise UnsupportedError(f"Notion has no stream {partition.stream!r}")
        async for batch in self._reading.all(partition.container, partition.known):
            yield batch

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """The current state of some records."""
        return await fetching.fetch(self._reading, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Make, edit, move or delete a note, or send a file; see :mod:`bloop_notion.writing`."""
        return await Writing(self._reading).write(op, precondition)

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """What a signed event hints at."""
        return events.hints(self._ctx, self._config, request)

    async def subscribe(self, request: WebhookRequest) -> bool:
        """Keep the token of a new subscription."""
        return await events.subscribe(self._ctx, self._config, request)

    def to_confirm(self) -> str | None:
        """The token that Notion waits for."""
        return events.to_confirm(self._ctx, self._config)

    def can_authorize(self) -> bool:
        """Whether there is a public integration to log in with."""
        return self._config.client_id is not None and self._config.client_secret is not None

    def authorize_url(self, request: Authorization) -> str:
        """Notion's page that asks which pages are shared."""
        return oauth.authorize_url(self._config, request)

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """The tokens that a login brought."""
        return await oauth.exchange(self._ctx.http, self._config, request, params)
