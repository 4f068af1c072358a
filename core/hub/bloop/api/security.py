"""What a request says of itself, read once, and the headers that every answer carries."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import Scope

from bloop.telemetry import traces
from bloop_sdk import Trace

Headers = list[tuple[bytes, bytes]]

_READ = frozenset(
    {
        b"host",
        b"cookie",
        b"authorization",
        b"traceparent",
        b"origin",
        b"sec-fetch-site",
        b"x-csrf-token",
        b"content-type",
        b"content-length",
        b"accept",
        b"accept-encoding",
        b"idempotency-key",
    }
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_DATA_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_UNCACHED = (b"cache-control", b"private, no-cache")
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'{nonce}; style-src 'self'{nonce}; img-src 'self' data:; "
    "font-src 'self'; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@dataclass(slots=True)
class Head:
    """The headers that matter to every request, and its place in a trace (W3C Trace Context)."""

    fields: dict[bytes, bytes]
    trace: Trace
    unsafe: bool
    wants_page: bool

    def text(self, name: bytes) -> str | None:
        """A header's value."""
        value = self.fields.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def length(self) -> int | None:
        """The announced length of the body in bytes; None where the body comes in chunks."""
        value = self.fields.get(b"content-length", b"")
        return int(value) if value.isdigit() else None

    def cookie(self, name: bytes) -> str | None:
        """A cookie's value."""
        for part in self.fields.get(b"cookie", b"").split(b";"):
            key, _, value = part.strip().partition(b"=")
            if key == name:
                return value.decode("latin-1")
        return None

    @property
    def bearer(self) -> str | None:
        """The token of ``Authorization: Bearer`` (RFC 6750)."""
        scheme, _, token = self.fields.get(b"authorization", b"").partition(b" ")
        return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else None


def read_head(scope: Scope) -> Head:
    """Read a request's headers once."""
    fields = {name: value for name, value in scope["headers"] if name in _READ}
    accepts = fields.get(b"accept", b"")
    page = b"text/html" in accepts and not scope["path"].startswith("/api/")
    caller = fields.get(b"traceparent")
    trace = traces.start(caller.decode("latin-1") if caller else None)
    return Head(fields, trace, scope["method"] not in _SAFE, page)


def nonce_of(request: Request) -> str:
    """The nonce that the page's own inline scripts and styles carry (CSP, level 3)."""
    nonce: str = request.scope.setdefault("bloop.nonce", secrets.token_urlsafe(16))
    return nonce


def with_headers(given: Headers, scope: Scope, head: Head) -> Headers:
    """An answer's headers and those that every answer has; what the handler set stays."""
    names = {name for name, _ in given}
    headers = [*given, *(one for one in _ALWAYS if one[0] not in names)]
    headers.append((b"x-request-id", head.trace.span_id.encode()))
    if b"content-security-policy" not in names:
        headers.append(_policy(given, scope))
    if b"cache-control" not in names:
        headers.append(_UNCACHED)
    if scope["scheme"] == "https":
        headers.append((b"strict-transport-security", b"max-age=31536000"))
    return headers


def _policy(given: Headers, scope: Scope) -> tuple[bytes, bytes]:
    for name, value in given:
        if name == b"content-type":
            if not value.startswith(b"text/html"):
                return _DATA_POLICY
            nonce = scope.get("bloop.nonce")
            own = f" 'nonce-{nonce}'" if nonce else ""
            return b"content-security-policy", _PAGE_POLICY.format(nonce=own).encode()
    return _DATA_POLICY
