"""Secrets of endpoints, and signatures by them.

No secret is in the database: each is derived from one key of the hub, a file that only its owner
may read, by HKDF-SHA256 (RFC 5869) over the endpoint's id and the secret's version.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path

from bloop_sdk import ConfigError

PREFIX = "whsec_"
KEY_BYTES = 32
FILE = "webhooks.key"


class Keyring:
    """The secrets of all endpoints of a hub; the key is read, or made, when first needed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    @cached_property
    def _key(self) -> bytes:
        with suppress(FileNotFoundError):
            return self._read()
        _make(self._path)
        return self._read()

    def _read(self) -> bytes:
        text = self._path.read_text("ascii", errors="replace").strip()
        with suppress(ValueError):
            if len(key := bytes.fromhex(text)) == KEY_BYTES:
                return key
        raise ConfigError(
            f"{self._path} holds no key of {KEY_BYTES} bytes in hexadecimal digits",
            cure="restore it from a backup, or remove it and rotate every endpoint's secret",
        )

    @cached_property
    def id(self) -> str:
        """What tells this key from others, and tells nothing of it."""
        return hkdf(self._key, b"bloop webhooks key id").hex()[:16]

    def secret(self, endpoint_id: str, version: int) -> bytes:
        """The secret of an endpoint, 32 bytes."""
        return hkdf(self._key, f"bloop webhooks secret {endpoint_id} {version}".encode())

    def shown(self, endpoint_id: str, version: int) -> str:
        """The same as its receiver keeps it: ``whsec_`` and base64."""
        return PREFIX + base64.b64encode(self.secret(endpoint_id, version)).decode()

    def current(
        self, endpoint_id: str, key_id: str, version: int, old_until: datetime | None, now: datetime
    ) -> list[bytes]:
        """The secrets that hold now, the newest first; raises ConfigError for another key's."""
        if key_id != self.id:
            raise ConfigError(
                f"the endpoint's secret was made with another key than {self._path}",
                cure=f"put the same {FILE} on every machine of the hub, or rotate the secret",
            )
        versions = [version]
        if old_until is not None and old_until > now:
            versions.append(version - 1)
        return [self.secret(endpoint_id, one) for one in versions]


def sign(secrets: Sequence[bytes], id_: str, timestamp: int, body: bytes) -> str:
    """The header ``webhook-signature``: one signature for each secret, the scheme's v1."""
    signed = b".".join((id_.encode(), str(timestamp).encode(), body))
    made = (hmac.digest(secret, signed, "sha256") for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)


def hkdf(key: bytes, info: bytes, salt: bytes = b"") -> bytes:
    """The first 32 bytes that HKDF-SHA256 gives: one block, so one round of its expansion."""
    extracted = hmac.digest(salt or bytes(hashlib.sha256().digest_size), key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _make(path: Path) -> None:
    """Write a new key; where another process is first, its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".webhooks-")  # Mode 0600.
    try:
        with os.fdopen(handle, "w") as file:
            file.write(os.urandom(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces what is there.
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        Path(unfinished).unlink()
