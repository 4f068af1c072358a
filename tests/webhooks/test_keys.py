from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bloop.store.types import utcnow
from bloop.webhooks.keys import Keyring, hkdf, sign
from bloop_sdk import ConfigError


def test_signatures_are_those_of_the_specifications_own_library():
    # libraries/python/tests/test_webhooks.py of standard-webhooks/standard-webhooks
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    id_, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign([secret], id_, 1614265330, body) == expected
    other = sign([b"x" * 32], id_, 1614265330, body)
    assert sign([secret, b"x" * 32], id_, 1614265330, body) == f"{expected} {other}"


def test_derivation_is_hkdf():
    # RFC 5869, A.1: the first 32 of its 42 bytes
    found = hkdf(b"\x0b" * 22, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), bytes(range(13)))
    assert found.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path):
    rings = [Keyring(tmp_path / "new") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(lambda ring: ring.id, rings))
    assert len(ids) == 1
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Keyring(tmp_path / "new").secret("e", 1) == rings[0].secret("e", 1)


def test_each_endpoint_and_version_has_its_own_secret(keyring):
    made = {keyring.secret(endpoint, version) for endpoint in "ab" for version in (1, 2)}
    assert len(made) == 4 and all(len(one) == 32 for one in made)


def test_a_damaged_key_is_told_and_not_replaced(tmp_path):
    (tmp_path / "webhooks.key").write_text("abc\n")
    with pytest.raises(ConfigError, match="holds no key"):
        _ = Keyring(tmp_path).id
    assert (tmp_path / "webhooks.key").read_text() == "abc\n"


def test_the_old_secret_signs_until_its_time_is_over(keyring):
    now = utcnow()
    both = keyring.current("e", keyring.id, 2, now + timedelta(seconds=1), now)
    assert both == [keyring.secret("e", 2), keyring.secret("e", 1)]
    assert keyring.current("e", keyring.id, 2, now, now) == [keyring.secret("e", 2)]
    assert keyring.current("e", keyring.id, 2, None, now) == [keyring.secret("e", 2)]
