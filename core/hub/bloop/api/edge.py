"""The one middleware: everything that holds for every request, in one pass over its headers.

Host -> trace -> principal -> route -> action -> proof -> cross-site check -> size -> idempotency
key -> handler within its deadline; then headers, metrics and the access log. Whatever is raised
becomes a problem document.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from bloop.accounts.access import Route
from bloop.accounts.actions import may, refusal
from bloop.accounts.mfa.guard import require_proof
from bloop.api import security
from bloop.api.access_log import AccessLog
from bloop.api.compression import compressing, takes_gzip
from bloop.api.deadlines import Deadlines
from bloop.api.problems import BodyTooLargeError, answer, describe
from bloop.api.rate_limits import RateLimits
from bloop.api.route_table import RouteTable
from bloop.api.visitors import Visitors
from bloop.kernel.faults import contained
from bloop.kernel.faults import describe as told

if TYPE_CHECKING:
    from bloop.api.idempotency import Idempotency

BODY_BYTES = 1024 * 1024
"""The longest body of a route that takes no upload."""

ErrorPage = Callable[[Request, Any], Awaitable[Response]]


class Edge:
    """The ASGI app: routes behind everything that holds for all of them.

    ``error_page`` words problems for browsers. With ``complete`` set, a path that is not known yet
    waits for the rest of the routes rather than be told that nothing is there.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        visitors: Visitors,
        log: AccessLog,
        *,
        upload_bytes: int,
        rates: RateLimits | None = None,
        error_page: ErrorPage | None = None,
    ) -> None:
        self.visitors = visitors
        self.log = log
        self.upload_bytes = upload_bytes
        self.rates = rates
        self.error_page = error_page
        self.complete: Awaitable[None] | None = None
        self.deadlines = Deadlines()
        self.use(routes)

    @cached_property
    def idempotency(self) -> Idempotency:
        """Answers requests that carry a key; imported with the first of them."""
        from bloop.api.idempotency import Idempotency

        return Idempotency()

    def use(self, routes: Sequence[Route]) -> None:
        """Answer with these routes from now on."""
        self.routes = list(routes)
        self._table = RouteTable(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the hub does not speak {scope['type']}")
        started = time.perf_counter()
        head = security.read_head(scope)
        status = 500
        began = False

        async def mark(message: Message) -> None:
            nonlocal status, began
            if message["type"] == "http.response.start":
                began = True
                status = message["status"]
                message["headers"] = security.with_headers(message["headers"], scope, head)
            await send(message)

        deliver = compressing(mark) if takes_gzip(head) else mark
        try:
            await self._answer(scope, receive, deliver, head)
        except BaseException as raised:
            # The last place that can answer; a plugin's SystemExit would end the hub.
            if not contained(raised):
                raise
            error = raised if isinstance(raised, Exception) else RuntimeError(told(raised))
            self._note(error, scope)
            if not began:
                problem = await self._problem(error, scope, receive, head)
                await problem(scope, receive, deliver)
        finally:
            self.log.record(scope, status, time.perf_counter() - started)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, head: security.Head
    ) -> None:
        scope["bloop.edge"] = self
        await self.visitors.welcome(scope, head)
        if self.complete is not None and self._table.find(scope["path"]) is None:
            await asyncio.shield(self.complete)
        route = self._find(scope)
        call = scope["bloop.call"]
        if self.rates is not None:
            await self.rates.welcome(route, scope, call)
        if not may(call, route.action) and not (route.also and await route.also(Request(scope))):
            raise refusal(call, route.action)
        require_proof(route, scope.get("bloop.holder"))
        if head.unsafe:
            receive = await self.visitors.refuse_cross_site(scope, head, receive, route)
            receive = self._bounded(receive, head, route)
            scope["bloop.begun"] = True  # From here on the body is the handler's.
            if b"idempotency-key" in head.fields and not route.answers_again:
                work = self.idempotency.answer(route, scope, receive, send, head, self._run)
                await self.deadlines.within(route.deadline, work)
                return
        await self.deadlines.within(route.deadline, self._run(route, scope, receive, send))

    async def _run(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        arguments = route.direct_arguments(scope)
        if arguments is not None:
            response = await route.answer(arguments, Request(scope, receive, send))
            await response(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}  # The server leaves the body out.
        async with AsyncExitStack() as stack:
            scope["fastapi_middleware_astack"] = stack
            await route.handle(scope, receive, send)

    def _find(self, scope: Scope) -> Route:
        """The route of this request; raises 404, or 405 where only other methods have one."""
        found = self._table.find(scope["path"])
        if found is None:
            raise HTTPException(404, f"nothing is at {scope['path'][:200]}")
        method = scope["method"]
        target = found.targets.get("GET" if method == "HEAD" else method)
        if target is None:
            allowed = ", ".join(sorted(found.targets))
            raise HTTPException(405, f"{method} is not for {scope['path']}", {"allow": allowed})
        scope["path_params"] = dict(zip(target.names, found.values, strict=True))
        scope["bloop.route"] = target.route
        return target.route

    def _bounded(self, receive: Receive, head: security.Head, route: Route) -> Receive:
        limit = self.upload_bytes if route.upload else BODY_BYTES
        if head.length is not None:
            if head.length > limit:
                raise _too_large(limit)
            return receive  # The server ends a body at its announced length.
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _too_large(limit)
            return message

        return counted

    async def _problem(
        self, error: Exception, scope: Scope, receive: Receive, head: security.Head
    ) -> Response:
        problem, headers = describe(error, head.trace.trace_id)
        if self.error_page is not None and head.wants_page:
            page = await self.error_page(Request(scope, receive), problem)
            page.headers.update(headers)
            return page
        return answer(problem, headers)

    def _note(self, error: Exception, scope: Scope) -> None:
        problem, _ = describe(error, "")
        self.log.failed(scope, error, problem.status)


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"the body is longer than {limit} bytes",
        cure="send less; [limits] upload_bytes in hub.toml bounds files",
    )
