"""An OpenID provider in memory that can be told to lie: for the plugin's tests and the hub's."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from bloop_sdk import Request, Response
from bloop_sdk.testing import reply

URL = "https://login.example.edu"
CLIENT = "hub"
SECRET = "s3cret of the hub"
Key = RSAKey | ECKey
Claims = dict[str, Any]


@cache
def rsa(kid: str) -> RSAKey:
    """The same key each time, for making one is slow."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


@cache
def ec(kid: str) -> ECKey:
    """As above."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).decode().rstrip("=")


def challenge_of(verifier: str) -> str:
    """PKCE's S256."""
    return encoded(hashlib.sha256(verifier.encode()).digest())


def query_of(url: str) -> dict[str, str]:
    """A URL's query."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class Issuer:
    """Logs one person in. Fields are what it says; a test changes them to what is wrong.

    ``header`` and ``claims`` are laid over an honest token's (None takes one away), ``token`` over
    the token endpoint's answer, ``metadata`` over the discovery document, ``back`` over what the
    browser brings back; ``signs`` makes the token of both; ``paths`` answer instead.
    """

    url: str = URL
    key: Key = field(default_factory=lambda: ec("one"))
    published: list[Key] = field(default_factory=lambda: [ec("one")])
    person: Claims = field(
        default_factory=lambda: {
            "sub": "ada-1",
            "name": "Ada Lovelace",
            "email": "ada@example.edu",
            "email_verified": True,
        }
    )
    userinfo: Claims | None = None
    header: Claims = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)
    token: Claims = field(default_factory=dict)
    metadata: Claims = field(default_factory=dict)
    back: Claims = field(default_factory=dict)
    signs: Callable[[Claims, Claims], str] | None = None
    paths: dict[str, Response] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def log_in(self, url: str) -> dict[str, str]:
        """What a browser brings back from the page at ``url``."""
        query = query_of(url)
        code = f"code-{len(self.asked)}-{len(self.codes)}-of-the-issuer"
        self.codes[code] = query
        return _over({"code": code, "state": query["state"], "iss": self.url}, self.back)

    def cancel(self, url: str) -> dict[str, str]:
        """What it brings back from somebody who says no."""
        return {"error": "access_denied", "state": query_of(url)["state"], "iss": self.url}

    async def answer(self, request: Request) -> Response:
        """As a system of the kit."""
        path = urlsplit(request.url).path
        self.asked.append(path)
        if path in self.paths:
            return self.paths[path]
        match path:
            case "/.well-known/openid-configuration":
                return reply(self.discovery())
            case "/keys":
                return reply({"keys": [key.as_dict(private=False) for key in self.published]})
            case "/token":
                return self._token(request.form or {}, request.headers)
            case "/userinfo" if request.headers.get("authorization") == "Bearer access-1":
                return reply(self.userinfo or self.person)
        return reply({"error": "not_found"}, status=404)

    def discovery(self) -> Claims:
        """The discovery document."""
        return _over(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
                "authorization_response_iss_parameter_supported": True,
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            },
            self.metadata,
        )

    def _token(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Response:
        query = self.codes.pop(form.get("code", ""), None)
        if form.get("client_secret") != SECRET and "authorization" not in headers:
            return reply({"error": "invalid_client"}, status=401)
        if query is None or challenge_of(form["code_verifier"]) != query["code_challenge"]:
            return reply({"error": "invalid_grant"}, status=400)
        if form["redirect_uri"] != query["redirect_uri"]:
            return reply({"error": "invalid_grant"}, status=400)
        answer = {
            "access_token": "access-1",
            "token_type": "Bearer",
            "id_token": self.id_token(query["nonce"]),
        }
        return reply(_over(answer, self.token))

    def id_token(self, nonce: str) -> str:
        """A token for a login, with whatever is wrong with it."""
        now = int(time.time())
        alg = "RS256" if isinstance(self.key, RSAKey) else "ES256"
        at_hash = encoded(hashlib.sha256(b"access-1").digest()[:16])
        header = _over({"alg": alg, "kid": self.key.kid}, self.header)
        honest = {"iss": self.url, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce}
        claims = _over({**honest, "at_hash": at_hash, **self.person}, self.claims)
        if self.signs is not None:
            return self.signs(header, claims)
        # Issuers put things of their own into a header.
        loose = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jwt.encode(header, claims, self.key, registry=loose)


def unsigned(header: Claims, claims: Claims) -> str:
    """A token that says it needs no signature."""
    return f"{_part({**header, 'alg': 'none'})}.{_part(claims)}."


def forged(header: Claims, claims: Claims) -> str:
    """A token with somebody's idea of a signature."""
    return f"{_part(header)}.{_part(claims)}.{encoded(b'x' * 64)}"


def signed_with_the_public_key(key: RSAKey) -> Callable[[Claims, Claims], str]:
    """HS256 with what everybody knows: the attack on libraries that let the token choose."""
    public = key.as_pem(private=False)

    def sign(header: Claims, claims: Claims) -> str:
        told = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
        return f"{told}.{encoded(hmac.digest(public, told.encode(), 'sha256'))}"

    return sign


def _part(content: Claims) -> str:
    return encoded(json.dumps(content).encode())


def _over(honest: Claims, lies: Claims) -> Claims:
    return {name: value for name, value in (honest | lies).items() if value is not None}
