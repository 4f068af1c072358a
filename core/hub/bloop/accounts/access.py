"""Who may do what: every route states its action, and nothing runs before it was allowed.

    router = Router(prefix="/api/v1", tags=["content"])

    @router.get("/items/{item_id}", action="content:read", problems=(404,))
    async def show_item(request: Request, item_id: str) -> Response:
        row = await hub_of(request).database.read_one(ITEM, call_of(request), id=item_id)

A router carries its whole prefix, and its paths and parameters read as FastAPI's. A handler whose
first argument is the request, and the others texts of the path and plain query parameters, is
called without FastAPI's dependency machinery, which costs more than a read from SQLite. Everything
else is FastAPI's, built when a route is first needed (``docs/decisions/0003-access.md``).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from bloop.accounts.actions import ACTIONS, VISIT
from bloop_sdk import Call, PrincipalKind

if TYPE_CHECKING:
    from fastapi.routing import APIRoute
    from pydantic import TypeAdapter

    from bloop.accounts.sessions import Holder, Sessions
    from bloop.jobs import Jobs
    from bloop.kernel.config import LoadedConfig
    from bloop.kernel.institutions import InstitutionPlugins
    from bloop.kernel.kernel import Kernel
    from bloop.store.blobs import Blobs
    from bloop.store.database import Database

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

RateKind = Literal["read", "write", "upload", "login", "payment", "inbound"]

DEADLINE_SECONDS = 30.0
"""How long a request may take where its route says nothing else."""
PLUGIN_SECONDS = 29.0
"""What a plugin's handler has of that: it is cut off first, so that its own breaker counts it."""

_CACHED_QUERIES = 512


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
    def choices(self) -> InstitutionPlugins:
        """Which of the loaded plugins each institution uses."""
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

    async def brings_messages(self, call: Call) -> bool:
        """Whether some plugin brings messages to people, for the call's institution."""
        ...

    async def landing(self, call: Call) -> str | None:
        """Where whoever sets an empty hub up begins; None for others, and beside a course."""
        ...


def hub_of(request: Request) -> HubParts:
    """The hub that answers this request."""
    hub: HubParts = request.scope["bloop.hub"]
    return hub


def call_of(request: Request) -> Call:
    """Principal, institution and trace of this request."""
    call: Call = request.scope["bloop.call"]
    return call


def by_user(action: str) -> Callable[[Request], Awaitable[bool]]:
    """For ``also`` of a route: whether a user asks, whose token leaves them the action.

    What they may do it to is then for the command to say, or for a read of what is theirs.
    """

    async def also(request: Request) -> bool:
        principal = call_of(request).principal
        scopes = principal.scopes
        return principal.kind is PrincipalKind.USER and (scopes is None or action in scopes)

    return also


def holder_of(request: Request) -> Holder | None:
    """Who is logged in, and how; None for a guest."""
    holder: Holder | None = request.scope.get("bloop.holder")
    return holder


@dataclass(frozen=True, slots=True)
class _Parameter:
    """A query parameter: what validates it, and its default."""

    type: TypeAdapter[Any]
    default: Any


class Route:
    """One method at one path, with its action.

    ``problems`` are the statuses that it can answer with besides those of every route, ``upload``
    lets its body be as long as a file may be, ``deadline`` is in seconds. ``rate`` is how it is
    counted (:mod:`bloop.api.rate_limits`): as a read, write or upload unless it says ``login`` or
    ``payment``. ``permit`` raises where
    the caller may not do what the path names although they have the action; the handler asks it
    too. ``also`` lets pass who lacks the action but has it for what the path names. ``own_site``
    refuses a change that another site's page made a guest's browser send, as is always done with a
    session's. ``step_up`` asks for a fresh proof of who one is, ``enrolling`` routes are also for
    those who lack the second factor that their institution asks for.
    ``answers_again`` says that the handler itself sees to an ``Idempotency-Key``. ``options`` are
    those of FastAPI; what only describes (``response_model``, ``responses``) costs nothing at the
    start.
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
        permit: Callable[[Request], Awaitable[Any]] | None = None,
        also: Callable[[Request], Awaitable[bool]] | None = None,
        step_up: bool = False,
        enrolling: bool | None = None,
        answers_again: bool = False,
        rate: RateKind | None = None,
        own_site: bool = False,
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
        self.permit = permit
        self.also = also
        self.step_up = step_up
        # Behind a route with a permit stands something whose action is not this one.
        self.enrolling = action == VISIT and permit is None if enrolling is None else enrolling
        self.answers_again = answers_again
        self.rate: RateKind = rate or _rate_of(method, upload=upload)
        self.own_site = own_site
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
        from bloop.accounts.bodies import StrictRoute

        given = {"response_model": None} | options
        return StrictRoute(self.path, self.endpoint, methods=[self.method], **given)

    def direct_arguments(self, scope: Scope) -> dict[str, Any] | None:
        """The handler's arguments where path and query are all it takes and both are valid.

        None sends the request through FastAPI, which also words what is wrong with it.
        """
        wanted = self._plain
        if wanted is None:
            return None
        if not wanted:
            arguments: dict[str, Any] = scope["path_params"]
            return arguments
        raw = scope["query_string"]
        found = self._queries.get(raw)
        if found is None:
            found = _parsed(raw, wanted)
            if found is None:
                return None
            if len(self._queries) >= _CACHED_QUERIES:
                self._queries.clear()
            self._queries[raw] = found
        return {**found, **scope["path_params"]}

    @cached_property
    def _plain(self) -> dict[str, _Parameter] | None:
        """The handler's query parameters; None where only FastAPI can find its arguments."""
        try:
            hints = get_type_hints(self.endpoint, include_extras=True)
        except NameError:
            return None
        request, *others = inspect.signature(self.endpoint).parameters.values()
        if hints.get(request.name) is not Request:
            return None
        found: dict[str, _Parameter] = {}
        for parameter in others:
            hint = hints.get(parameter.name)
            if f"{{{parameter.name}" in self.path:
                if hint is not str:
                    return None
            elif hint is None or not _is_plain(hint, parameter.default):
                return None
            else:
                from pydantic import TypeAdapter

                found[parameter.name] = _Parameter(TypeAdapter(hint), parameter.default)
        return found

    async def answer(self, arguments: dict[str, Any], request: Request) -> Any:
        """Call the handler with :meth:`direct_arguments`; the action was required before."""
        return await self.endpoint(request, **arguments)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let FastAPI find and validate the arguments; the action was required before."""
        await self.api.handle(scope, receive, send)


def _rate_of(method: str, *, upload: bool) -> RateKind:
    if upload:
        return "upload"
    return "read" if method == "GET" else "write"


def _is_plain(hint: Any, default: Any) -> bool:
    """Whether a query parameter is a text, number, flag or moment, bounds included."""
    if type(default).__module__.partition(".")[0] == "fastapi":
        return False
    from pydantic import AwareDatetime

    base, *bounds = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    ours = {"annotated_types", "pydantic"}
    return base in {str, int, float, bool, AwareDatetime | None} and all(
        type(bound).__module__.partition(".")[0] in ours for bound in bounds
    )


def _parsed(raw: bytes, wanted: Mapping[str, _Parameter]) -> dict[str, Any] | None:
    """The values of query parameters, of which the last counts; None where one is not valid."""
    try:
        given = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))
        found = {
            name: wish.type.validate_python(given[name]) if name in given else wish.default
            for name, wish in wanted.items()
        }
    except ValueError:
        return None
    return None if inspect.Parameter.empty in found.values() else found


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
