"""What handlers share: JSON answers with entity tags, and preconditions (RFC 9110, section 13).

A row's tag is its version, ``"v3"``; a list has none. An update names the version it was made
from in ``If-Match``.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from bloop.store.errors import InvalidError
from bloop_sdk import BloopError

_TAG = re.compile(r'^(?:W/)?"v(\d{1,18})"$')


class PreconditionRequiredError(BloopError):
    """The request changes a row and does not say which version it read (RFC 6585, section 3)."""

    code = "precondition_required"


def tag(version: int) -> str:
    """The entity tag of a row version."""
    return f'"v{version}"'


def json_response(
    data: Any,
    status: int = 200,
    *,
    version: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """``data`` as JSON, with the row's entity tag where it has one."""
    extra = dict(headers or {})
    if version is not None:
        extra["etag"] = tag(version)
    body = orjson.dumps(data)
    return Response(body, status, headers=extra, media_type="application/json")


def job_started(job: str) -> Response:
    """202 for work that goes on in the background, and where to look how far it is."""
    return json_response({"job": job}, 202, headers={"location": f"/api/v1/jobs/{job}"})


def not_modified(request: Request, version: int) -> Response | None:
    """The 304 for a client that holds this version already."""
    known = request.headers.get("if-none-match")
    if known is None:
        return None
    current = tag(version)
    if known == "*" or current in (part.strip().removeprefix("W/") for part in known.split(",")):
        return Response(status_code=304, headers={"etag": current})
    return None


def expected_version(request: Request) -> int | None:
    """The version that ``If-Match`` names; None for ``*``, which is whatever the row is at.

    Raises :class:`PreconditionRequiredError` without the header (428). A stale version is for
    ``unit.expect`` to refuse (412).
    """
    given = request.headers.get("if-match")
    if given is None:
        raise PreconditionRequiredError(
            "this change needs to know which version it was made from",
            cure='send If-Match with the ETag you read, like If-Match: "v3"',
        )
    if given.strip() == "*":
        return None
    match = _TAG.match(given.strip())
    if match is None:
        raise InvalidError(f"If-Match: {given[:40]!r} is no tag of this hub", field="If-Match")
    return int(match[1])
