"""Requests to PayPal: paypalrestsdk's ``Api`` as the authenticated transport, and no more of it.

What it does by itself is unsafe: it waits for ever, sends the body ``null`` with a GET, asks for
tokens without end while it is refused, and logs them. Here every request goes through the hub, has
a time-out and one retry with a new token, and nothing is logged.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import paypalrestsdk
from paypalrestsdk import exceptions
from requests import Response, Session

from bloop_paypal.config import PayPalConfig
from bloop_paypal.errors import RefusedError
from bloop_sdk import (
    AuthError,
    BloopError,
    NotFoundError,
    PermissionMissingError,
    RetriableError,
    UnavailableError,
)

ENDPOINTS = {
    "live": "https://api-m.paypal.com",
    "sandbox": "https://api-m.sandbox.paypal.com",
}
SECONDS = 20
_CURE = "compare client_id, client_secret and mode with the app in PayPal's dashboard"

_tokens: dict[str, tuple[Any, datetime | None]] = {}
"""Access tokens by credential: providers come and go, a token lives for hours."""


class Api(paypalrestsdk.Api):  # type: ignore[misc]  # it has no types
    """To be used in a thread; ``session`` is the bridge to the hub's HTTP."""

    def __init__(self, config: PayPalConfig, session: Session) -> None:
        secret = config.client_secret.get_secret_value()
        super().__init__(
            mode=config.mode,
            endpoint=ENDPOINTS[config.mode],
            client_id=config.client_id,
            client_secret=secret,
        )
        self._session = session
        whole = [self.endpoint, config.client_id, secret]
        self._credential = sha256(json.dumps(whole).encode()).hexdigest()
        held = _tokens.get(self._credential)
        self.token_hash: Any = held[0] if held else None
        self.token_request_at: datetime | None = held[1] if held else None

    def call(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """The JSON of an answer; ``key`` makes PayPal do it once. ``body`` may be JSON already.

        Raises errors of the contract, and :class:`RefusedError` for what PayPal will not do.
        """
        headers = {"Prefer": "return=representation"}
        if key:
            headers["PayPal-Request-Id"] = key
        if path.startswith("https://"):
            # Links name hosts other than the one that was asked, such as api.paypal.com.
            told = urlsplit(path)
            path = f"{told.path}?{told.query}" if told.query else told.path
        return self.request(f"{self.endpoint}{path}", method, body, headers)

    def request(
        self,
        url: str,
        method: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        refresh_token: str | None = None,
    ) -> Any:
        """Send, with a new token once where the old one is refused."""
        del refresh_token
        data = body if isinstance(body, str) or body is None else json.dumps(body)
        for final in (False, True):
            sent = {**self.headers(), **(headers or {})}
            try:
                return self.http_call(url, method, data=data, headers=sent)
            except exceptions.UnauthorizedAccess:
                self._forget()
                if final:
                    raise AuthError("PayPal does not take its own token", cure=_CURE) from None
        return None

    def get_token_hash(self, *args: Any, **kwargs: Any) -> Any:
        """The token that is held, or a new one, which other providers of this process find too."""
        try:
            token = super().get_token_hash(*args, **kwargs)
        except exceptions.UnauthorizedAccess:
            raise AuthError("PayPal refuses these credentials", cure=_CURE) from None
        _tokens[self._credential] = (token, self.token_request_at)
        return token

    def http_call(self, url: str, method: str, **kwargs: Any) -> Any:
        """Send through the hub."""
        answer = self._session.request(
            method,
            url,
            data=kwargs.get("data"),
            headers=kwargs.get("headers"),
            timeout=SECONDS,
            allow_redirects=False,
        )
        return self.handle_response(answer, answer.text)

    def handle_response(self, response: Response, content: str) -> Any:
        """The answer's JSON; raises the contract's errors, and UnauthorizedAccess."""
        try:
            return super().handle_response(response, content)
        except exceptions.UnauthorizedAccess:
            raise
        except exceptions.ConnectionError as err:
            raise _error(response.status_code, content) from err
        except ValueError as err:
            raise UnavailableError("PayPal answered with something that is no JSON") from err

    def _forget(self) -> None:
        self.token_hash = self.token_request_at = None
        _tokens.pop(self._credential, None)


def _error(status: int, content: str) -> BloopError:
    issue, about = _told(content)
    said = f"PayPal: {about or issue or status}"
    if status >= 500:
        return UnavailableError(said)
    if status == 404:
        return NotFoundError(said)
    if status == 403:
        return PermissionMissingError(
            said,
            permission=issue or "a permission of the REST app",
            cure=f"give the REST app what it lacks; {_CURE}",
        )
    if status == 409:
        # PREVIOUS_REQUEST_IN_PROGRESS: the first try may still do it, so it is not refused.
        return RetriableError(said, cure="try again")
    return RefusedError(said, issue)


def _told(content: str) -> tuple[str, str]:
    """PayPal's name of what is wrong, and its words, which name no secret."""
    try:
        body = json.loads(content)
    except ValueError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    details = body.get("details")
    first = details[0] if isinstance(details, list) and details else {}
    first = first if isinstance(first, dict) else {}
    issue = first.get("issue") or body.get("name") or body.get("error") or ""
    words = first.get("description") or body.get("message") or body.get("error_description") or ""
    return str(issue)[:80], str(words)[:300]
