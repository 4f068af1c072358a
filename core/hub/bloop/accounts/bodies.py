"""Bodies of requests as JSON, strictly: RFC 8259, UTF-8, no NaN, no half of a surrogate pair.

Python's own parser lets through what a database or an answer later chokes on.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response


class StrictRequest(Request):
    """A request whose body is read by orjson, which also bounds how deep it is nested."""

    async def json(self) -> Any:
        """The body; raises json.JSONDecodeError, of which orjson's error is a kind."""
        if not hasattr(self, "_strict_json"):
            self._strict_json = orjson.loads(await self.body())
        return self._strict_json


class StrictRoute(APIRoute):
    """FastAPI's route, with strict bodies."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, given a :class:`StrictRequest`."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictRequest(request.scope, request.receive))

        return strict
