"""Tokens of one person for Graph, through msal: got by a login, kept sealed, renewed.

msal blocks and is called in threads; its requests go through the hub. What it keeps (a refresh
token above all) is one secret of the connection, written again whenever Entra has rotated it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from bloop_onenote.graph.app import App
from bloop_onenote.graph.refusals import AGAIN, refusal
from bloop_sdk import (
    AuthError,
    Authorization,
    BloopError,
    ConnectionContext,
    DeviceLogin,
    RateLimitedError,
    UnavailableError,
)
from bloop_sdk.records import JSONObject

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

DEVICE, WEB = "device", "web"
_EARLY = 300.0
"""Seconds before its end at which a token is renewed."""
# Tells Entra that a refused token comes back with what was missing (continuous access evaluation).
_CAPABILITIES = ["CP1"]


class Tokens:
    """``name`` is the setting that keeps the login, ``kept`` what it holds."""

    def __init__(self, app: App, ctx: ConnectionContext, name: str, kept: str | None) -> None:
        import msal  # It opens sockets when it is imported.

        self.app = app
        self._ctx = ctx
        self._name = name
        self._cache = msal.SerializableTokenCache()
        self._way = ""
        self._renewed_to = ""
        self._tenant = ""
        """What Entra calls the tenant of the settings."""
        self._account = ""
        """The tenant of whoever has logged in."""
        self._renewing = asyncio.Lock()
        self._read(kept)

    async def get(self, *, refused: str | None = None, claims: str | None = None) -> str:
        """A token; another than ``refused``, which lacked ``claims``. Raises AuthError."""
        async with self._renewing:
            if refused is not None:
                self._forget(refused)
            token = self._current()
            return await self._renewed(claims) if token is None else token

    # -- by a code that is typed on any device (RFC 8628)

    async def begin_device(self) -> DeviceLogin:
        """Ask for a code."""

        def begin(client: Any) -> JSONObject:
            flow: JSONObject = client.initiate_device_flow(scopes=self.app.scopes)
            return flow

        flow = await self._in_thread(DEVICE, begin)
        if "user_code" not in flow:
            raise refusal(flow)
        return DeviceLogin(
            user_code=flow["user_code"],
            verification_url=flow.get("verification_uri") or flow["verification_url"],
            expires_in=float(flow.get("expires_in", 900)),
            interval=float(flow.get("interval", 5)),
            state=flow,
        )

    async def poll_device(self, login: DeviceLogin) -> Mapping[str, str | None] | None:
        """The login, once the code was typed; None before."""

        def poll(client: Any) -> JSONObject:
            # As if it had expired: msal then asks once and does not wait.
            self._cache.deserialize(None)  # The login before may be somebody else's.
            found: JSONObject = client.acquire_token_by_device_flow(login.state | {"expires_at": 0})
            return found

        answer = await self._in_thread(DEVICE, poll)
        match answer.get("error"):
            case "authorization_pending":
                return None
            case "slow_down":
                raise RateLimitedError("it was asked too soon", retry_after=login.interval + 5)
            case "authorization_declined" | "access_denied":
                raise AuthError("the login was cancelled", code="login_cancelled", cure=AGAIN)
            case "expired_token" | "code_expired":
                raise AuthError("nobody logged in in time", code="login_expired", cure=AGAIN)
        return self._taken(answer, DEVICE)

    # -- by a browser that comes back (RFC 6749 with PKCE)

    def authorize_url(self, request: Authorization) -> str:
        """Where to send the browser; no I/O."""
        challenge = hashlib.sha256(request.verifier.encode()).digest()
        query = {
            "client_id": self.app.client_id,
            "response_type": "code",
            "response_mode": "query",
            "redirect_uri": request.redirect_uri,
            "scope": " ".join([*self.app.scopes, "offline_access", "openid", "profile"]),
            "state": request.state,
            "nonce": hashlib.sha256(_nonce(request).encode()).hexdigest(),
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
            "client_info": "1",
            "prompt": "select_account",
        }
        return f"{self.app.authority}/oauth2/v2.0/authorize?{urlencode(query)}"

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """The login that a browser brought back; raises AuthError."""
        if params.get("error") == "access_denied":
            raise AuthError("the login was cancelled", code="login_cancelled")
        flow = {
            "state": request.state,
            "redirect_uri": request.redirect_uri,
            "scope": self.app.scopes,
            "code_verifier": request.verifier,
            "nonce": _nonce(request),
        }

        def exchange(client: Any) -> JSONObject:
            self._cache.deserialize(None)
            found: JSONObject = client.acquire_token_by_auth_code_flow(flow, dict(params))
            return found

        return self._taken(await self._in_thread(WEB, exchange), WEB)

    # -- what is kept

    def _read(self, kept: str | None) -> None:
        """Take up what an earlier provider has kept; what nobody can read is no login."""
        try:
            found = json.loads(kept or "{}")
            self._cache.deserialize(json.dumps(found.get("cache", {})))
            self._way = str(found.get("way", ""))
            # Of another setting it says nothing: then Entra is asked before a token is used.
            self._tenant = found.get("tenants", {}).get(self.app.tenant, "")
            self._account = str(found.get("account", ""))
        except (ValueError, AttributeError):
            self._way = ""

    def _written(self) -> dict[str, str | None]:
        found = {
            "way": self._way,
            "tenants": {self.app.tenant: self._tenant},
            "account": self._account,
            "cache": json.loads(self._cache.serialize()),
        }
        return {self._name: json.dumps(found, separators=(",", ":"))}

    def _current(self) -> str | None:
        """A token that is good for a while, without asking anybody."""
        for one in self._access_tokens() if self._tenant else ():
            # One that was renewed here and now is used to its end, however short its life is.
            early = 0.0 if one["secret"] == self._renewed_to else _EARLY
            if float(one.get("expires_on", 0)) > time.time() + early:
                return str(one["secret"])
        return None

    def _access_tokens(self) -> list[JSONObject]:
        kind = self._cache.CredentialType.ACCESS_TOKEN
        return list(self._cache.search(kind, target=self.app.scopes))

    def _forget(self, refused: str) -> None:
        """Graph takes a token no more: nor is it kept."""
        for one in self._access_tokens():
            if one["secret"] == refused:
                self._cache.remove_at(one)

    def _who(self, client: Any) -> JSONObject:
        """Who has logged in; raises AuthError for an account that may not come in."""
        accounts = client.get_accounts()
        if not accounts:
            raise refusal({"error": "invalid_grant"})
        self.app.require_tenant(self._account, self._tenant)
        account: JSONObject = accounts[0]
        return account

    async def _renewed(self, claims: str | None) -> str:
        if not self._way:
            raise AuthError("nobody has logged in to Microsoft yet", cure=AGAIN, code="no_login")

        def renew(client: Any) -> JSONObject:
            found: JSONObject | None = client.acquire_token_silent_with_error(
                self.app.scopes,
                account=self._who(client),
                force_refresh=True,
                claims_challenge=claims,
            )
            return found or {"error": "invalid_grant"}

        answer = await self._in_thread(self._way, renew)
        if "access_token" not in answer:
            raise refusal(answer)
        if self._cache.has_state_changed:
            await self._ctx.keep_secrets(self._written())
        self._renewed_to = str(answer["access_token"])
        return self._renewed_to

    def _taken(self, answer: JSONObject, way: str) -> Mapping[str, str | None]:
        """A login's tokens, as they are kept; raises AuthError for another tenant's account."""
        if "access_token" not in answer:
            raise refusal(answer)
        claims = answer.get("id_token_claims") or {}
        self._account = str(claims.get("tid") or "")
        self.app.require_tenant(self._account, self._tenant)
        self._way = way
        return self._written()

    async def _in_thread(self, way: str, work: Callable[[Any], T]) -> T:
        """Let msal work, and tell what went wrong in the contract's words."""
        import requests

        from bloop_sdk.bridges.requests import session

        http = session(self._ctx.http)

        def run() -> T:
            return work(self._client(way, http))

        try:
            return await self._ctx.run_sync(run)
        except BloopError:
            raise
        except (json.JSONDecodeError, KeyError, requests.RequestException) as err:
            raise UnavailableError(f"{self.app.authority} gave no answer of Entra's") from err
        except (ValueError, RuntimeError) as err:
            if isinstance(err.__context__, json.JSONDecodeError):
                raise UnavailableError(f"{self.app.authority} gave no answer of Entra's") from err
            raise AuthError(
                f"{self.app.authority} knows no such login",
                cure="see that tenant is the id or the domain of a tenant, and log in again",
            ) from err

    def _client(self, way: str, http: requests.Session) -> Any:
        import msal

        kind = msal.PublicClientApplication
        more: JSONObject = {}
        if way == WEB:
            kind = msal.ConfidentialClientApplication
            more["client_credential"] = self.app.client_secret
        client = kind(
            self.app.client_id,
            authority=self.app.authority,
            token_cache=self._cache,
            http_client=http,
            instance_discovery=False,
            client_capabilities=_CAPABILITIES,
            **more,
        )
        self._tenant = str(client.authority.tenant)
        return client


def account_of(kept: str | None) -> str | None:
    """Whose login a setting keeps: the same whatever is renewed of it, and None without one."""
    try:
        accounts = json.loads(kept or "{}").get("cache", {}).get("Account", {})
        return next((str(one["home_account_id"]) for one in accounts.values()), None)
    except (ValueError, AttributeError, LookupError, TypeError):
        return None


def _nonce(request: Authorization) -> str:
    """One that both halves of a login come to, from what the browser never sees."""
    return hashlib.sha256(f"nonce {request.verifier}".encode()).hexdigest()
