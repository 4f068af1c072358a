"""The app factory: routers in, one guarded FastAPI app out."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.types import ASGIApp

from bloop.accounts.access import HubParts, Route, Router, unguarded
from bloop.accounts.routes import router as accounts
from bloop.api.access_log import AccessLog
from bloop.api.edge import Edge
from bloop.api.health import router as health
from bloop.api.openapi import router as openapi
from bloop.api.route_table import RouteTable
from bloop.api.visitors import Visitors

ROUTERS: tuple[Router, ...] = (health, openapi, accounts)


class HubApp(FastAPI):
    """FastAPI with the hub's own way in: see :mod:`bloop.api.edge`."""

    edge: Edge

    def build_middleware_stack(self) -> ASGIApp:
        """Put the edge in front of the router; what is raised is worded there."""
        return self.edge


def create_app(hub: HubParts, *, extra: Sequence[Router] = ()) -> HubApp:
    """The app of a hub, with ``extra`` routers (pages). Starting and stopping the hub is yours.

    Raises RuntimeError when a route states no action.
    """
    app = HubApp(
        title="Bloop",
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    for router in (*ROUTERS, *extra):
        app.router.routes.extend(router.routes)
    if open_routes := unguarded(app.routes):
        raise RuntimeError(f"these routes state no action: {', '.join(open_routes)}")
    app.state.hub = hub
    table = RouteTable(route for route in app.routes if isinstance(route, Route))
    app.edge = Edge(
        app.router,
        table,
        Visitors(hub),
        AccessLog(hub.config.value.log),
        upload_bytes=hub.config.value.limits.upload_bytes,
    )
    return app
