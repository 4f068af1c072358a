"""A hub as a FastAPI app."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from bloop.api.edge import Edge
from bloop.api.openapi import document


class HubApp(FastAPI):
    """FastAPI with the hub's own way in.

    ``app.get`` and its kin are closed, since what they add would be open to everybody: routes come
    from routers whose every route states its action.
    """

    def __init__(self, edge: Edge) -> None:
        super().__init__(
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        )
        self.edge = edge

    def build_middleware_stack(self) -> ASGIApp:
        """Put the edge in front; what is raised is worded there."""
        if self.router.routes:
            paths = ", ".join(str(getattr(route, "path", route)) for route in self.router.routes)
            raise RuntimeError(f"these routes state no action: {paths}; use a Router")
        return self.edge

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return document(self.edge.routes)
