"""The ``notes`` provider: what the hub calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from bloop_onenote import writing
from bloop_onenote.api import OneNote
from bloop_onenote.begun import Begun
from bloop_onenote.config import OneNoteConfig
from bloop_onenote.fetching import fetch
from bloop_onenote.graph.client import Graph
from bloop_onenote.graph.tokens import Tokens
from bloop_onenote.links import Links
from bloop_onenote.reading import (
    CURSOR_VERSION,
    NOTEBOOKS,
    PAGES,
    Reading,
    read_pages,
)
from bloop_onenote.records import container
from bloop_sdk import (
    Authorization,
    Batch,
    CheckResult,
    ConnectionContext,
    Container,
    Cursor,
    DeviceLogin,
    Hint,
    Partition,
    Precondition,
    ProviderSpec,
    Ref,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)


class OneNoteProvider:
    """The notebooks of one person."""

    def __init__(self, ctx: ConnectionContext) -> None:
        config = ctx.config
        assert isinstance(config, OneNoteConfig)
        kept = config.login.get_secret_value() if config.login else None
        self._config = config
        self._tokens = Tokens(config.app, ctx, "login", kept)
        self._onenote = OneNote(Graph(ctx.http, self._tokens))
        self._reading = Reading(self._onenote, Links(ctx), Begun(ctx))
        self._writes = frozenset() if config.read_only else frozenset(map(str, writing.WRITES))

    def spec(self) -> ProviderSpec:
        """The notebooks, then all of each."""
        return ProviderSpec(streams=(NOTEBOOKS, PAGES), writes=self._writes)

    async def check(self) -> CheckResult:
        """Who has logged in, and whether OneNote lists their notebooks."""
        who = await self._onenote.me()
        await self._reading.notebooks()
        name = who.get("userPrincipalName") or who.get("displayName") or who.get("id")
        return CheckResult(account=str(name), site="OneNote")

    async def discover(self) -> Sequence[Container]:
        """The notebooks to choose from."""
        return [container(one) for one in (await self._reading.notebooks()).values()]

    def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """A stream from a cursor on; one that an older version of this plugin left begins anew."""
        if state is not None and state.version != CURSOR_VERSION:
            state = None
        if partition.stream == NOTEBOOKS.name:
            return self._reading.containers()
        if partition.stream != PAGES.name or partition.container is None:
            raise UnsupportedError(f"OneNote has no stream {partition.stream!r} of a notebook")
        return read_pages(self._reading, partition, state)

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """The current state of some records."""
        return await fetch(self._reading, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Make, change or delete a page; see :mod:`bloop_onenote.writing`."""
        if self._config.read_only and op.kind in writing.WRITES:
            raise UnsupportedError(
                f"{op.kind}: this connection only reads",
                cure="switch read_only off, and log in again",
            )
        return await writing.write(self._reading, op, precondition)

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """OneNote sends none."""
        del request
        raise UnsupportedError("OneNote sends no webhooks", cure="let it be read by a schedule")

    def can_authorize(self) -> bool:
        """Whether there is a secret, without which no browser is sent back."""
        return self._config.client_secret is not None

    def authorize_url(self, request: Authorization) -> str:
        """Microsoft's page that asks the person."""
        return self._tokens.authorize_url(request)

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """The login that a browser brought back."""
        return await self._tokens.exchange(request, params)

    def can_authorize_device(self) -> bool:
        """Always: it needs no secret."""
        return True

    async def begin_device(self) -> DeviceLogin:
        """Ask Microsoft for a code."""
        return await self._tokens.begin_device()

    async def poll_device(self, login: DeviceLogin) -> Mapping[str, str | None] | None:
        """The login, once the code was typed."""
        return await self._tokens.poll_device(login)
