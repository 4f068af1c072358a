"""ID tokens (OpenID Connect Core, section 3.1.3.7): signature by joserfc, claims by Authlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bloop_oidc.answers import AGAIN
from bloop_sdk import AuthError

if TYPE_CHECKING:
    from joserfc.jws import JWSRegistry

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

LONGEST_HEADER = 16 * 1024
"""Bytes; some put the certificates of their key there."""

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
    alias: str | None = None,
) -> dict[str, Any]:
    """The claims of a genuine token for this login; raises AuthError.

    ``{tenantid}`` in the issuer (and in that of a key) stands for the claim ``tid``. A token that
    names the issuer by its ``alias`` is given back with its name.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    key = _key_for(_header(token), keys)
    try:
        decoded = jwt.decode(token, import_key(dict(key)), registry=_registry())
        said = decoded.claims
        if alias is not None and said.get("iss") == alias:
            said["iss"] = issuer
        params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
        wanted = _wanted(_of_tenant(issuer, said), client_id)
        claims = CodeIDToken(said, decoded.header, wanted, params)
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


def _wanted(issuer: str, client_id: str) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
        "sub": {"essential": True},
    }


def _header(token: str) -> Mapping[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        return jws.extract_compact(token.encode(), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise AuthError("the ID token is malformed", cure=AGAIN) from None


def _registry() -> JWSRegistry:
    """What a header may hold: whatever nobody knows is passed over (RFC 7515, section 4).

    Apereo CAS, Kanidm, CyberArk and Clerk put something of their own there; what ``crit`` names has
    to be known nevertheless.
    """
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    registry.max_header_length = LONGEST_HEADER
    return registry


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
