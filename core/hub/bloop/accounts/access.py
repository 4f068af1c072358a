"""Who may do what: every route states its action, and nothing runs before it was allowed.

    router = Router(prefix="/api/v1", tags=["content"])

    @router.get("/items/{item_id}", action="content:read", problems=(404,))
    async def show_item(request: Request, item_id: str) -> Response:
        row = await hub_of(request).database.read_one(ITEM, call_of(request), id=item_id)

A router carries its whole prefix, and its paths read as FastAPI's. Parameters are declared and
validated as FastAPI does it; a handler that takes the request, path and query parameters alone runs
without FastAPI's dependency machinery, which costs more than a read from SQLite. A route is built
when it is first needed, since a hub has many and starts often (``docs/decisions/0003-access.md``).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from bloop_sdk import BloopError, Call, PrincipalKind, Role

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from bloop.accounts.sessions import Sessions
    from bloop.jobs import Jobs
    from bloop.kernel.config import LoadedConfig
    from bloop.kernel.kernel import Kernel
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


class Route:
    """One method at one path, with its action.

    ``problems`` are the statuses that it can answer with besides those of every route, ``upload``
    lets its body be as long as a file may be, ``deadline`` is in seconds. ``options`` are those of
    FastAPI; what only describes (``response_model``, ``responses``) costs nothing at the start.
    """

    def __init__(
        self,
        method: str,
        path: str,
        endpoint: Callable[..., Awaitable[Any]],
        *,
        action: str,
        problems: Sequence[int] = (),
        upload: bool = False,
        deadline: float | None = DEADLINE_SECONDS,
        **options: Any,
    ) -> None:
        if action not in ACTIONS:
            raise ValueError(f"{path}: unknown action {action!r}; add it to ACTIONS")
        self.method = method
        self.path = path
        self.endpoint = endpoint
        self.action = action
        self.problems = tuple(problems)
        self.upload = upload
        self.deadline = None if upload else deadline
        self.options = options
        self._queries: dict[bytes, dict[str, Any]] = {}

    @cached_property
    def api(self) -> APIRoute:
        """The same as FastAPI has it, without what only describes."""
        describing = {"response_model", "responses", "tags", "summary", "include_in_schema"}
        return self._built({k: v for k, v in self.options.items() if k not in describing})

    def described(self) -> APIRoute:
        """The same with all that OpenAPI says of it."""
        return self._built(self.options)

    def _built(self, options: dict[str, Any]) -> APIRoute:
        from fastapi.routing import APIRoute

        given = {"response_model": None} | options
        return APIRoute(self.path, self.endpoint, methods=[self.method], **given)

    @cached_property
    def _request_name(self) -> str | None:
        """The handler's name for the request; None where only FastAPI can find its arguments."""
        if self._takes_texts:
            return next(iter(inspect.signature(self.endpoint).parameters))
        wants = self.api.dependant
        others = (
            *(wants.header_params, wants.cookie_params, wants.body_params, wants.dependencies),
            wants.response_param_name,
            wants.background_tasks_param_name,
            wants.security_scopes_param_name,
            wants.http_connection_param_name,
            any(field.field_info.annotation is not str for field in wants.path_params),
            any(field.field_info.metadata for field in wants.path_params),
        )
        return None if any(others) else wants.request_param_name

    @cached_property
    def _takes_texts(self) -> bool:
        """Whether the handler takes the request and its path's parameters as they are."""
        names = inspect.signature(self.endpoint).parameters
        request, *others = (parameter.annotation for parameter in names.values())
        in_path = all(f"{{{name}" in self.path for name in list(names)[1:])
        texts = all(annotation in {str, "str"} for annotation in others)
        return request in {Request, "Request"} and in_path and texts

    def direct_arguments(self, scope: Scope) -> dict[str, Any] | None:
        """The handler's arguments where path and query are all it takes and both are valid.

        None sends the request through FastAPI, which also words what is wrong with it.
        """
        if self._request_name is None:
            return None
        if self._takes_texts:
            arguments: dict[str, Any] = scope["path_params"]
            return arguments
        raw = scope["query_string"]
        found = self._queries.get(raw)
        if found is None:
            found = self._parsed(raw)
            if found is None:
                return None
            if len(self._queries) >= _CACHED_QUERIES:
                self._queries.clear()
            self._queries[raw] = found
        return {**found, **scope["path_params"]}

    def _parsed(self, raw: bytes) -> dict[str, Any] | None:
        from fastapi.dependencies.utils import request_params_to_args
        from starlette.datastructures import QueryParams

        fields = self.api.dependant.query_params
        found, faults = request_params_to_args(fields, QueryParams(raw))
        return None if faults else found

    async def answer(self, arguments: dict[str, Any], request: Request) -> Any:
        """Call the handler with :meth:`direct_arguments`; the action was required before."""
        return await self.endpoint(**{str(self._request_name): request}, **arguments)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let FastAPI find and validate the arguments; the action was required before."""
        await self.api.handle(scope, receive, send)


class Router:
    """Routes below one prefix, each with the action it needs."""

    def __init__(self, *, prefix: str = "", tags: Sequence[str] = ()) -> None:
        self.prefix = prefix
        self.tags = list(tags)
        self.routes: list[Route] = []

    def add(self, method: str, path: str, handler: Handler, *, action: str, **options: Any) -> None:
        """Add a route; ``options`` as :class:`Route` takes them.

        Raises ValueError for an action that is not in :data:`ACTIONS`.
        """
        tags = self.tags + list(options.pop("tags", ()))
        made = Route(method, self.prefix + path, handler, action=action, tags=tags, **options)
        self.routes.append(made)

    def get(self, path: str, *, action: str, **options: Any) -> Callable[[Handler], Handler]:
        """A read."""
        return self._decorator("GET", path, action, options)

    def post(self, path: str, *, action: str, **options: Any) -> Callable[[Handler], Handler]:
        """Something new, or an act."""
        return self._decorator("POST", path, action, options)

    def put(self, path: str, *, action: str, **options: Any) -> Callable[[Handler], Handler]:
        """The whole of something."""
        return self._decorator("PUT", path, action, options)

    def patch(self, path: str, *, action: str, **options: Any) -> Callable[[Handler], Handler]:
        """A part of something."""
        return self._decorator("PATCH", path, action, options)

    def delete(self, path: str, *, action: str, **options: Any) -> Callable[[Handler], Handler]:
        """The end of something."""
        return self._decorator("DELETE", path, action, options)

    def _decorator(
        self, method: str, path: str, action: str, options: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.add(method, path, handler, action=action, **options)
            return handler

        return register
