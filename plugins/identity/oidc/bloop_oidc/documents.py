"""Discovery documents and keys, remembered; keys are read again when a new one is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bloop_oidc.answers import fetch
from bloop_oidc.config import is_safe
from bloop_sdk import FatalError, HttpClient, Request

FRESH_SECONDS = 3600.0
"""For so long a document is used again; an issuer that withdraws a key is believed after it."""

PAUSE_SECONDS = 30.0
"""Between two readings of keys because of a key that is not among them."""

MOST = 200


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    document: Mapping[str, Any]


class Documents:
    """The documents of a process. They are public, so institutions share them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def metadata(self, http: HttpClient, discovery: str, issuer: str) -> Mapping[str, Any]:
        """An issuer's metadata (OpenID Connect Discovery, section 4).

        Raises FatalError for another issuer's, and for addresses that are not safe.
        """
        found = await self._read(http, discovery, FRESH_SECONDS)
        if found.get("issuer") != issuer:
            self._kept.pop(discovery, None)
            raise FatalError(
                f"{discovery} is of the issuer {str(found.get('issuer'))[:200]!r}, not {issuer!r}",
                cure="write the issuer in the settings exactly as it names itself",
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not isinstance(address := found.get(name), str) or not is_safe(address):
                self._kept.pop(discovery, None)
                raise FatalError(
                    f"{discovery}: {name} is no address of https",
                    cure="ask whoever runs the issuer",
                )
        return found

    async def keys(self, http: HttpClient, address: str, kid: str | None) -> list[dict[str, Any]]:
        """The keys at an address, read once more where ``kid`` is not among them."""
        kept = _keys(await self._read(http, address, FRESH_SECONDS))
        if kid is None or any(key.get("kid") == kid for key in kept):
            return kept
        return _keys(await self._read(http, address, PAUSE_SECONDS))

    async def _read(self, http: HttpClient, address: str, fresh: float) -> Mapping[str, Any]:
        kept, now = self._kept.get(address), self._clock()
        if kept is not None and now - kept.at < fresh:
            return kept.document
        if kept is not None:
            # So that of many who come at once with an unknown key, one asks.
            self._kept[address] = _Kept(now, kept.document)
        try:
            document = await fetch(http, Request(url=address, headers=_JSON))
        except Exception:
            if kept is not None:
                self._kept[address] = kept
            raise
        if len(self._kept) >= MOST:
            self._kept.clear()
        self._kept[address] = _Kept(self._clock(), document)
        return document


_JSON = {"Accept": "application/json"}


def _keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document.get("keys")
    return [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
