"""Sealed values open at their own place with their own key, and nowhere else.

What Project Wycheproof's vectors for AES-GCM hold an implementation to, as properties: every bit
of tag, nonce, value and wrapped key counts, no length of a value is special, a shorter or longer
tag or nonce is refused, and no nonce or data key comes twice.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from bloop.store.sealing import LocalKeys, Place, Sealer, SealError, head_of, version_of

PLACE = Place("secret", "value", "019a", "canvas")
ONE, TWO = os.urandom(32), os.urandom(32)
SEALER = Sealer(LocalKeys({1: ONE}))
BOTH = Sealer(LocalKeys({1: ONE, 2: TWO}))
WRAPPED = slice(7, 67)
NONCE = slice(67, 79)
BLOCK = 16


def refused(sealed, place=PLACE, sealer=SEALER):
    with pytest.raises(SealError) as told:
        sealer.open(bytes(sealed), place)
    return told.value.message


@given(st.binary(max_size=2000))
def test_a_sealed_value_opens_again(value):
    sealed = SEALER.seal(value, PLACE, 1)
    assert SEALER.open(sealed, PLACE) == value
    assert len(sealed) == 7 + 60 + 28 + len(value)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 255, 256, 257, 65_537, 1_000_003])
def test_no_length_of_a_value_is_special(size):
    value = os.urandom(size)
    assert SEALER.open(SEALER.seal(value, PLACE, 1), PLACE) == value


def test_every_single_bit_counts():
    sealed = SEALER.seal(b"a value of more than one block", PLACE, 1)
    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        refused(altered)


@given(st.data())
def test_an_altered_value_does_not_open(data):
    sealed = SEALER.seal(b"a secret of some length", PLACE, 1)
    mask = data.draw(st.binary(min_size=len(sealed), max_size=len(sealed)).filter(any))
    refused(bytes(one ^ other for one, other in zip(sealed, mask, strict=True)))


@pytest.mark.parametrize("size", [0, 1, 32])
def test_a_value_that_was_cut_short_does_not_open_at_any_length(size):
    sealed = SEALER.seal(os.urandom(size), PLACE, 1)
    for length in range(len(sealed)):
        refused(sealed[:length])


@given(st.binary(min_size=1, max_size=40))
def test_nothing_may_be_added_at_either_end(more):
    sealed = SEALER.seal(b"secret", PLACE, 1)
    refused(sealed + more)
    refused(sealed[:67] + more + sealed[67:])


@pytest.mark.parametrize("kept", [0, 1, 4, 8, 12, 13, 14, 15])
def test_a_truncated_tag_does_not_authenticate(kept):
    sealed = SEALER.seal(b"secret", PLACE, 1)
    refused(sealed[: len(sealed) - BLOCK + kept])
    wrapped = sealed[WRAPPED]
    short = wrapped[: len(wrapped) - BLOCK + kept]
    refused(sealed[:5] + len(short).to_bytes(2, "big") + short + sealed[67:])


@pytest.mark.parametrize("tag", [bytes(16), b"\xff" * 16])
def test_a_tag_of_zeros_or_ones_is_no_tag(tag):
    sealed = SEALER.seal(b"secret", PLACE, 1)
    refused(sealed[:-16] + tag)


def test_parts_of_two_values_do_not_make_a_third():
    one, two = (SEALER.seal(word, PLACE, 1) for word in (b"secret", b"public"))
    refused(one[:67] + two[67:])
    refused(one[:79] + two[79:])
    refused(one[:-16] + two[-16:])


@given(st.binary(max_size=200))
def test_what_was_never_sealed_does_not_open(junk):
    refused(junk)
    refused(head_of(1) + junk)


def test_no_nonce_data_key_or_result_comes_twice():
    sealed = [SEALER.seal(b"same", PLACE, 1) for _ in range(2000)]
    for part in (slice(None), slice(7, 19), WRAPPED, NONCE, slice(79, None)):
        assert len({one[part] for one in sealed}) == 2000


def test_a_value_is_plain_aes_256_gcm_under_a_key_of_its_own():
    """Opened with the library alone, so that others could read what is sealed here."""
    import hmac

    sealed = SEALER.seal(b"secret", PLACE, 1)
    wrapping = AESGCM(hmac.digest(ONE, b"bloop master key wrap", "sha256"))
    wrapped = sealed[WRAPPED]
    data_key = wrapping.decrypt(wrapped[:12], wrapped[12:], sealed[:5] + PLACE.aad)
    assert len(data_key) == 32
    assert AESGCM(data_key).decrypt(sealed[NONCE], sealed[79:], PLACE.aad) == b"secret"
    with pytest.raises(InvalidTag):
        AESGCM(data_key).decrypt(sealed[NONCE], sealed[79:], b"")


@pytest.mark.parametrize("part", ["table", "column", "row", "plugin"])
def test_a_value_does_not_open_at_another_place(part):
    refused(SEALER.seal(b"secret", PLACE, 1), replace(PLACE, **{part: "other"}))


places = st.builds(Place, *[st.text(max_size=6)] * 4)


@given(places, places)
def test_two_places_read_alike_only_where_they_are_the_same(one, two):
    assert (one.aad == two.aad) == (one == two)


def test_rewrapping_touches_the_data_key_alone():
    old = SEALER.seal(b"secret", PLACE, 1)
    new = BOTH.rewrap(old, PLACE, 2)
    assert (version_of(old), version_of(new)) == (1, 2)
    assert old[67:] == new[67:]
    assert old[WRAPPED] != new[WRAPPED]
    assert BOTH.open(old, PLACE) == BOTH.open(new, PLACE) == b"secret"
    assert "master key 2" in refused(new)


def test_what_was_rewrapped_is_bound_to_its_place_and_version_as_before():
    new = BOTH.rewrap(SEALER.seal(b"secret", PLACE, 1), PLACE, 2)
    refused(new, replace(PLACE, row="other"), BOTH)
    refused(head_of(1) + new[5:], PLACE, BOTH)
    with pytest.raises(SealError):
        BOTH.rewrap(new, replace(PLACE, plugin="other"), 1)


def test_another_key_of_the_same_version_opens_nothing():
    refused(SEALER.seal(b"secret", PLACE, 1), PLACE, Sealer(LocalKeys({1: TWO})))


def test_a_proof_tells_keys_apart_and_is_not_the_key():
    keys = LocalKeys({1: ONE, 2: TWO, 3: ONE})
    assert keys.proof(1) == keys.proof(3) != keys.proof(2)
    assert ONE not in keys.proof(1) and ONE.hex() not in repr(keys)
