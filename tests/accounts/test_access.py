from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Header, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bloop.accounts.access import Router, call_of
from bloop.accounts.actions import (
    ACTIONS,
    GUEST_SCOPES,
    STRANGER_SCOPES,
    VISIT,
    ForbiddenError,
    LoginRequiredError,
    may,
    require,
)
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

TRACE = Trace("0" * 31 + "1", "0" * 15 + "1")


def call(role: Role, *, scopes: frozenset[str] | None = None) -> Call:
    kind = PrincipalKind.GUEST if role is Role.GUEST else PrincipalKind.USER
    return Call(Principal(kind, "somebody", role, scopes), "an-institution", TRACE)


def router() -> Router:
    made = Router(prefix="/api/v1")

    @made.get("/things/{thing}", action="content:read")
    async def show(
        request: Request, thing: str, limit: Annotated[int, Query(ge=1, le=9)] = 5
    ) -> Response:
        return PlainTextResponse(f"{thing} {limit} {call_of(request).principal.id}")

    return made


@pytest.mark.parametrize("action", ACTIONS)
def test_who_has_the_least_role_may_and_who_has_less_may_not(action):
    least = list(Role).index(ACTIONS[action])
    for rank, role in enumerate(Role):
        assert may(call(role), action) is (rank >= least), role


def test_an_unknown_action_is_for_nobody():
    assert not may(call(Role.OPERATOR), "content:destroy")


def test_the_scopes_of_a_token_narrow_the_role_and_never_widen_it():
    educator = call(Role.EDUCATOR, scopes=frozenset({"content:read", "plugins:toggle"}))
    assert may(educator, "content:read")
    assert not may(educator, "content:write")
    assert not may(educator, "plugins:toggle")


def test_a_guest_reads_content_and_a_stranger_only_visits():
    assert may(call(Role.GUEST, scopes=GUEST_SCOPES), "content:read")
    assert not may(call(Role.GUEST, scopes=STRANGER_SCOPES), "content:read")
    assert may(call(Role.GUEST, scopes=STRANGER_SCOPES), VISIT)


def test_a_guest_is_asked_to_log_in_and_a_member_is_refused():
    with pytest.raises(LoginRequiredError):
        require(call(Role.GUEST, scopes=STRANGER_SCOPES), "content:read")
    with pytest.raises(ForbiddenError, match="operator or more"):
        require(call(Role.LEARNER), "plugins:toggle")


def test_a_route_with_an_unknown_action_is_refused_when_it_is_made():
    with pytest.raises(ValueError, match="unknown action 'content:raed'"):
        Router(prefix="/x").get("/y", action="content:raed")(router)


def test_a_route_without_an_action_cannot_be_written():
    with pytest.raises(TypeError, match="action"):
        Router().get("/y")  # type: ignore[call-arg]


QUERIES = [
    *("", "limit=7", "limit=7&limit=8", "limit=%37", "other=1", "limit=+7", "limit=7.0"),
    *("text=a+b%26c", "text=%C3%A4", "text=", "text=a;b", "flag=true", "flag=1", "flag=off"),
    *("share=0.5", "share=1e-1", "share=inf", "=", "&&", "limit", "text=%ff", "text=a&text="),
]
FAULTY = ["limit=0", "limit=x", "limit=", "limit=1.5", "flag=2", "flag=", "share=", "limit=1_0"]


def plain_router() -> Router:
    made = Router(prefix="/api/v1")

    @made.get("/things/{thing}", action="content:read")
    async def show(
        request: Request,
        thing: str,
        limit: Annotated[int, Field(ge=1, le=9)] = 5,
        text: str = "",
        share: float = 0.0,
        *,
        flag: bool = False,
    ) -> Response:
        return PlainTextResponse(repr((thing, limit, text, share, flag)))

    return made


async def test_arguments_found_directly_equal_those_that_fastapi_finds():
    (route,) = plain_router().routes
    app = FastAPI()
    app.router.routes.append(route.api)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        for query in QUERIES + FAULTY:
            scope = {"type": "http", "query_string": query.encode(), "path_params": {"thing": "a"}}
            arguments = route.direct_arguments(scope)
            usual = await client.get(f"/api/v1/things/a?{query}")
            assert (arguments is None) == (usual.status_code == 422), query
            if arguments is not None:
                direct = await route.answer(arguments, Request(scope))
                assert direct.body == usual.content, query
    assert route.direct_arguments({"query_string": b"limit=1_0", "path_params": {}}) is None


@pytest.mark.parametrize(
    "parameters",
    [
        "request: Request, thing: int",
        "request: Request, thing: str, limit: Annotated[int, Query(alias='n')] = 1",
        "request: Request, thing: str, limit: int = Query(1)",
        "request: Request, thing: str, tags: list[str] = ()",
        "request: Request, thing: str, state: Unknown = 1",
        "request: Request, thing: str, body: dict",
        "request: Request, thing: str, x_header: Annotated[str, Header()] = ''",
        "thing: str",
        "request: Request, response: Response, thing: str",
        "request: Request, thing: Annotated[str, Path(max_length=3)]",
    ],
)
def test_a_handler_that_wants_more_is_left_to_fastapi(parameters):
    names = {"Request": Request, "Response": Response, "Annotated": Annotated}
    names |= {"Header": Header, "Path": Path, "Query": Query}
    code = f"from __future__ import annotations\nasync def show({parameters}) -> Response: ..."
    exec(code, names)
    made = Router(prefix="/api/v1")
    made.get("/things/{thing}", action="content:read")(names["show"])
    scope = {"query_string": b"", "path_params": {"thing": "a"}}
    assert made.routes[0].direct_arguments(scope) is None
