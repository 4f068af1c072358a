"""Recovery codes: ten, each once, of one person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bloop.accounts.mfa import proofs, recovery, service
from bloop.accounts.mfa.errors import ProofRefusedError
from bloop.store.errors import NotFoundError
from tests.accounts.mfa.conftest import audited


def check(person, code):
    return person.home.run(recovery.check, person.id, code)


def test_each_code_works_once_however_it_is_typed(ada):
    _, added = ada.passkey()
    first, second, *_ = added.recovery_codes
    assert check(ada, first) is None
    assert isinstance(check(ada, first), ProofRefusedError)
    assert check(ada, f" {second.upper().replace('-', ' ')} ") is None
    assert audited(ada.home, "mfa.recovery_code_used") == [{"left": 9}, {"left": 8}]


def test_a_code_is_of_one_person(ada):
    _, added = ada.passkey()
    bob = ada.home.person("Bob")
    bob.passkey()
    assert isinstance(check(bob, added.recovery_codes[0]), ProofRefusedError)
    assert check(ada, added.recovery_codes[0]) is None


def test_one_code_in_many_threads_is_taken_once(ada):
    _, added = ada.passkey()
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: check(ada, added.recovery_codes[0]), range(8)))
    assert outcomes.count(None) == 1


def test_new_codes_end_those_before(ada):
    _, added = ada.passkey()
    fresh = ada.home.run(service.make_codes, ada.id)
    assert len(set(fresh) | set(added.recovery_codes)) == 20
    assert isinstance(check(ada, added.recovery_codes[0]), ProofRefusedError)
    assert check(ada, fresh[0]) is None


def test_without_a_factor_there_are_no_codes(ada):
    with pytest.raises(NotFoundError, match="stand in for a factor"):
        ada.home.run(service.make_codes, ada.id)
    ada.passkey()
    (passkey,) = ada.passkeys()
    ada.home.run(service.remove_passkey, ada.id, passkey.id)
    assert ada.home.run(recovery.left, ada.id) == 0
    assert ada.home.run(proofs.ways_of, ada.id) == ()


def test_a_code_has_more_bits_than_asvs_asks_for():
    code = recovery._code().replace("-", "")
    assert len(code) * 5 >= 112 and len(set(recovery._LETTERS)) == 32
