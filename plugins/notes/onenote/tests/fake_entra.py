"""Microsoft Entra in memory, as far as msal asks it: discovery, device codes, tokens.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code and
.../v2-oauth2-auth-code-flow; a refresh token is another one after each renewal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bloop_sdk import Request, Response
from bloop_sdk.testing import reply

LOGIN = "https://login.example"
HOME = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"
APP = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
SECRET = "the value of a secret"
DOMAIN = "school.example"
SCOPES = ["https://graph.example/Notes.ReadWrite", "https://graph.example/User.Read"]


@dataclass
class Device:
    """A login by code; ``state`` is what Entra answers to who asks for it."""

    user_code: str
    state: str = "authorization_pending"


class FakeEntra:
    """See the module. ``tenant`` is whose account logs in."""

    def __init__(self) -> None:
        self.tenant = HOME
        self.public = True
        self.devices: dict[str, Device] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.refresh = {"refresh-0"}
        self.access = {"access-0"}
        self.revoked: str | None = None
        self.claims: list[str] = []
        self.count = 0
        self.lifetime = 3599

    def respond(self, request: Request) -> Response:
        """The answer to a request."""
        tenant, _, path = urlsplit(request.url).path.strip("/").partition("/")
        if tenant not in {"common", "organizations", "consumers", HOME, OTHER, DOMAIN}:
            return self._error("invalid_tenant", "AADSTS90002: Tenant not found.")
        if path == "v2.0/.well-known/openid-configuration":
            return self._configuration(tenant)
        form = dict(request.form or {})
        if form.get("client_id") != APP:
            return self._error("unauthorized_client", "AADSTS700016: Application not found.")
        if path == "oauth2/v2.0/devicecode":
            return self._device(form)
        if path == "oauth2/v2.0/token":
            return self._token(form)
        return reply(status=404)

    def _configuration(self, tenant: str) -> Response:
        named = HOME if tenant == DOMAIN else tenant
        base = f"{LOGIN}/{named}"
        return reply(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        )

    def _device(self, form: dict[str, str]) -> Response:
        self.count += 1
        code = f"device-{self.count}"
        self.devices[code] = Device(f"CODE{self.count:05d}")
        return reply(
            {
                "user_code": self.devices[code].user_code,
                "device_code": code,
                "verification_uri": "https://login.example/device",
                "expires_in": 900,
                "interval": 5,
                "message": "To sign in, use a web browser to open the page and enter the code.",
            }
        )

    def approve(self) -> None:
        """Somebody types the newest code and logs in."""
        self.devices[list(self.devices)[-1]].state = "approved"

    def log_in(self, url: str) -> dict[str, str]:
        """What a browser brings back whose owner logs in at an address."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.count += 1
        code = f"code-{self.count}"
        self.codes[code] = query
        return {"code": code, "state": query["state"], "session_state": "x"}

    def cancel(self, url: str) -> dict[str, str]:
        """What it brings back when they say no."""
        query = parse_qs(urlsplit(url).query)
        return {"error": "access_denied", "error_subcode": "cancel", "state": query["state"][0]}

    def _token(self, form: dict[str, str]) -> Response:
        if (secret := form.get("client_secret")) not in {None, SECRET}:
            return self._error("invalid_client", "AADSTS7000215: Invalid client secret.", 401)
        if (claims := form.get("claims")) is not None:
            self.claims.append(claims)
        match form.get("grant_type"):
            case "refresh_token":
                return self._renewed(form["refresh_token"])
            case "authorization_code":
                return self._exchanged(form, secret)
            case "urn:ietf:params:oauth:grant-type:device_code" | "device_code":
                if not self.public:
                    return self._error("invalid_client", "AADSTS7000218: a secret is needed.", 401)
                state = self.devices[form["device_code"]].state
                if state != "approved":
                    return self._error(state, f"AADSTS70016: {state}")
                return self._tokens({})
        return self._error("unsupported_grant_type", "AADSTS70003")

    def _renewed(self, token: str) -> Response:
        if self.revoked is not None:
            return self._error("invalid_grant", f"{self.revoked}: The grant is no longer good.")
        if token not in self.refresh:
            return self._error("invalid_grant", "AADSTS70000: The grant is invalid or malformed.")
        self.refresh.discard(token)
        return self._tokens({})

    def _exchanged(self, form: dict[str, str], secret: str | None) -> Response:
        query = self.codes.pop(form.get("code", ""), None)
        made = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(made).decode().rstrip("=")
        if secret is None:
            return self._error("invalid_client", "AADSTS7000218: a secret is needed.", 401)
        if query is None or query.get("code_challenge") != challenge:
            return self._error("invalid_grant", "AADSTS50148: The code_verifier does not match.")
        if query["redirect_uri"] != form.get("redirect_uri"):
            return self._error("invalid_grant", "AADSTS50011: The reply URL does not match.")
        return self._tokens({"nonce": query["nonce"]})

    def _tokens(self, claims: dict[str, str]) -> Response:
        self.count += 1
        access, refresh = f"access-{self.count}", f"refresh-{self.count}"
        self.access.add(access)
        self.refresh.add(refresh)
        return reply(tokens(access, refresh, self.tenant, self.lifetime, claims))

    @staticmethod
    def _error(word: str, description: str, status: int = 400) -> Response:
        return reply({"error": word, "error_description": description}, status=status)


def tokens(
    access: str, refresh: str, tenant: str, lifetime: int, claims: dict[str, str]
) -> dict[str, Any]:
    """What Entra answers with tokens."""
    now = int(time.time())
    whole = {
        "iss": f"{LOGIN}/{tenant}/v2.0", "aud": APP, "tid": tenant, "oid": "person", "sub": "sub",
        "iat": now, "exp": now + 3600, "preferred_username": "ada@school.example", **claims,
    }  # fmt: skip
    return {
        "token_type": "Bearer",
        "scope": " ".join(["openid", "profile", *SCOPES]),
        "expires_in": lifetime,
        "access_token": access,
        "refresh_token": refresh,
        "id_token": f"{_part({'alg': 'none'})}.{_part(whole)}.",
        "client_info": _part({"uid": "person", "utid": tenant}),
    }


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def kept(access: str = "access-0", refresh: str = "refresh-0", *, tenant: str = HOME) -> str:
    """A login as a connection keeps it, made by msal's own cache, good for years."""
    import msal

    cache = msal.SerializableTokenCache()
    answer = tokens(access, refresh, tenant, 10**9, {})
    answer["id_token_claims"] = {
        "tid": tenant, "oid": "person", "sub": "sub", "preferred_username": "ada@school.example",
    }  # fmt: skip
    cache.add(
        {
            "client_id": APP,
            "scope": SCOPES,
            "token_endpoint": f"{LOGIN}/organizations/oauth2/v2.0/token",
            "environment": "login.example",
            "response": answer,
            "params": {},
            "data": {},
        }
    )
    found = {
        "way": "device",
        "tenants": {"organizations": "organizations"},
        "account": tenant,
        "cache": json.loads(cache.serialize()),
    }
    return json.dumps(found)
