"""Login with GitHub: OAuth 2.0 with PKCE, and no OpenID. Who it is comes from GitHub's API.

Source: docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bloop_oidc.answers import AGAIN, MOST_BYTES, code_of, fetch, post, text_of
from bloop_oidc.config import ProviderSettings
from bloop_sdk import AuthError, HttpClient, PermissionMissingError, Request
from bloop_sdk.providers.identity import Identity, LoginRequest

ISSUER = "https://github.com/login/oauth"
AUTHORIZE = "https://github.com/login/oauth/authorize"
TOKEN = "https://github.com/login/oauth/access_token"  # noqa: S105 - an address
API = "https://api.github.com"
SCOPES = "read:user user:email"


class GitHubLogin:
    """Login with an account at github.com."""

    def __init__(self, settings: ProviderSettings, secret: str | None, http: HttpClient) -> None:
        self._client_id = settings.client_id
        self._prompt = settings.prompt
        self._secret = secret
        self._http = http

    async def authorize_url(self, request: LoginRequest) -> str:
        """Where to send the browser."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        return str(
            prepare_grant_uri(
                AUTHORIZE,
                self._client_id,
                "code",
                request.redirect_uri,
                SCOPES,
                request.state,
                code_challenge=create_s256_code_challenge(request.verifier),
                code_challenge_method="S256",
                prompt=self._prompt,
            )
        )

    async def exchange(self, request: LoginRequest, params: Mapping[str, str]) -> Identity:
        """Who came back. An address counts only as the primary one, and verified."""
        form = {
            "client_id": self._client_id,
            "client_secret": self._secret or "",
            "code": code_of(params, ISSUER, names_issuer=False),
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
        }
        accept = {"Accept": "application/json"}
        token = await post(self._http, Request(url=TOKEN, method="POST", headers=accept, form=form))
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token.get('access_token')}",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        user = await fetch(self._http, Request(url=f"{API}/user", headers=headers))
        number = user.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise AuthError("GitHub did not say who this is", cure=AGAIN)
        email = await self._email(headers)
        login = text_of(user.get("login"), 100)
        return Identity(
            issuer=ISSUER,
            subject=str(number),
            name=text_of(user.get("name"), 200) or login,
            email=email,
            email_verified=email is not None,
        )

    async def _email(self, headers: Mapping[str, str]) -> str | None:
        asked = Request(url=f"{API}/user/emails", headers=headers, params={"per_page": 100})
        try:
            response = await self._http.send(asked)
        except PermissionMissingError:
            # A GitHub App without the right to addresses: who it is, GitHub has said nevertheless.
            return None
        if response.status != 200 or len(response.body) > MOST_BYTES:
            return None
        listed: Any = response.json()
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and one.get("primary") is True and one.get("verified") is True:
                return text_of(one.get("email"), 320)
        return None
