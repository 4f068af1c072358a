"""Signed addresses: who has one opens one route of a plugin as who signed it, until it expires.

An address ends in ``bloop_signature=CLAIMS.MAC``: claims are base64url of JSON, the code is
HMAC-SHA256 over plugin, path and claims. Its key is a secret of the hub's own, sealed in the
database: another master key seals it anew and changes no link.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.queries import SIGNER_ROLE
from bloop.accounts.sessions import GUEST, system_call
from bloop.accounts.tokens.queries import KEY_ROLE
from bloop.store.hub_secrets import find_secret, make_secret
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import to_text, utcnow
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace, UnsupportedError

if TYPE_CHECKING:
    from bloop.hub import Hub

PARAMETER = "bloop_signature"
LONGEST_SECONDS = 31 * 86400.0
_NAME = "links"
_KEY_BYTES = 32
_SAFE = "/:@!$&'()*+,;=~-._%?"


class LinkError(ForbiddenError):
    """A signed address that opens nothing: altered, expired, or of somebody who may not sign."""

    code = "link_invalid"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link says: a call of who signed it, and when it expires (Unix time)."""

    call: Call
    expires: float


class Links:
    """Signs addresses and opens them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._known: bytes | None = None

    def sign(
        self, call: Call, plugin_id: str, path: str, seconds: float, until: float | None = None
    ) -> str:
        """An address below ``/x/PLUGIN``; ``until`` is when the link ends that is used already.

        ``call`` is what the plugin may do for who signs. Raises UnsupportedError for no path.
        """
        if not path.startswith("/") or not path.isprintable() or {"#", "\\"} & set(path):
            raise UnsupportedError("a signed path begins with / and has no # or backslash")
        if not 0 < seconds <= LONGEST_SECONDS:
            raise UnsupportedError(f"a link is good for at most {LONGEST_SECONDS:.0f} seconds")
        expires = min(time.time() + seconds, until or float("inf"))
        principal = call.principal
        claims = {
            "by": f"{principal.kind}:{principal.id}",
            "in": call.institution,
            "may": None if principal.scopes is None else sorted(principal.scopes),
            "proved": principal.second_factor,
            "at": to_text(utcnow()),
            "until": round(expires),
        }
        told = _encoded(json.dumps(claims, separators=(",", ":")).encode())
        address, _, query = quote(path, safe=_SAFE).partition("?")
        mac = _mac(self._key(), plugin_id, unquote(address), query, told)
        query = f"{query}&" if query else ""
        return f"/x/{plugin_id}{address}?{query}{PARAMETER}={told}.{mac}"

    async def open(self, plugin_id: str, path: str, query: str, trace: Trace) -> Opened | None:
        """Who signed this address; None where it is not a signed one. Raises LinkError.

        ``path`` is decoded, ``query`` as it was sent; the signature stands at its end.
        """
        before, mark, signature = query.rpartition(f"{PARAMETER}=")
        if not mark or before[-1:] not in {"", "&"}:
            return None
        told, _, given = signature.partition(".")
        key = self._known or await self._hub.database.run(self._find)
        if key is None:
            raise _refused()
        mac = _mac(key, plugin_id, path, before[:-1], told)
        if not hmac.compare_digest(mac.encode(), given.encode()):
            raise _refused()
        claims = json.loads(base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)))
        if claims["until"] <= time.time():
            raise _refused()
        principal = await self._signer(claims)
        if principal is None:
            raise _refused()
        return Opened(Call(principal, claims["in"], trace), claims["until"])

    def proof(self, what: str, whose: str) -> str:
        """What an address of the hub's own ends in that is told to few; blocks the first time."""
        signed = json.dumps([what, whose])
        return _encoded(hmac.digest(self._key(), signed.encode(), "sha256"))

    async def _signer(self, claims: dict[str, Any]) -> Principal | None:
        """Who signed, as they are now; None where they may do nothing here any more."""
        kind, _, id_ = claims["by"].partition(":")
        may = None if claims["may"] is None else frozenset(claims["may"])
        call = system_call(claims["in"])
        database = self._hub.database
        if kind == PrincipalKind.GUEST:
            is_open = self._hub.config.value.access.guests == "read"
            return Principal(GUEST.kind, GUEST.id, GUEST.role, may) if is_open else None
        if kind == PrincipalKind.USER:
            row = await database.read_one(SIGNER_ROLE, call, id=id_)
        else:
            row = await database.read_one(KEY_ROLE, call, id=id_, now=utcnow())
        if row is None:
            return None
        good_from = row[1] if kind == PrincipalKind.USER else None
        if good_from is not None and claims["at"] < good_from:
            return None
        return Principal(PrincipalKind(kind), id_, Role(row[0]), may, bool(claims["proved"]))

    def _key(self) -> bytes:
        """The key, made where there is none; blocks for the database the first time."""
        known = self._known or self._find()
        if known is None:
            with self._hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
                known = make_secret(unit, _NAME, os.urandom(_KEY_BYTES))
            self._known = known
        return known

    def _find(self) -> bytes | None:
        with self._hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
            self._known = find_secret(unit, _NAME)
        return self._known


def _mac(key: bytes, plugin_id: str, path: str, query: str, claims: str) -> str:
    """Over what a request says, however it writes it: the path is decoded, the query parsed."""
    pairs = parse_qsl(query, keep_blank_values=True)
    signed = json.dumps(["link", plugin_id, path, pairs, claims])
    return _encoded(hmac.digest(key, signed.encode(), "sha256"))


def _refused() -> LinkError:
    return LinkError(
        "this link is not good, or not any more", cure="ask whoever sent it for a new one"
    )


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
