"""The ``lms`` provider: what the hub calls."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from bloop_canvas import checking, events, fetching, oauth, writing
from bloop_canvas.api import Api, read_json
from bloop_canvas.config import CanvasConfig
from bloop_canvas.lists import all_courses
from bloop_canvas.paging import AT_ONCE
from bloop_canvas.reading import CURSOR_VERSION, Reading, links_of_keys
from bloop_canvas.streams import COURSES, PARTS, STREAMS
from bloop_canvas.typed import Typed
from bloop_sdk import (
    AuthError,
    Authorization,
    Batch,
    BloopError,
    CheckResult,
    ConnectionContext,
    Container,
    Cursor,
    Hint,
    Partition,
    Precondition,
    ProviderSpec,
    Ref,
    Request,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)

KEYS = "live_event_keys"


class CanvasProvider:
    """One Canvas with one credential."""

    def __init__(self, ctx: ConnectionContext) -> None:
        config = ctx.config
        assert isinstance(config, CanvasConfig)
        self._ctx = ctx
        self._config = config
        self._api = Api(ctx, config)
        self._typed = Typed(ctx, self._api)
        self._reading = Reading(self._api, config)

    def spec(self) -> ProviderSpec:
        """The courses, then everything of each; grades can be written."""
        return ProviderSpec(
            streams=STREAMS,
            writes=frozenset({writing.GRADE}),
            webhooks=self._config.live_events,
        )

    async def check(self) -> CheckResult:
        """Who the credential is, and what it may not do; fetches the keys of live events."""
        result = await checking.check(self._reading, self._typed)
        if self._config.live_events:
            await self._fetch_keys()
        return result

    async def discover(self) -> Sequence[Container]:
        """The courses to choose from."""
        return [
            record
            async for batch in all_courses(self._reading, None)
            for record in batch.records
            if isinstance(record, Container)
        ]

    def read(self, partition: Partition, state: Cursor | None) -> AsyncGenerator[Batch, None]:
        """A stream from a cursor on; one that an older version of this plugin left begins anew."""
        if state is not None and state.version != CURSOR_VERSION:
            state = None
        if partition.stream == COURSES.name:
            return all_courses(self._reading, state)
        part = PARTS.get(partition.stream)
        if part is None or partition.container is None:
            raise UnsupportedError(f"Canvas has no stream {partition.stream!r} of a course")
        return part.read(
            self._reading, self._reading.place(partition.container, partition.known), state
        )

    def ahead(self, partitions: Sequence[Partition]) -> None:
        """Ask for the first pages of the lists that are read next, and for those known behind."""
        lists, links = [], list[str]()
        for one in partitions:
            part = PARTS.get(one.stream)
            if part is not None and part.first is not None:
                path, params = part.first
                lists.append((f"courses/{one.container}/{path}", params))
                links += links_of_keys(one.known)
        self._api.ahead(lists, links[:AT_ONCE])

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """The current state of some records."""
        return await fetching.fetch(self._reading, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Write a grade; see :mod:`bloop_canvas.writing`."""
        return await writing.write(self._api, self._typed, op, precondition)

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """What a signed live event hints at."""
        if not self._config.live_events:
            raise UnsupportedError(
                "live events are off for this connection", cure="set live_events of the connection"
            )
        return events.hints(self._config.base, self._keys(), request)

    def can_authorize(self) -> bool:
        """Whether there is a developer key to log in with."""
        return self._config.client_id is not None and self._config.client_secret is not None

    def authorize_url(self, request: Authorization) -> str:
        """Canvas's page that asks the person."""
        return oauth.authorize_url(self._config, request)

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """The tokens that a login brought."""
        return await oauth.exchange(self._ctx.http, self._config, request, params)

    def _keys(self) -> Any:
        given = self._config.live_event_keys
        if given is None:
            given = self._ctx.store.get(KEYS)
        try:
            keys = json.loads(given or "")
        except ValueError:
            keys = None
        if not isinstance(keys, dict):
            raise AuthError(
                "there are no keys yet to verify live events with",
                cure="check the connection: that fetches them",
            )
        return keys

    async def _fetch_keys(self) -> None:
        """Keep the published keys; that they cannot be had now costs hints, and no check."""
        if self._config.live_event_keys is not None:
            return
        try:
            response = await self._ctx.http.send(Request(url=events.KEYS_URL))
            self._ctx.store.set(KEYS, json.dumps(read_json(response)))
        except BloopError as err:
            self._ctx.log.warning("keys of live events could not be fetched", error=err.message)
