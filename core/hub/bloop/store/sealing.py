"""Secrets at rest: AES-256-GCM, a data key for each value, wrapped by a versioned master key.

A sealed value is bound to its place (table, column, row, plugin) by GCM's associated data: copied
into another row, or read for another plugin, it does not open. Its form, in bytes: 1 (form 1),
4 (version of the master key), 2 (length of the wrapped data key), the wrapped data key, 12 + n + 16
(nonce, value, tag). Numbers are big-endian.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bloop_sdk import BloopError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
HEAD_BYTES = 5
"""Form and version: what tells with which master key a value is sealed."""

_NONCE, _TAG, _LENGTH = 12, 16, 2
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

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of {self.row}"


class MasterKeys(Protocol):
    """Master keys by version: those of this machine, or of a service that keeps them (a KMS)."""

    @property
    def versions(self) -> frozenset[int]:
        """Those that can be used."""

    def proof(self, version: int) -> bytes:
        """What tells this key from any other (32 bytes), and tells nothing of it."""

    def wrap(self, version: int, data_key: bytes, aad: bytes) -> bytes:
        """The data key under a master key, bound to ``aad``; at most 65,535 bytes."""

    def unwrap(self, version: int, wrapped: bytes, aad: bytes) -> bytes:
        """The data key; raises ValueError where it does not open."""


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """Master keys of 32 bytes, known to this process."""

    keys: Mapping[int, bytes] = field(repr=False)
    _ciphers: dict[int, AESGCM] = field(default_factory=dict, repr=False, compare=False)

    @property
    def versions(self) -> frozenset[int]:
        """Those that can be used."""
        return frozenset(self.keys)

    def proof(self, version: int) -> bytes:
        """What tells this key from any other, and tells nothing of it."""
        return self._derived(version, "proof")

    def wrap(self, version: int, data_key: bytes, aad: bytes) -> bytes:
        """Nonce, data key and tag."""
        return _encrypt(self._cipher(version), data_key, aad)

    def unwrap(self, version: int, wrapped: bytes, aad: bytes) -> bytes:
        """The data key; raises ValueError where it does not open."""
        return _decrypt(self._cipher(version), wrapped, aad)

    def _cipher(self, version: int) -> AESGCM:
        cipher = self._ciphers.get(version)
        if cipher is None:
            cipher = self._ciphers[version] = _aes(self._derived(version, "wrap"))
        return cipher

    def _derived(self, version: int, purpose: str) -> bytes:
        return hmac.digest(self.keys[version], f"bloop master key {purpose}".encode(), "sha256")


class Sealer:
    """Seals and opens values with the master keys of a ring."""

    def __init__(self, keys: MasterKeys) -> None:
        self._keys = keys

    def seal(self, value: bytes, place: Place, version: int) -> bytes:
        """The value under a master key, to be kept at this place and no other."""
        data_key = os.urandom(KEY_BYTES)
        return self._wrapped(data_key, place, version) + _encrypt(_aes(data_key), value, place.aad)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """The value; raises :class:`SealError`."""
        data_key, rest = self._unwrapped(sealed, place)
        try:
            return _decrypt(_aes(data_key), rest, place.aad)
        except ValueError as err:
            raise _broken(place) from err

    def rewrap(self, sealed: bytes, place: Place, version: int) -> bytes:
        """The same value with its data key under another master key; the value is not touched."""
        data_key, rest = self._unwrapped(sealed, place)
        return self._wrapped(data_key, place, version) + rest

    def _wrapped(self, data_key: bytes, place: Place, version: int) -> bytes:
        head = head_of(version)
        wrapped = self._keys.wrap(version, data_key, head + place.aad)
        return head + len(wrapped).to_bytes(_LENGTH, "big") + wrapped

    def _unwrapped(self, sealed: bytes, place: Place) -> tuple[bytes, bytes]:
        """The data key, and the value under it."""
        version = version_of(sealed)
        if version < 0:
            raise _broken(place)
        if version not in self._keys.versions:
            raise SealError(
                f"{place} was sealed with master key {version}, which this hub does not have",
                cure="add that key to the ring again, from a backup",
            )
        start = HEAD_BYTES + _LENGTH
        end = start + int.from_bytes(sealed[HEAD_BYTES:start], "big")
        aad = sealed[:HEAD_BYTES] + place.aad
        try:
            return self._keys.unwrap(version, sealed[start:end], aad), sealed[end:]
        except ValueError as err:
            raise _broken(place) from err


def head_of(version: int) -> bytes:
    """How a value begins that is sealed with this master key."""
    return _FORM + version.to_bytes(HEAD_BYTES - 1, "big")


def version_of(sealed: bytes) -> int:
    """The version of the master key that a value was sealed with; -1 for another form."""
    known = sealed[:1] == _FORM and len(sealed) > HEAD_BYTES
    return int.from_bytes(sealed[1:HEAD_BYTES], "big") if known else -1


def _broken(place: Place) -> SealError:
    return SealError(
        f"{place} does not open: it was altered or moved, or sealed with another key",
        cure="restore the row and its master key from one backup, or set the secret anew",
    )


def _aes(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # Not needed to start.

    return AESGCM(key)


def _encrypt(cipher: AESGCM, value: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, value, aad)


def _decrypt(cipher: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    """Raises ValueError for whatever was not encrypted so."""
    from cryptography.exceptions import InvalidTag

    if len(sealed) < _NONCE + _TAG:
        raise ValueError("too short")
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
    except InvalidTag as err:
        raise ValueError("another key, another place, or altered") from err
