"""A passkey device in software (WebAuthn, sections 6 and 7): ES256, one key for each account.

It does what an honest device does; a test that needs a dishonest one changes ``counter``, the
options it is given, or says what to answer for.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

JSONObject = dict[str, Any]

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """A device with one credential.

    ``counts`` says whether it has a counter, ``verifies`` whether it asks who holds it, and
    ``attestation`` is ``none`` or ``packed`` (self attestation).
    """

    origin: str = "http://localhost:8080"
    counts: bool = True
    verifies: bool = True
    attestation: str = "none"
    counter: int = 0
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    handle: str = ""

    def create(self, options: JSONObject, **said: Any) -> JSONObject:
        """What ``navigator.credentials.create`` gives as JSON; ``said`` overrides client data."""
        self.handle = options["user"]["id"]
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + self._cose()
        data = self._data(options["rp"]["id"], ATTESTED) + attested
        client = self._client("webauthn.create", options, said)
        statement: JSONObject = {}
        if self.attestation == "packed":
            statement = {"alg": -7, "sig": self._sign(data + _sha256(client))}
        made = cbor2.dumps({"fmt": self.attestation, "attStmt": statement, "authData": data})
        return self._credential(
            {
                "clientDataJSON": _text(client),
                "attestationObject": _text(made),
                "transports": ["internal", "made-up"],
            }
        )

    def get(self, options: JSONObject, **said: Any) -> JSONObject:
        """What ``navigator.credentials.get`` gives as JSON; ``said`` overrides client data."""
        self.counter += self.counts
        data = self._data(options["rpId"], 0)
        client = self._client("webauthn.get", options, said)
        return self._credential(
            {
                "clientDataJSON": _text(client),
                "authenticatorData": _text(data),
                "signature": _text(self._sign(data + _sha256(client))),
                "userHandle": self.handle,
            }
        )

    def _client(self, kind: str, options: JSONObject, said: JSONObject) -> bytes:
        told = {
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(told | said).encode()

    def _data(self, rp_id: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return _sha256(rp_id.encode()) + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _cose(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        made: bytes = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        return made

    def _sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def _credential(self, response: JSONObject) -> JSONObject:
        return {
            "id": _text(self.id),
            "rawId": _text(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }


def challenge_of(credential: JSONObject) -> bytes:
    """What a credential answers."""
    said = json.loads(_bytes(credential["response"]["clientDataJSON"]))
    return _bytes(said["challenge"])


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
