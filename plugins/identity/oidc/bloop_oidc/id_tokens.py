"""ID tokens (OpenID Connect Core, section 3.1.3.7): signature by joserfc, claims by Authlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bloop_oidc.answers import AGAIN
from bloop_sdk import AuthError

ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures by a private key. A shared secret signs nothing here, and ``none`` is no signature."""

LEEWAY_SECONDS = 60
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


def kid_of(token: str) -> str | None:
    """The name of the key that a token says it was signed with; raises AuthError."""
    header = _header(token)
    kid = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(kid, str | None):
        raise AuthError("the ID token is signed by no algorithm that is allowed", cure=AGAIN)
    return kid


def verified(
    token: str,
    keys: Sequence[Mapping[str, Any]],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
) -> dict[str, Any]:
    """The claims of a genuine token for this login; raises AuthError.

    ``{tenantid}`` in the issuer (and in that of a key) stands for the claim ``tid``.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    key = _key_for(_header(token), keys)
    try:
        decoded = jwt.decode(token, import_key(dict(key)), algorithms=list(ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": _of_tenant(issuer, decoded.claims)},
                "aud": {"essential": True, "value": client_id},
                "sub": {"essential": True},
            },
            {"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(leeway=LEEWAY_SECONDS)
        of_key = key.get("issuer", issuer)
        if not isinstance(of_key, str) or _of_tenant(of_key, claims) != claims["iss"]:
            raise AuthError("the ID token is signed with a key of another issuer", cure=AGAIN)
    except JoseError as err:
        # Its text may hold what the token does.
        raise AuthError(f"the ID token is not valid: {err.error}", cure=AGAIN) from None
    except (ValueError, TypeError, KeyError, RecursionError) as err:
        raise AuthError(f"the ID token is malformed: {type(err).__name__}", cure=AGAIN) from None
    return dict(claims)


def _header(token: str) -> Mapping[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        return jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise AuthError("the ID token is malformed", cure=AGAIN) from None


def _key_for(header: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one key for a header; without ``kid`` only where there is no choice."""
    kind, kid = _KINDS[str(header["alg"])[:2]], header.get("kid")
    fitting = [
        key
        for key in keys
        if key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", header["alg"]) == header["alg"]
        and (kid is None or key.get("kid") == kid)
    ]
    if len(fitting) != 1:
        raise AuthError(
            "the ID token is signed with a key that the issuer does not publish, or names none",
            cure=AGAIN,
        )
    return {name: value for name, value in fitting[0].items() if name != "key_ops"}


def _of_tenant(issuer: str, claims: Mapping[str, Any]) -> str:
    return issuer.replace("{tenantid}", str(claims.get("tid", "")))
