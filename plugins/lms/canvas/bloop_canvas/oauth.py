"""Tokens of a developer key: the login (OAuth 2.0, Canvas's "web application flow"), and renewal.

Canvas's access tokens last for an hour, its refresh tokens until somebody takes them back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bloop_canvas.config import CanvasConfig
from bloop_sdk import (
    AuthError,
    Authorization,
    ConfigError,
    CredentialExpiredError,
    FatalError,
    HttpClient,
    Request,
)
from bloop_sdk.oauth import code_of, granted

AGAIN = "log in to Canvas again, from the connection's page"


def authorize_url(config: CanvasConfig, request: Authorization) -> str:
    """Where to send the browser; Canvas knows no PKCE, the state protects the way back."""
    query = {
        "client_id": config.client_id or "",
        "response_type": "code",
        "redirect_uri": request.redirect_uri,
        "state": request.state,
    }
    if config.scopes:
        query["scope"] = " ".join(config.scopes)
    return f"{config.base}/login/oauth2/auth?{urlencode(query)}"


async def exchange(
    http: HttpClient, config: CanvasConfig, request: Authorization, params: Mapping[str, str]
) -> Mapping[str, str | None]:
    """The tokens for a code; raises AuthError."""
    code = code_of(params, "Canvas", AGAIN)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": request.redirect_uri}
    answer = await _ask(http, config, form)
    refresh = answer.get("refresh_token")
    return {
        "token": answer["access_token"],
        "refresh_token": refresh if isinstance(refresh, str) else None,
    }


async def renew(http: HttpClient, config: CanvasConfig, refresh_token: str) -> str:
    """A new access token; raises CredentialExpiredError where Canvas gives none any more."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    try:
        answer = await _ask(http, config, form)
    except AuthError as err:
        raise CredentialExpiredError(
            "Canvas renews this login no more: it was taken back, or its developer key is off",
            cure=AGAIN,
        ) from err
    return str(answer["access_token"])


async def _ask(http: HttpClient, config: CanvasConfig, form: dict[str, str]) -> dict[str, Any]:
    if config.client_id is None or config.client_secret is None:
        raise ConfigError(
            "plugins.canvas: client_id and client_secret are needed for a login",
            cure="take both from the developer key in Canvas",
        )
    form |= {
        "client_id": config.client_id,
        "client_secret": config.client_secret.get_secret_value(),
    }
    address = f"{config.base}/login/oauth2/token"
    try:
        response = await http.send(Request(url=address, method="POST", form=form))
    except FatalError as err:
        if err.code != "redirects":
            raise
        # An older Canvas sends its no to the redirect URI, as if a browser had asked.
        raise AuthError(f"{address} refused the login", cure=AGAIN) from err
    return granted(response, address, AGAIN)
