"""Secrets at rest: AES-256-GCM, a data key for each record, wrapped by a versioned master key.

A sealed value is bound to its place (table, column, row, plugin) by GCM's associated data: copied
into another row, or read for another plugin, it does not open. Its form, in bytes: 1 (form 1),
4 (version of the master key, big-endian), 12 + 48 (nonce and wrapped data key), 12 + n + 16 (nonce
and value).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bloop_sdk import BloopError

KEY_BYTES = 32
_NONCE, _TAG, _HEAD = 12, 16, 5
_WRAPPED = _NONCE + KEY_BYTES + _TAG
_FORM = b"\x01"


class SealError(BloopError):
    """A sealed value does not open: another key, another place, or altered."""

    code = "seal_broken"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value stands; ``plugin`` is empty for the hub's own."""

    table: str
    column: str
    row: str
    plugin: str = ""

    @property
    def aad(self) -> bytes:
        """What the value is bound to; JSON, so that no two places read alike."""
        return json.dumps([self.table, self.column, self.row, self.plugin]).encode()


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """Master keys by version, each of 32 bytes; ``current`` seals, the others only open."""

    keys: Mapping[int, bytes]
    current: int

    def __repr__(self) -> str:
        return f"MasterKeys(current={self.current})"


class Sealer:
    """Seals and opens values."""

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys

    def seal(self, value: bytes, place: Place) -> bytes:
        """The value, to be kept at this place and no other."""
        version, data_key = self._keys.current, AESGCM.generate_key(KEY_BYTES * 8)
        head = _FORM + version.to_bytes(4, "big")
        wrapped = _encrypt(self._keys.keys[version], data_key, head + place.aad)
        return head + wrapped + _encrypt(data_key, value, place.aad)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """The value; raises :class:`SealError`."""
        head, rest = sealed[:_HEAD], sealed[_HEAD:]
        key = self._keys.keys.get(version_of(sealed))
        if key is None:
            raise SealError(
                f"{place.table}.{place.column} of {place.row} was sealed with master key "
                f"{version_of(sealed)}, which this hub does not have",
                cure="add that key to the ring again, from a backup",
            )
        try:
            data_key = _decrypt(key, rest[:_WRAPPED], head + place.aad)
            return _decrypt(data_key, rest[_WRAPPED:], place.aad)
        except (InvalidTag, ValueError) as err:
            raise SealError(
                f"{place.table}.{place.column} of {place.row} does not open: it was altered, "
                "moved, or sealed with another key",
                cure="restore the row and its master key from one backup, or set the secret anew",
            ) from err

    def rewrap(self, sealed: bytes, place: Place) -> bytes:
        """The same value under the current master key."""
        return self.seal(self.open(sealed, place), place)


def version_of(sealed: bytes) -> int:
    """The version of the master key that a value was sealed with; -1 for another form."""
    return int.from_bytes(sealed[1:_HEAD], "big") if sealed[:1] == _FORM else -1


def _encrypt(key: bytes, value: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, value, aad)


def _decrypt(key: bytes, sealed: bytes, aad: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
