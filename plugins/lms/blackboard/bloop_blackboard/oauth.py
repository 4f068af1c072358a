"""Access tokens: two-legged as the application, three-legged as a person who let it (RFC 6749).

As Blackboard documents it, ``grant_type`` stands in the form and everything else in the query; an
application has one token a site, which asking again gives with what is left of its hour.
"""

from __future__ import annotations

import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from bloop_blackboard.config import BlackboardConfig
from bloop_blackboard.wire import document
from bloop_sdk import (
    AuthError,
    Authorization,
    ConnectionContext,
    CredentialExpiredError,
    FatalError,
    PermissionMissingError,
    Request,
    Response,
    UnavailableError,
)

BASE = "/learn/api/public"
TOKEN = f"{BASE}/v1/oauth2/token"
AUTHORIZE = f"{BASE}/v1/oauth2/authorizationcode"
SCOPE = "read offline"
"""``offline`` gives a refresh token."""

_KEY = "check its key and secret, and that the site's administrator has added it"
_EARLY = 30.0
"""Seconds before its end at which a token is not used any more."""


class Tokens:
    """The access token of one connection, renewed as needed."""

    def __init__(self, ctx: ConnectionContext, config: BlackboardConfig) -> None:
        self._ctx = ctx
        self._config = config
        refresh = config.refresh_token
        self._refresh = refresh.get_secret_value() if refresh is not None else None
        self._token: str | None = None
        self._until = 0.0
        self.user: str | None = None

    async def current(self) -> str:
        """A token that is good for now; raises AuthError where the site gives none."""
        if self._token is None or time.monotonic() >= self._until:
            if self._refresh is None:
                await self._ask({}, "client_credentials")
            else:
                await self._ask({"refresh_token": self._refresh}, "refresh_token")
        assert self._token is not None
        return self._token

    def forget(self, token: str) -> None:
        """Do not use this one again: it was refused."""
        if token == self._token:
            self._token = None

    async def exchange(self, request: Authorization, code: str) -> str:
        """The refresh token for a code that a login brought back."""
        params = {
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        self._refresh = None  # That of the settings is of another login.
        answer = await self._ask(params, "authorization_code")
        refresh = answer.get("refresh_token")
        if not isinstance(refresh, str):
            raise AuthError(
                "Blackboard gave no refresh token",
                cure="let the application's scope include offline, and log in again",
            )
        return refresh

    async def _ask(self, params: Mapping[str, str], grant: str) -> dict[str, Any]:
        secret = self._config.application_secret.get_secret_value()
        basic = b64encode(f"{self._config.application_key}:{secret}".encode()).decode()
        asking = Request(
            url=f"{self._config.site}{TOKEN}",
            method="POST",
            params=params,
            form={"grant_type": grant},
            headers={"Authorization": f"Basic {basic}", "Accept": "application/json"},
        )
        try:
            response = await self._ctx.http.send(asking)
        except PermissionMissingError:
            raise
        except AuthError as err:
            # 401 is about who asks (RFC 6749, 5.2); what is asked with is a 400.
            refused = "Blackboard refuses the application's key or secret"
            raise AuthError(refused, cure=_KEY) from err
        answer = _granted(response, grant)
        self._token = str(answer["access_token"])
        lifetime = answer.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) else 0.0
        # Of a token with seconds left all are used: asking again gives the same one.
        self._until = time.monotonic() + max(seconds - _EARLY, min(seconds, _EARLY))
        self.user = answer.get("user_id") or self.user
        await self._keep(answer.get("refresh_token"))
        return answer

    async def _keep(self, refresh: str | None) -> None:
        """Seal a refresh token that is another than the one of the settings."""
        if not refresh or refresh == self._refresh:
            return
        before, self._refresh = self._refresh, refresh
        if before is not None:
            await self._ctx.keep_secrets({"refresh_token": refresh})


def _granted(response: Response, grant: str) -> dict[str, Any]:
    answer = document(response)
    if response.status == 200 and isinstance(answer.get("access_token"), str):
        return answer
    fault = str(answer.get("error") or answer.get("message") or f"status {response.status}")
    if fault == "invalid_grant":
        raise CredentialExpiredError(
            f"Blackboard takes the {grant.replace('_', ' ')} no more",
            cure="log in at Blackboard again",
        )
    if fault in {"invalid_client", "unauthorized_client", "invalid_scope"}:
        raise AuthError(
            f"Blackboard refuses the application: {fault}",
            cure=_KEY,
        )
    if response.status == 200:
        raise UnavailableError("Blackboard answered without a token")
    raise FatalError(f"Blackboard gives no token: {fault}")


def authorize_url(config: BlackboardConfig, request: Authorization) -> str:
    """Where to send the browser: the code flow with PKCE, whose only method here is S256."""
    challenge = urlsafe_b64encode(sha256(request.verifier.encode()).digest()).rstrip(b"=")
    query = {
        "redirect_uri": request.redirect_uri,
        "response_type": "code",
        "client_id": config.application_key,
        "scope": SCOPE,
        "state": request.state,
        "code_challenge": challenge.decode(),
        "code_challenge_method": "S256",
    }
    return f"{config.site}{AUTHORIZE}?{urlencode(query)}"
