from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bloop.store.database import in_unit
from bloop.store.models import HubSecret
from bloop.store.types import utcnow
from bloop.webhooks.keys import FORMER_FILE, Keyring, Secrets, hkdf, sign
from bloop_sdk import ConfigError

SECRETS = Secrets(b"k" * 32)


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


def test_the_key_is_made_once_and_kept_sealed(database, call, tmp_path):
    rings = [Keyring(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda ring: in_unit(database, call, ring.of), rings))
    assert len({one.id for one in made}) == 1
    with database.unit(call) as unit:
        sealed = unit.session.get(HubSecret, "webhooks").value
    assert made[0].key not in sealed
    assert "key" not in repr(made[0])


def test_a_key_of_a_unit_that_was_rolled_back_is_not_used_again(database, call, keyring):
    lost = []

    def fails(unit):
        lost.append(keyring.of(unit).id)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_unit(database, call, fails)
    assert in_unit(database, call, keyring.of).id not in lost


def test_a_key_that_was_in_a_file_is_taken_over(database, call, tmp_path):
    (tmp_path / FORMER_FILE).write_text((b"f" * 32).hex() + "\n")
    assert in_unit(database, call, Keyring(tmp_path).of) == Secrets(b"f" * 32)
    (tmp_path / FORMER_FILE).unlink()
    assert in_unit(database, call, Keyring(tmp_path).of) == Secrets(b"f" * 32)


def test_each_endpoint_and_version_has_its_own_secret():
    made = {SECRETS.secret(endpoint, version) for endpoint in "ab" for version in (1, 2)}
    assert len(made) == 4 and all(len(one) == 32 for one in made)


def test_a_damaged_file_is_told_and_not_replaced(database, call, tmp_path):
    (tmp_path / FORMER_FILE).write_text("abc\n")
    with pytest.raises(ConfigError, match="holds no key"):
        in_unit(database, call, Keyring(tmp_path).of)
    assert (tmp_path / FORMER_FILE).read_text() == "abc\n"


def test_the_old_secret_signs_until_its_time_is_over():
    now = utcnow()
    both = SECRETS.current("e", SECRETS.id, 2, now + timedelta(seconds=1), now)
    assert both == [SECRETS.secret("e", 2), SECRETS.secret("e", 1)]
    assert SECRETS.current("e", SECRETS.id, 2, now, now) == [SECRETS.secret("e", 2)]
    assert SECRETS.current("e", SECRETS.id, 2, None, now) == [SECRETS.secret("e", 2)]
