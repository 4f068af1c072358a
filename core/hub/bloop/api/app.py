"""The app factory: routers in, one guarded FastAPI app out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from bloop.accounts.access import HubParts, Route, Router
from bloop.accounts.routes import router as accounts
from bloop.api.access_log import AccessLog
from bloop.api.edge import Edge
from bloop.api.health import router as health
from bloop.api.jobs import router as jobs
from bloop.api.openapi import document
from bloop.api.openapi import router as openapi
from bloop.api.plugins import router as plugins
from bloop.api.route_table import RouteTable
from bloop.api.visitors import Visitors
from bloop.content.routes import router as content

ROUTERS: tuple[Router, ...] = (health, openapi, accounts, content, plugins, jobs)


class HubApp(FastAPI):
    """FastAPI with the hub's own way in: see :mod:`bloop.api.edge`.

    Routes come from routers whose every route states its action. ``app.get`` and its kin are
    closed, since what they add would be open to everybody.
    """

    edge: Edge
    guarded: list[Route]

    def build_middleware_stack(self) -> ASGIApp:
        """Put the edge in front; what is raised is worded there."""
        if self.router.routes:
            paths = ", ".join(str(getattr(route, "path", route)) for route in self.router.routes)
            raise RuntimeError(f"these routes state no action: {paths}; use a Router")
        return self.edge

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return document(self.guarded)


def create_app(hub: HubParts, *, extra: Sequence[Router] = ()) -> HubApp:
    """The app of a hub, with ``extra`` routers (pages). Starting and stopping the hub is yours."""
    app = HubApp(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.guarded = [route for router in (*ROUTERS, *extra) for route in router.routes]
    app.state.hub = hub
    config = hub.config.value
    app.edge = Edge(
        RouteTable(app.guarded),
        Visitors(hub),
        AccessLog(config.log),
        upload_bytes=config.limits.upload_bytes,
    )
    return app
