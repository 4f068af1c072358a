"""Passkeys: what an honest device gives is taken once; everything else is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bloop.accounts.mfa import passkeys, service
from bloop.accounts.mfa.challenges import SECONDS, Purpose
from bloop.accounts.mfa.errors import ProofRefusedError
from bloop.accounts.mfa.passkeys import Asked, handle_of, holder_of_handle
from bloop.store.errors import ConflictError, NotFoundError
from tests.accounts.mfa.conftest import PARTY, audited
from tests.support.authenticator import Authenticator

EVIL = "https://evil.example"


def asked(person):
    return Asked(Purpose.STEP_UP, person.session)


def options_for(person):
    return person.home.run(passkeys.assertion_options, asked(person), PARTY, person.id)


def check(person, credential, party=PARTY):
    return person.home.run(passkeys.check, asked(person), party, person.id, credential)


def refused(person, reason):
    assert audited(person.home, "mfa.refused")[-1] == {"way": "passkey", "reason": reason}


def test_a_passkey_is_registered_and_proves_who_has_it(ada):
    for attestation, codes in (("none", 10), ("packed", 0)):
        device, added = ada.passkey(Authenticator(attestation=attestation), "Ada's phone")
        assert len(added.recovery_codes) == codes
        assert check(ada, device.get(options_for(ada))) is None
    kept, _ = ada.passkeys()
    assert (kept.name, kept.sign_count, kept.transports) == ("Ada's phone", 1, ["internal"])
    assert kept.last_used_at is not None


def test_what_is_asked_for_is_discoverable_and_verified(ada):
    options = ada.home.run(service.begin_passkey, ada.id, ada.session, PARTY)
    assert options["rp"] == {"id": "localhost", "name": "Here"}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    device, _ = ada.passkey()
    assert options_for(ada)["userVerification"] == "required"
    assert [one["id"] for one in options_for(ada)["allowCredentials"]] == [
        device.get(options_for(ada))["id"]
    ]
    again = ada.home.run(service.begin_passkey, ada.id, ada.session, PARTY)
    assert len(again["excludeCredentials"]) == 1


def test_an_account_has_several_and_removes_them_one_by_one(ada):
    first, _ = ada.passkey(name="phone")
    second, added = ada.passkey(name="key")
    assert added.recovery_codes == ()
    ada.home.run(service.remove_passkey, ada.id, ada.passkeys()[0].id)
    assert isinstance(check(ada, first.get(options_for(ada))), ProofRefusedError)
    refused(ada, "unknown")
    assert check(ada, second.get(options_for(ada))) is None
    with pytest.raises(NotFoundError):
        ada.home.run(service.remove_passkey, ada.home.person("Bob").id, ada.passkeys()[0].id)


def test_there_is_an_end_to_how_many(ada, monkeypatch):
    monkeypatch.setattr(passkeys, "MOST", 1)
    ada.passkey()
    with pytest.raises(ConflictError, match="at most 1"):
        ada.passkey()


def test_an_assertion_is_taken_once(ada):
    device, _ = ada.passkey(Authenticator(counts=False))
    credential = device.get(options_for(ada))
    assert check(ada, credential) is None
    assert isinstance(check(ada, credential), ProofRefusedError)
    refused(ada, "challenge")


def test_one_assertion_in_many_threads_is_taken_once(ada):
    device, _ = ada.passkey(Authenticator(counts=False))
    credential = device.get(options_for(ada))
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: check(ada, credential), range(8)))
    assert outcomes.count(None) == 1


def test_a_challenge_that_is_too_old_is_refused(ada, clock):
    device, _ = ada.passkey()
    credential = device.get(options_for(ada))
    clock.now += timedelta(seconds=SECONDS)
    assert isinstance(check(ada, credential), ProofRefusedError)
    refused(ada, "challenge")


def test_a_refused_assertion_uses_its_challenge_up(ada):
    device, _ = ada.passkey()
    options = options_for(ada)
    assert isinstance(check(ada, device.get(options, origin=EVIL)), ProofRefusedError)
    refused(ada, "invalid")
    assert isinstance(check(ada, device.get(options)), ProofRefusedError)
    refused(ada, "challenge")


def test_client_data_of_elsewhere_is_refused(ada):
    device, _ = ada.passkey()
    for said in (
        {"origin": EVIL},
        {"origin": "http://localhost:8081"},
        {"origin": "https://localhost:8080"},
        {"type": "webauthn.create"},
        {"challenge": "AAAA"},
        {"challenge": 7},
    ):
        credential = device.get(options_for(ada), **said)
        assert isinstance(check(ada, credential), ProofRefusedError), said


def test_a_passkey_of_another_host_is_refused(ada):
    device, _ = ada.passkey()
    options = options_for(ada) | {"rpId": "evil.example"}
    assert isinstance(check(ada, device.get(options)), ProofRefusedError)
    refused(ada, "invalid")


def test_a_device_that_is_another_or_asked_nobody_is_refused(ada):
    device, _ = ada.passkey()
    for change in ({"key": Authenticator().key}, {"verifies": False}):
        dishonest = replace(device, **change)
        assert isinstance(check(ada, dishonest.get(options_for(ada))), ProofRefusedError), change
        refused(ada, "invalid")


def test_a_copy_of_a_device_shows_itself_by_its_counter(ada):
    device, _ = ada.passkey()
    copy = replace(device)
    for _ in range(3):
        assert check(ada, device.get(options_for(ada))) is None
    assert isinstance(check(ada, copy.get(options_for(ada))), ProofRefusedError)
    refused(ada, "counter")
    copy.counts, copy.counter = False, 0
    assert isinstance(check(ada, copy.get(options_for(ada))), ProofRefusedError), "back to none"
    refused(ada, "counter")
    assert check(ada, device.get(options_for(ada))) is None


def test_a_passkey_of_somebody_else_is_refused(ada):
    ada.passkey()
    bob = ada.home.person("Bob")
    device, _ = bob.passkey()
    assert isinstance(check(ada, device.get(options_for(ada))), ProofRefusedError)
    refused(ada, "unknown")


def test_challenges_of_two_people_can_not_be_swapped(ada):
    device, _ = ada.passkey()
    bob = ada.home.person("Bob")
    bobs, _ = bob.passkey()
    for_ada, for_bob = options_for(ada), options_for(bob)
    assert isinstance(check(ada, device.get(for_bob)), ProofRefusedError)
    refused(ada, "challenge")
    assert isinstance(check(bob, bobs.get(for_ada)), ProofRefusedError)
    refused(bob, "challenge")


def test_a_challenge_for_one_thing_is_good_for_no_other(ada):
    device, _ = ada.passkey()
    elsewhere = Asked(Purpose.SECOND_FACTOR, ada.session)
    options = ada.home.run(passkeys.assertion_options, elsewhere, PARTY, ada.id)
    assert isinstance(check(ada, device.get(options)), ProofRefusedError)
    refused(ada, "challenge")


def test_a_handle_of_another_account_is_refused(ada):
    device, _ = ada.passkey()
    bob = ada.home.person("Bob")
    bobs, _ = bob.passkey()
    device.handle = bobs.handle
    assert isinstance(check(ada, device.get(options_for(ada))), ProofRefusedError)
    refused(ada, "unknown")


def register(person, credential, party=PARTY):
    args = (person.id, person.session, party, "phone", credential)
    return person.home.run(service.add_passkey, *args)


def begin(person):
    return person.home.run(service.begin_passkey, person.id, person.session, PARTY)


def test_a_registration_is_taken_once(ada):
    credential = Authenticator().create(begin(ada))
    assert isinstance(register(ada, credential), service.Added)
    assert isinstance(register(ada, credential), ProofRefusedError)
    refused(ada, "challenge")


def test_a_device_is_registered_for_one_account_once(ada):
    device, _ = ada.passkey()
    bob = ada.home.person("Bob")
    for person in (ada, bob):
        assert isinstance(register(person, device.create(begin(person))), ProofRefusedError)
        refused(ada, "known")


def test_a_registration_that_proves_nothing_is_refused(ada):
    for change in ({"verifies": False}, {"origin": EVIL}, {"attestation": "made-up"}):
        credential = Authenticator(**change).create(begin(ada))
        assert isinstance(register(ada, credential), ProofRefusedError), change
        refused(ada, "invalid")


def test_an_attestation_that_something_else_has_signed_is_refused(ada):
    device = Authenticator(attestation="packed")
    honest = device._cose
    device._cose = lambda: Authenticator()._cose()
    assert isinstance(register(ada, device.create(begin(ada))), ProofRefusedError)
    assert honest() != device._cose()


def test_registrations_of_two_people_can_not_be_swapped(ada):
    bob = ada.home.person("Bob")
    assert isinstance(register(bob, Authenticator().create(begin(ada))), ProofRefusedError)
    assert bob.passkeys() == []


def test_junk_is_refused_like_everything_else(ada):
    ada.passkey()
    for junk in (
        {},
        {"response": None},
        {"response": {"clientDataJSON": "!!"}},
        {"response": {"clientDataJSON": "e30"}},
        {"response": {"clientDataJSON": 7}},
        {"response": {"clientDataJSON": "W1tb" * 100_000}},
        {"response": {"clientDataJSON": "\ud800"}},
        {"id": ["x"], "response": {"clientDataJSON": "bnVsbA"}},
    ):
        assert isinstance(check(ada, junk), ProofRefusedError), junk
        assert isinstance(register(ada, junk), ProofRefusedError), junk


def test_an_assertion_with_a_part_of_junk_is_refused(ada):
    device, _ = ada.passkey()
    for part in ("id", "rawId", "response", "type", "signature", "authenticatorData"):
        for value in (None, 7, "", "AA", "\x00", "\ud800", [], {}):
            credential = device.get(options_for(ada))
            within = credential if part in credential else credential["response"]
            within[part] = value
            assert isinstance(check(ada, credential), ProofRefusedError), (part, value)


def test_a_handle_names_its_institution_and_account(ada):
    from webauthn.helpers import bytes_to_base64url

    handle = handle_of(ada.home.id, ada.id)
    assert holder_of_handle(bytes_to_base64url(handle)) == (ada.home.id, ada.id)
    for junk in ("", "AAAA", "!", "A" * 500, "ü"):
        assert holder_of_handle(junk) is None


def test_a_registration_with_an_attestation_of_junk_is_refused(ada):
    for junk in (None, "", "AA", "\ud800", "gYGB" * 100_000, "o2NmbXRkbm9uZQ"):
        credential = Authenticator().create(begin(ada))
        credential["response"]["attestationObject"] = junk
        assert isinstance(register(ada, credential), ProofRefusedError), junk
