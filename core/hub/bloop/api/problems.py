"""What goes wrong, as ``application/problem+json`` (RFC 9457).

``code`` is stable and machine-readable, ``detail`` says what failed, ``cure`` what to do, and
``trace_id`` finds the request in the logs. A defect of the hub says nothing but its trace.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bloop.accounts.actions import ForbiddenError, LoginRequiredError
from bloop.accounts.http import PreconditionRequiredError
from bloop.accounts.mfa.errors import ProofRefusedError, TooManyTriesError
from bloop.accounts.service import LinkRefusedError
from bloop.api.rate_limits import TooManyRequestsError
from bloop.kernel.config_errors import InvalidConfigError
from bloop.kernel.faults import (
    HookRefusedError,
    PluginFailedError,
    PluginUnavailableError,
    PluginUnknownError,
)
from bloop.store.errors import ConflictError, InvalidError, StoreError, TenantError
from bloop.store.faults import NO_SPACE, from_file
from bloop.store.idempotency import IdempotencyError
from bloop_sdk import (
    AuthError,
    BloopError,
    BudgetError,
    ConfigError,
    DeadlineError,
    HostileInputError,
    NotFoundError,
    PreconditionFailedError,
    RateLimitedError,
    RetriableError,
    SkippableError,
    UnsupportedError,
)
from bloop_sdk._masking import mask_text

MEDIA_TYPE = "application/problem+json"
_SHOWN_VALUE = 80


class CrossSiteError(BloopError):
    """A page of another site sent this with the browser's cookie."""

    code = "cross_site"


class HostRefusedError(BloopError):
    """The request names a host that this hub is not reached by."""

    code = "host_refused"


class BodyTooLargeError(BloopError):
    """The body is longer than this route takes."""

    code = "body_too_large"


STATUSES: tuple[tuple[type[BloopError], int], ...] = (
    (LoginRequiredError, 401),
    (ForbiddenError, 403),
    (CrossSiteError, 403),
    (LinkRefusedError, 403),
    (ProofRefusedError, 403),
    (TooManyTriesError, 429),
    (HostRefusedError, 421),
    (BodyTooLargeError, 413),
    (TooManyRequestsError, 429),
    (PreconditionRequiredError, 428),
    (PreconditionFailedError, 412),
    (NotFoundError, 404),
    (BudgetError, 429),
    (ConflictError, 409),
    (InvalidError, 422),
    (HostileInputError, 422),
    (ConfigError, 422),
    (SkippableError, 422),
    (UnsupportedError, 422),
    (TenantError, 500),
    (HookRefusedError, 503),
    (PluginFailedError, 502),
    (PluginUnknownError, 404),
    (PluginUnavailableError, 503),
    (AuthError, 502),
    (RateLimitedError, 503),
    (DeadlineError, 504),
    (RetriableError, 503),
    (StoreError, 503),
)
"""The status of each kind of error; the first that fits, and 500 where none does."""

STATUS_OF_CODE = {
    "invalid_grant": 400,
    "invalid_scope": 400,
    "invitation_refused": 403,
    "keys_wrong": 503,
    "publish_refused": 409,
    "seal_broken": 503,
    "login_failed": 401,
    "login_delayed": 429,
    "login_busy": 503,
}
"""The status of errors whose classes belong to domains, which are imported when first needed."""

PASSING = frozenset({"store_busy", "store_unavailable"})
"""Codes of what is over in a moment, mostly: a lock, a database that is started again."""

TITLES = {
    400: "Malformed request",
    401: "Login required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed in the meantime",
    413: "Too large",
    415: "Unsupported media type",
    421: "Unknown host",
    422: "Invalid",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    502: "Refused by another system",
    503: "Unavailable",
    504: "Took too long",
}

_CODES = {404: "not_found", 405: "method_not_allowed", 400: "malformed", 413: "body_too_large"}


class FieldFault(BaseModel):
    """One field that was not as declared."""

    model_config = ConfigDict(defer_build=True)

    field: str = Field(examples=["body.title"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """RFC 9457, with a stable ``code`` and a ``cure``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not_found"])
    detail: str = Field(examples=["no item 019a"])
    trace_id: str = Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    cure: str | None = Field(None, examples=["read it again"])
    errors: list[FieldFault] | None = None


def status_of(error: BloopError) -> int:
    """The HTTP status of an error of the hub."""
    if isinstance(error, ConflictError) and error.current is not None:
        return 412
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def describe(error: Exception, trace_id: str) -> tuple[Problem, dict[str, str]]:
    """The problem document of any exception, and the headers that belong to it."""
    if type(error).__name__ == "RequestValidationError":
        return _invalid_request(error, trace_id), {}
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        code = _CODES.get(error.status_code, "refused")
        return _problem(error.status_code, code, str(error.detail), trace_id), headers
    if isinstance(error, OverflowError):
        return _problem(422, "invalid", "a number is too large", trace_id), {}
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        # An upload is spooled to a temporary file before anybody asks for it.
        error = from_file(error, error.filename or "the folder for temporary files")
    status = status_of(error) if isinstance(error, BloopError) else 500
    if not isinstance(error, BloopError) or status == 500:
        detail = "the hub failed; its log has the reason under this trace_id"
        return _problem(500, "internal_error", detail, trace_id), {}
    made = _problem(status, error.code, error.message, trace_id, cure=error.cure)
    if isinstance(error, InvalidError) and error.field:
        made.errors = [FieldFault(field=error.field, message=made.detail)]
    if isinstance(error, InvalidConfigError):
        made.errors = [
            FieldFault(field=f"body.settings.{fault.key}", message=mask_text(fault.problem))
            for fault in error.faults
        ]
    return made, _headers(error, status)


def answer(problem: Problem, headers: Mapping[str, str]) -> Response:
    """The problem as a response."""
    body = orjson.dumps(problem.model_dump(exclude_none=True))
    return Response(body, problem.status, headers=dict(headers), media_type=MEDIA_TYPE)


def _headers(error: BloopError, status: int) -> dict[str, str]:
    if status == 401:
        return {"www-authenticate": "Bearer"}
    if isinstance(error, ConflictError) and error.current is not None:
        return {"etag": f'"v{error.current}"'}
    waits = RetriableError | IdempotencyError | TooManyRequestsError | TooManyTriesError
    if isinstance(error, waits) and error.retry_after is not None:
        return {"retry-after": str(max(1, math.ceil(error.retry_after)))}
    return {"retry-after": "1"} if error.code in PASSING else {}


def _problem(
    status: int, code: str, detail: str, trace_id: str, cure: str | None = None
) -> Problem:
    return Problem(
        type="about:blank",
        title=TITLES.get(status, "Refused"),
        status=status,
        code=code,
        # A plugin, or a system behind it, may have put anything there.
        detail=mask_text(detail),
        trace_id=trace_id,
        cure=mask_text(cure) if cure else None,
    )


def _invalid_request(error: Any, trace_id: str) -> Problem:
    """The fields at fault, without what was sent: it may be a password."""
    faults: list[dict[str, Any]] = list(error.errors())
    malformed = any(fault["type"] == "json_invalid" for fault in faults)
    named = [
        FieldFault(
            field=mask_text(".".join(str(part) for part in fault["loc"])[:_SHOWN_VALUE]),
            message=mask_text(str(fault["msg"])),
        )
        for fault in faults
    ]
    if malformed:
        made = _problem(400, "malformed", "the body is not JSON", trace_id)
    else:
        count = f"{len(named)} fields are" if len(named) > 1 else f"{named[0].field} is"
        made = _problem(422, "invalid", f"{count} not as declared", trace_id)
    made.errors = named
    return made
