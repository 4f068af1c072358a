"""Access tokens: JWTs of ten minutes, in the profile of RFC 9068.

They say who holds them, never what they may: role and account are read from the database. A token
is accepted in the one form in which it was made. Its first part is looked up among those of the
hub's keys, each part has to be the canonical base64 of its bytes, and a signature by Ed25519 is the
only one there is: so no two texts are one token.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass
from typing import Any

from bloop.accounts.tokens.models import TokenFamily
from bloop.accounts.tokens.signing import ALGORITHM, SigningKeys, encoded, header
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork

ACCESS_SECONDS = 600
LEEWAY_SECONDS = 5
"""So far apart the clocks of the hub's machines may be."""

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a valid access token says; ``expires`` in seconds since 1970, ``kid`` who signed it."""

    user: str
    institution: str
    family: str
    scopes: frozenset[str] | None
    expires: float
    kid: str


class AccessTokens:
    """Signs and reads the tokens of one hub, whose address is ``issuer``."""

    def __init__(self, keys: SigningKeys, issuer: str) -> None:
        self.keys = keys
        self.issuer = issuer
        self.audience = f"{issuer}/api"
        self._valid: dict[str, AccessClaims] = {}

    def sign(
        self, unit: UnitOfWork, family: TokenFamily, scopes: frozenset[str] | None = None
    ) -> str:
        """A token for who holds this family, narrowed to ``scopes``."""
        from joserfc import jwt

        now, signer = int(time.time()), self.keys.signer(unit)
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": family.user_id,
            "client_id": family.client,
            "iat": now,
            "exp": now + ACCESS_SECONDS,
            "jti": new_id(),
            "sid": family.id,
            "institution": family.institution_id,
        }
        if scopes is not None:
            claims["scope"] = " ".join(sorted(scopes))
        return jwt.encode(
            header(signer.kid), claims, signer.key, algorithms=[ALGORITHM], default_type=None
        )

    async def read(self, token: str) -> AccessClaims | None:
        """What a token says; None for one that is not this hub's, altered, expired or early.

        A signature is verified once; afterwards only the time is looked at.
        """
        known = self._valid.get(token)
        if known is None:
            known = await self._verified(token)
            if known is None:
                return None
            if len(self._valid) >= _MOST:
                self._valid.clear()
            self._valid[token] = known
        if known.expires <= time.time():
            del self._valid[token]
            return None
        return known

    async def _verified(self, token: str) -> AccessClaims | None:
        from joserfc import jwt
        from joserfc.errors import JoseError

        first, *others = token.split(".")
        found = await self.keys.verifier(first)
        if found is None or len(others) != 2 or not all(map(_is_canonical, others)):
            return None
        kid, key = found
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            iat={"essential": True},
            jti={"essential": True},
            sub={"essential": True},
            sid={"essential": True},
            institution={"essential": True},
        )
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
            registry.validate(claims)
        except (JoseError, ValueError):
            return None
        return _claims(claims, kid)


def _claims(claims: dict[str, Any], kid: str) -> AccessClaims:
    scope = claims.get("scope")
    return AccessClaims(
        user=str(claims["sub"]),
        institution=str(claims["institution"]),
        family=str(claims["sid"]),
        scopes=None if scope is None else frozenset(str(scope).split()),
        expires=float(claims["exp"]),
        kid=kid,
    )


def _is_canonical(part: str) -> bool:
    """Whether a part is the one text of its bytes: no padding, no other letters, no loose bits."""
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return encoded(data) == part
