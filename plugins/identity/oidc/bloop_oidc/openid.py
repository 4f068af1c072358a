"""Login with an OpenID provider: the code flow with PKCE (OpenID Connect Core, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from bloop_oidc.answers import AGAIN, ClientRefusedError, code_of, fetch, post, text_of
from bloop_oidc.config import ProviderSettings, is_safe
from bloop_oidc.documents import Documents
from bloop_oidc.id_tokens import kid_of, verified
from bloop_oidc.presets import alias_of, issuer_of, lists_tenant, of_cloud, vouches
from bloop_sdk import AuthError, HttpClient, Request
from bloop_sdk.providers.identity import Identity, LoginRequest

_OF_THE_TOKEN = frozenset(
    {"iss", "aud", "exp", "nbf", "iat", "auth_time", "nonce", "azp", "at_hash", "c_hash", "jti"}
)


class OpenIDLogin:
    """One provider."""

    def __init__(
        self,
        settings: ProviderSettings,
        secret: str | None,
        http: HttpClient,
        documents: Documents,
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._http = http
        self._documents = documents
        self._issuer, self._discovery = issuer_of(settings)

    async def authorize_url(self, request: LoginRequest) -> str:
        """Where to send the browser."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        metadata = await self._metadata()
        return str(
            prepare_grant_uri(
                metadata["authorization_endpoint"],
                self._settings.client_id,
                "code",
                request.redirect_uri,
                " ".join(self._settings.scopes),
                request.state,
                nonce=request.nonce,
                code_challenge=create_s256_code_challenge(request.verifier),
                code_challenge_method="S256",
                prompt=self._settings.prompt,
            )
        )

    async def exchange(self, request: LoginRequest, params: Mapping[str, str]) -> Identity:
        """Who came back."""
        metadata = await self._metadata()
        names_issuer = metadata.get("authorization_response_iss_parameter_supported") is True
        given = params.get("iss")
        # Of a template, the tenant is known only from the token: then it is compared with that.
        templated = "{tenantid}" in self._issuer and given is not None
        code = code_of(params, str(given) if templated else self._issuer, names_issuer=names_issuer)
        token = await self._token(metadata, request, code)
        claims = await self._claims(metadata, request, token)
        if templated and given != claims["iss"]:
            raise AuthError("the answer is not of the issuer that was asked", cure=AGAIN)
        return self._identity(claims)

    async def _metadata(self) -> Mapping[str, Any]:
        return await self._documents.metadata(self._http, self._discovery, self._issuer)

    async def _token(
        self, metadata: Mapping[str, Any], request: LoginRequest, code: str
    ) -> dict[str, Any]:
        refused: AuthError | None = None
        for method in self._auth_methods(metadata):
            try:
                return await post(self._http, self._token_request(metadata, request, code, method))
            except AuthError as err:
                # Of two, the first says more: the code may be used up by then.
                refused = refused or err
                if not isinstance(err, ClientRefusedError):
                    break
        assert refused is not None, "there is a method at least"
        raise refused

    def _token_request(
        self, metadata: Mapping[str, Any], request: LoginRequest, code: str, method: str
    ) -> Request:
        from authlib.oauth2.auth import ClientAuth
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        body = prepare_token_request(
            "authorization_code",
            redirect_uri=request.redirect_uri,
            code=code,
            code_verifier=request.verifier,
        )
        headers = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        identifier, secret = self._settings.client_id, self._secret or ""
        if method == "client_secret_basic":
            # RFC 6749, section 2.3.1: encoded as in a form first, which Authlib leaves out.
            identifier, secret = quote_plus(identifier), quote_plus(secret)
        url, headers, body = ClientAuth(identifier, secret, method).prepare(
            "POST", metadata["token_endpoint"], headers, body
        )
        return Request(url=url, method="POST", headers=headers, body=body.encode())

    def _auth_methods(self, metadata: Mapping[str, Any]) -> Sequence[str]:
        """How to show the secret: which way a client is registered for, no metadata tells.

        Hydra, for one, knows both and takes one, by default the header.
        """
        if self._secret is None:
            return ("none",)
        known = metadata.get("token_endpoint_auth_methods_supported")
        listed = known if isinstance(known, list) else ()
        ways = [way for way in ("client_secret_post", "client_secret_basic") if way in listed]
        return ways or ("client_secret_basic",)

    async def _claims(
        self, metadata: Mapping[str, Any], request: LoginRequest, token: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The ID token's claims, and what only the userinfo endpoint knows."""
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            raise AuthError("the provider sent no ID token", cure="ask for the scope openid")
        access_token = access_token if isinstance(access_token, str) else None
        keys = await self._documents.keys(self._http, metadata["jwks_uri"], kid_of(id_token))
        claims = verified(
            id_token,
            of_cloud(metadata, keys),
            issuer=self._issuer,
            client_id=self._settings.client_id,
            nonce=request.nonce,
            access_token=access_token,
            alias=alias_of(self._settings),
        )
        if not lists_tenant(self._settings, claims):
            raise AuthError("the account is of a directory that is not listed", code="not_listed")
        address = metadata.get("userinfo_endpoint")
        wanted = "email" not in claims and self._settings.preset == "openid" and access_token
        if not wanted or not isinstance(address, str) or not is_safe(address):
            return claims
        more = await fetch(
            self._http, Request(url=address, headers={"Authorization": f"Bearer {access_token}"})
        )
        if more.get("sub") != claims["sub"]:
            raise AuthError("the userinfo endpoint tells of somebody else", cure=AGAIN)
        return {name: value for name, value in more.items() if name not in _OF_THE_TOKEN} | claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        from authlib.oidc.core import UserInfo

        subject = claims["sub"]
        if not 1 <= len(subject) <= 255:
            raise AuthError("the provider's name for this account is longer than 255", cure=AGAIN)
        email = text_of(claims.get("email"), 320)
        # People set these of themselves.
        own = {*UserInfo.REGISTERED_CLAIMS, *_OF_THE_TOKEN}
        return Identity(
            issuer=claims["iss"],
            subject=subject,
            name=text_of(claims.get("name"), 200),
            email=email,
            email_verified=email is not None and vouches(self._settings, claims),
            claims={name: value for name, value in claims.items() if name not in own},
        )
