"""Who may do what: every route states its action, and nothing runs before it was allowed.

    router = Router(prefix="/api/v1", tags=["content"])

    @router.get("/items/{item_id}", action="content:read", problems=(404,))
    async def show_item(request: Request, item_id: str) -> Response:
        row = await hub_of(request).database.read_one(ITEM, call_of(request), id=item_id)

A router carries its whole prefix. Path and query parameters are validated as FastAPI declares
them; a handler that takes nothing else runs without FastAPI's dependency machinery, which costs
more than a read from SQLite (``docs/decisions/0003-access.md``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fastapi import APIRouter
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from bloop_sdk import BloopError, Call, PrincipalKind, Role

if TYPE_CHECKING:
    from bloop.accounts.sessions import Sessions
    from bloop.jobs import Jobs
    from bloop.kernel import Kernel
    from bloop.kernel.config import LoadedConfig
    from bloop.store.blobs import Blobs
    from bloop.store.database import Database

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

VISIT = "hub:visit"
"""What everybody may do who reaches the hub at all: look whether it is alive, and log in."""

ACTIONS: dict[str, Role] = {
    VISIT: Role.GUEST,
    "account:read": Role.LEARNER,
    "account:write": Role.LEARNER,
    "config:read": Role.OPERATOR,
    "connections:read": Role.ADMIN,
    "connections:write": Role.ADMIN,
    "content:export": Role.EDUCATOR,
    "content:import": Role.EDUCATOR,
    "content:publish": Role.EDUCATOR,
    "content:read": Role.GUEST,
    "content:write": Role.EDUCATOR,
    "institutions:read": Role.LEARNER,
    "institutions:write": Role.OPERATOR,
    "jobs:cancel": Role.EDUCATOR,
    "jobs:read": Role.EDUCATOR,
    "ops:read": Role.OPERATOR,
    "plugins:enable": Role.ADMIN,
    "plugins:read": Role.ADMIN,
    "plugins:toggle": Role.OPERATOR,
}
"""The least role that has each action. Plugins add theirs while they are loaded."""

GUEST_SCOPES = frozenset({VISIT, "content:read"})
"""What a guest may do where ``[access] guests`` is ``read``; published content only."""

STRANGER_SCOPES = frozenset({VISIT})
"""What somebody without an account may do anywhere else."""

DEADLINE_SECONDS = 30.0
"""How long a request may take where its route says nothing else."""

_RANK = {role: rank for rank, role in enumerate(Role)}
_CACHED_QUERIES = 512


class LoginRequiredError(BloopError):
    """Nobody is logged in, and guests may not do this."""

    code = "login_required"


class ForbiddenError(BloopError):
    """The principal's role or token does not have this action."""

    code = "forbidden"


def may(call: Call, action: str) -> bool:
    """Whether this call's principal has an action; unknown actions nobody has."""
    least = ACTIONS.get(action)
    principal = call.principal
    if least is None or _RANK[principal.role] < _RANK[least]:
        return False
    return principal.scopes is None or action in principal.scopes or action == VISIT


def require(call: Call, action: str) -> None:
    """Raise LoginRequiredError or ForbiddenError unless the principal has ``action``."""
    if may(call, action):
        return
    if call.principal.kind is PrincipalKind.GUEST:
        raise LoginRequiredError(
            f"{action} needs an account", cure="log in, or send Authorization: Bearer <token>"
        )
    least = ACTIONS.get(action)
    raise ForbiddenError(
        f"a {call.principal.role} may not {action}",
        cure=f"ask somebody who is {least} or more" if least else None,
    )


class HubParts(Protocol):
    """What a handler can reach of the hub; :class:`bloop.hub.Hub` has it."""

    @property
    def config(self) -> LoadedConfig:
        """The settings in force."""
        ...

    @property
    def database(self) -> Database:
        """Units of work and registered reads."""
        ...

    @property
    def blobs(self) -> Blobs:
        """Bytes by their SHA-256."""
        ...

    @property
    def kernel(self) -> Kernel:
        """Plugins and their states."""
        ...

    @property
    def jobs(self) -> Jobs:
        """The ledger and its runner."""
        ...

    @property
    def sessions(self) -> Sessions:
        """Who holds which token."""
        ...

    @property
    def institution(self) -> str:
        """The institution of whoever has no account."""
        ...


def hub_of(request: Request) -> HubParts:
    """The hub that answers this request."""
    hub: HubParts = request.scope["bloop.hub"]
    return hub


def call_of(request: Request) -> Call:
    """Principal, institution and trace of this request."""
    call: Call = request.scope["bloop.call"]
    return call


class Route(APIRoute):
    """A route that knows its action.

    ``problems`` are the statuses that it can answer with besides those of every route, ``upload``
    lets its body be as long as a file may be, ``deadline`` is in seconds.
    """

    action: str
    problems: tuple[int, ...] = ()
    upload = False
    deadline: float | None = None

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        wants = self.dependant
        plain = (wants.header_params, wants.cookie_params, wants.body_params, wants.dependencies)
        others = (
            wants.response_param_name,
            wants.background_tasks_param_name,
            wants.security_scopes_param_name,
            wants.http_connection_param_name,
        )
        self._direct = (
            wants.request_param_name is not None
            and not any(plain)
            and not any(others)
            and all(field.field_info.annotation is str for field in wants.path_params)
            and all(not field.field_info.metadata for field in wants.path_params)
        )
        self._queries: dict[bytes, dict[str, Any]] = {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the action, then let FastAPI do the rest."""
        require(scope["bloop.call"], self.action)
        await super().handle(scope, receive, send)

    def direct_arguments(self, scope: Scope) -> dict[str, Any] | None:
        """The handler's arguments where path and query are all it takes and both are valid.

        None sends the request through FastAPI, which also words what is wrong with it.
        """
        if not self._direct:
            return None
        raw = scope["query_string"]
        found = self._queries.get(raw)
        if found is None:
            fields = self.dependant.query_params
            found, faults = request_params_to_args(fields, QueryParams(raw))
            if faults:
                return None
            if len(self._queries) >= _CACHED_QUERIES:
                self._queries.clear()
            self._queries[raw] = found
        return {**found, **scope["path_params"]}

    async def answer(self, arguments: dict[str, Any], request: Request) -> Any:
        """Call the handler with :meth:`direct_arguments`; the action was required before."""
        return await self.endpoint(**{str(self.dependant.request_param_name): request}, **arguments)


class Router(APIRouter):
    """Routes below one prefix, each with the action it needs."""

    def __init__(self, *, prefix: str = "", tags: Sequence[str] = (), **options: Any) -> None:
        super().__init__(prefix=prefix, tags=list(tags), route_class=Route, **options)

    def add(
        self,
        path: str,
        handler: Callable[..., Any],
        *,
        methods: Iterable[str],
        action: str,
        problems: Sequence[int] = (),
        upload: bool = False,
        deadline: float | None = DEADLINE_SECONDS,
        **options: Any,
    ) -> None:
        """Add a route; raises ValueError for an action that is not in :data:`ACTIONS`.

        A route that streams says ``deadline=None``; one with ``upload`` has none either.
        """
        if action not in ACTIONS:
            raise ValueError(f"{self.prefix}{path}: unknown action {action!r}; add it to ACTIONS")
        options.setdefault("response_model", None)
        self.add_api_route(path, handler, methods=list(methods), **options)
        route = self.routes[-1]
        assert isinstance(route, Route)
        route.action = action
        route.problems = tuple(problems)
        route.upload = upload
        route.deadline = None if upload else deadline

    def _decorator(
        self, method: str, path: str, action: str, options: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.add(path, handler, methods=(method,), action=action, **options)
            return handler

        return register

    def get(  # type: ignore[override]
        self, path: str, *, action: str, **options: Any
    ) -> Callable[[Handler], Handler]:
        """A read; options as in FastAPI, and ``problems``."""
        return self._decorator("GET", path, action, options)

    def post(  # type: ignore[override]
        self, path: str, *, action: str, **options: Any
    ) -> Callable[[Handler], Handler]:
        """Something new, or an act."""
        return self._decorator("POST", path, action, options)

    def put(  # type: ignore[override]
        self, path: str, *, action: str, **options: Any
    ) -> Callable[[Handler], Handler]:
        """The whole of something."""
        return self._decorator("PUT", path, action, options)

    def patch(  # type: ignore[override]
        self, path: str, *, action: str, **options: Any
    ) -> Callable[[Handler], Handler]:
        """A part of something."""
        return self._decorator("PATCH", path, action, options)

    def delete(  # type: ignore[override]
        self, path: str, *, action: str, **options: Any
    ) -> Callable[[Handler], Handler]:
        """The end of something."""
        return self._decorator("DELETE", path, action, options)


def unguarded(routes: Sequence[BaseRoute]) -> list[str]:
    """The routes that state no action: an app refuses to start with any."""
    return [
        f"{sorted(context.methods or ())} {context.path}"
        for context in iter_route_contexts(routes)
        if not isinstance(context.original_route, Route)
        or context.original_route.__dict__.get("action") not in ACTIONS
    ]
