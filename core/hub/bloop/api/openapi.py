"""The OpenAPI document: FastAPI's, plus what our router knows and FastAPI does not.

Each operation gets its action, who may call it, and every problem it can answer with. The core's
own is kept in ``docs/openapi.json``; ``make docs`` writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Route, Router
from bloop.accounts.actions import ACTIONS, VISIT
from bloop.api.problems import MEDIA_TYPE, TITLES, Problem
from bloop_sdk import Role

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

JSONObject = dict[str, Any]

router = Router()

DESCRIPTION = """
Institutions, content, plugins and jobs of a Bloop hub.

Browsers send their session's cookie, and `X-CSRF-Token` with every change; programs send
`Authorization: Bearer <token>`. An update names in `If-Match` the `ETag` it was made from.
A change may carry an `Idempotency-Key`, under which it can be sent again.
Failures are `application/problem+json` with a stable `code` and a `cure`.
"""

_TAGS = {
    "accounts": "Who one is, and institutions",
    "content": "Courses, their trees and items",
    "plugins": "What is loaded, in which state, and why",
    "events": "What consumers of events could not take",
    "jobs": "Work in the background",
    "operations": "Health of the hub",
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that was read",
    "schema": {"type": "string"},
    "example": '"v3"',
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An ETag that the client holds already",
    "schema": {"type": "string"},
    "example": '"v3"',
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A random UUID; the request may be sent again with it, and has one effect",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_REPLAYED = {
    "Idempotent-Replayed": {
        "description": "`true`: what the request was answered when it came with its key before",
        "schema": {"type": "string", "enum": ["true"]},
    }
}


@router.get("/api/v1/openapi.json", action=VISIT, include_in_schema=False)
async def show_openapi(request: Request) -> Response:
    """The document of this hub, plugins' routes aside."""
    return Response(
        dump(document(request.scope["bloop.edge"].routes)), media_type="application/json"
    )


def document(routes: Sequence[Route]) -> JSONObject:
    """The OpenAPI 3.1 document of these routes; the same routes give the same document."""
    from fastapi.openapi.utils import get_openapi

    built = [route.described() for route in routes]
    names = Counter(api.name for api in built)
    for api in built:
        api.operation_id = _operation_id(api, names)
    made = get_openapi(title="Bloop", version="1", description=DESCRIPTION, routes=built)
    made["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    made["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "bloop_session"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    for route, api in zip(routes, built, strict=True):
        if api.include_in_schema:
            _complete(made["paths"][api.path_format][route.method.lower()], route)
    return made


def dump(made: JSONObject) -> bytes:
    """The document as text with sorted keys."""
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def statuses(route: Route) -> set[int]:
    """The problems that a route can answer with."""
    wants = route.api.dependant
    found = set(route.problems)
    if route.action != VISIT:
        found |= {401, 403, 429, 503, 504}
    if route.own_site:
        found.add(403)
    if route.rate == "login":
        found |= {429, 503}
    if route.method != "GET":
        found |= {400, 409, 413, 422}
    if wants.path_params:
        found.add(404)
    if wants.query_params or wants.body_params or 428 in found:
        found.add(422)
    if 428 in found:
        found.add(412)
    return found


def _operation_id(api: APIRoute, names: Counter[str]) -> str:
    """The handler's name, with what it is done to where several share one."""
    if names[api.name] == 1:
        return api.name
    fixed = [part for part in api.path.split("/")[3:] if not part.startswith("{")]
    return "_".join([api.name, *(part for part in fixed if part != api.name)])


def _complete(operation: JSONObject, route: Route) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    for status in sorted(statuses(route)):
        schema = {"$ref": "#/components/schemas/Problem"}
        answers[str(status)] = {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
    if "428" in answers:
        operation.setdefault("parameters", []).append(_IF_MATCH)
    if route.method != "GET":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        for status, given in answers.items():
            if status.startswith("2"):
                given["headers"] = _REPLAYED
    if "304" in answers:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
    operation["x-action"] = route.action
    if route.step_up:
        operation["x-step-up"] = True
    if route.action != VISIT:
        open_to_guests = ACTIONS[route.action] is Role.GUEST
        operation["security"] = [{"session": []}, {"bearer": []}, *([{}] * open_to_guests)]
