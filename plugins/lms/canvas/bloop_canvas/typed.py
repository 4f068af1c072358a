"""canvasapi, for the few calls where its objects help. Its requests go the way of all others.

It has no time-outs, no tries and no renewal of tokens: all of that is the hub's client's and
:class:`bloop_canvas.api.Api`'s, below it. Lists are not read with it: it walks them one by one, and
makes an object of each thing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from bloop_canvas.api import Api, read_json
from bloop_sdk import ConnectionContext, Request, Response
from bloop_sdk.http import Answer
from bloop_sdk.records import JSONObject

if TYPE_CHECKING:
    from canvasapi.requester import Requester

T = TypeVar("T")


class Typed:
    """canvasapi's objects over one :class:`Api`, whose token and errors are theirs."""

    def __init__(self, ctx: ConnectionContext, api: Api) -> None:
        self._ctx = ctx
        self._api = api

    async def me(self) -> JSONObject:
        """Whose token it is."""
        from canvasapi.current_user import CurrentUser

        found = await self._run(CurrentUser)
        return {"id": found.id, "name": getattr(found, "name", None)}

    async def grade(self, course: str, assignment: str, user: str, changes: dict[str, Any]) -> None:
        """Change a submission; ``changes`` are Canvas's parameters, ``submission`` and so on."""
        from canvasapi.submission import Submission

        where = {"course_id": course, "assignment_id": assignment, "user_id": user}
        await self._run(lambda requester: Submission(requester, where).edit(**changes))

    async def _run(self, call: Callable[[Requester], T]) -> T:
        from canvasapi.requester import Requester

        from bloop_sdk.bridges.requests import session

        base = self._api.url("/api/").removesuffix("/api/")
        requester = Requester(base, "signed below")
        requester._session = session(_Through(self._api))  # noqa: SLF001 - it takes none
        return await self._ctx.run_sync(call, requester)


class _Through:
    """An HttpClient for the bridge: what canvasapi asks for is signed and judged as ours is."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def send(self, request: Request) -> Response:
        """As :meth:`Api.send`, and JSON; a write may hold a comment, and is not sent twice."""
        headers = {n: v for n, v in request.headers.items() if n.lower() != "authorization"}
        once = request.method != "GET"
        sent = dataclasses.replace(request, headers=headers, once=once)
        response = await self._api.send(sent)
        read_json(response)
        return response

    def stream(self, request: Request) -> AsyncIterator[bytes]:
        """Nothing is streamed here."""
        raise NotImplementedError(request.method)

    @asynccontextmanager
    async def exchange(self, request: Request) -> AsyncGenerator[Answer, None]:
        """A whole answer; raises where it is none."""
        response = await self.send(request)

        async def chunks() -> AsyncGenerator[bytes, Any]:
            yield response.body

        yield Answer(response.status, response.headers, chunks())
