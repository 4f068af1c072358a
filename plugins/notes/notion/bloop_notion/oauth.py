"""Tokens of a public integration: the login (OAuth 2.0), and renewal, with Basic authentication."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bloop_notion.config import NotionConfig
from bloop_sdk import (
    AuthError,
    Authorization,
    ConfigError,
    CredentialExpiredError,
    HttpClient,
    Request,
)
from bloop_sdk.oauth import code_of, granted

AGAIN = "log in to Notion again, from the connection's page"


def authorize_url(config: NotionConfig, request: Authorization) -> str:
    """Where to send the browser; Notion asks there which pages are shared."""
    query = {
        "client_id": config.client_id or "",
        "response_type": "code",
        "owner": "user",
        "redirect_uri": request.redirect_uri,
        "state": request.state,
    }
    return f"{config.base}/v1/oauth/authorize?{urlencode(query)}"


async def exchange(
    http: HttpClient, config: NotionConfig, request: Authorization, params: Mapping[str, str]
) -> Mapping[str, str | None]:
    """The tokens for a code; raises AuthError."""
    code = code_of(params, "Notion", AGAIN)
    body = {"grant_type": "authorization_code", "code": code, "redirect_uri": request.redirect_uri}
    return _tokens(await _ask(http, config, body))


async def renew(http: HttpClient, config: NotionConfig, refresh: str) -> Mapping[str, str | None]:
    """New tokens; raises CredentialExpiredError where Notion gives none any more."""
    try:
        answer = await _ask(http, config, {"grant_type": "refresh_token", "refresh_token": refresh})
    except AuthError as err:
        raise CredentialExpiredError(
            "Notion renews this login no more: the integration was removed from the workspace",
            cure=AGAIN,
        ) from err
    # Notion may rotate the refresh token; without a new one the old one goes on.
    return {"refresh_token": refresh, **{k: v for k, v in _tokens(answer).items() if v}}


def _tokens(answer: dict[str, Any]) -> dict[str, str | None]:
    refresh = answer.get("refresh_token")
    return {
        "token": answer["access_token"],
        "refresh_token": refresh if isinstance(refresh, str) else None,
    }


async def _ask(http: HttpClient, config: NotionConfig, body: dict[str, str]) -> dict[str, Any]:
    if config.client_id is None or config.client_secret is None:
        raise ConfigError(
            "plugins.notion: client_id and client_secret are needed for a login",
            cure="take both from the public integration in Notion",
        )
    pair = f"{config.client_id}:{config.client_secret.get_secret_value()}"
    basic = base64.b64encode(pair.encode()).decode()
    address = f"{config.base}/v1/oauth/token"
    headers = {"Authorization": f"Basic {basic}", "Accept": "application/json"}
    response = await http.send(
        Request(url=address, method="POST", headers=headers, json_body=body, once=True)
    )
    return granted(response, address, AGAIN)
