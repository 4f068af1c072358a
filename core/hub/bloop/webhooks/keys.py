"""Secrets of endpoints, and signatures by them.

Each is derived from one key of the hub by HKDF-SHA256 (RFC 5869), over the endpoint's id and the
secret's version. That key is sealed in the database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bloop.store.hub_secrets import find_secret, make_secret
from bloop.store.unit import UnitOfWork
from bloop_sdk import ConfigError

PREFIX = "whsec_"
KEY_BYTES = 32
FORMER_FILE = "webhooks.key"
"""Where the key was before the database kept it; one that is found there is taken over."""

_NAME = "webhooks"


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of all endpoints of a hub."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """What tells this key from others, and tells nothing of it."""
        return hkdf(self.key, b"bloop webhooks key id").hex()[:16]

    def secret(self, endpoint_id: str, version: int) -> bytes:
        """The secret of an endpoint, 32 bytes."""
        return hkdf(self.key, f"bloop webhooks secret {endpoint_id} {version}".encode())

    def shown(self, endpoint_id: str, version: int) -> str:
        """The same as its receiver keeps it: ``whsec_`` and base64."""
        return PREFIX + base64.b64encode(self.secret(endpoint_id, version)).decode()

    def current(
        self, endpoint_id: str, key_id: str, version: int, old_until: datetime | None, now: datetime
    ) -> list[bytes]:
        """The secrets that hold now, the newest first; raises ConfigError for another key's."""
        if key_id != self.id:
            raise ConfigError(
                "the endpoint's secret was made with another key than this database has",
                cure="rotate the secret",
            )
        versions = [version]
        if old_until is not None and old_until > now:
            versions.append(version - 1)
        return [self.secret(endpoint_id, one) for one in versions]


class Keyring:
    """The key behind the secrets: read from the database, or made, when first needed.

    ``folder`` is where :data:`FORMER_FILE` would be.
    """

    def __init__(self, folder: Path) -> None:
        self._former = folder / FORMER_FILE
        self.known: Secrets | None = None
        """The secrets, once the key was found in the database."""

    def of(self, unit: UnitOfWork) -> Secrets:
        """The secrets. Raises ConfigError and SealError where the key can't be had."""
        if self.known is not None:
            return self.known
        found = find_secret(unit, _NAME)
        if found is not None:
            self.known = Secrets(found)
            return self.known
        # Not remembered: this unit may yet be rolled back. Somebody else may have been first.
        key = self._read_former() or os.urandom(KEY_BYTES)
        return Secrets(make_secret(unit, _NAME, key))

    def _read_former(self) -> bytes | None:
        try:
            text = self._former.read_text("ascii", errors="replace").strip()
        except FileNotFoundError:
            return None
        with suppress(ValueError):
            if len(key := bytes.fromhex(text)) == KEY_BYTES:
                return key
        raise ConfigError(
            f"{self._former} holds no key of {KEY_BYTES} bytes in hexadecimal digits",
            cure="restore it from a backup, or remove it and rotate every endpoint's secret",
        )


def sign(secrets: Sequence[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``: one signature for each secret, the scheme's v1."""
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    made = (hmac.digest(secret, signed, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)


def hkdf(key: bytes, info: bytes, salt: bytes = b"") -> bytes:
    """The first 32 bytes that HKDF-SHA256 gives: one block, so one round of its expansion."""
    extracted = hmac.digest(salt or bytes(hashlib.sha256().digest_size), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")
