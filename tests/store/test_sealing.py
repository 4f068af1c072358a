"""Sealed values open at their own place with their own key, and nowhere else."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.store.keyring import FILE, master_keys
from bloop.store.sealing import MasterKeys, Place, Sealer, SealError, version_of
from bloop_sdk import ConfigError

PLACE = Place("secret", "value", "019a", "canvas")
ONE, TWO = os.urandom(32), os.urandom(32)
SEALER = Sealer(MasterKeys({1: ONE}, 1))


@given(st.binary(max_size=2000))
def test_a_sealed_value_opens_again(value):
    sealed = SEALER.seal(value, PLACE)
    assert SEALER.open(sealed, PLACE) == value
    assert len(sealed) == 5 + 60 + 28 + len(value)


@pytest.mark.parametrize("part", ["table", "column", "row", "plugin"])
def test_a_value_does_not_open_at_another_place(part):
    sealed = SEALER.seal(b"secret", PLACE)
    with pytest.raises(SealError):
        SEALER.open(sealed, replace(PLACE, **{part: "other"}))


def test_parts_of_a_place_do_not_run_together():
    sealed = SEALER.seal(b"secret", Place("a", "b,c", "d"))
    with pytest.raises(SealError):
        SEALER.open(sealed, Place("a,b", "c", "d"))


@given(st.data())
def test_an_altered_value_does_not_open(data):
    sealed = bytearray(SEALER.seal(b"a secret of some length", PLACE))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealError):
        SEALER.open(bytes(sealed), PLACE)


@given(st.binary(max_size=100))
def test_what_was_never_sealed_does_not_open(junk):
    with pytest.raises(SealError):
        SEALER.open(junk, PLACE)


def test_no_two_seals_are_alike():
    assert len({SEALER.seal(b"same", PLACE) for _ in range(100)}) == 100


def test_an_old_key_still_opens_and_the_current_one_seals():
    old = SEALER.seal(b"secret", PLACE)
    both = Sealer(MasterKeys({1: ONE, 2: TWO}, 2))
    new = both.rewrap(old, PLACE)
    assert (version_of(old), version_of(new)) == (1, 2)
    assert both.open(old, PLACE) == both.open(new, PLACE) == b"secret"
    with pytest.raises(SealError, match="master key 2"):
        SEALER.open(new, PLACE)


def test_another_key_of_the_same_version_opens_nothing():
    with pytest.raises(SealError):
        Sealer(MasterKeys({1: TWO}, 1)).open(SEALER.seal(b"secret", PLACE), PLACE)


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path):
    made = master_keys(tmp_path)
    assert master_keys(tmp_path) == made
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert made.keys[1].hex() not in repr(made)


@pytest.mark.parametrize("text", ["", "{}", '{"current": 1, "keys": {"1": "00"}}', "[1]", "\xff"])
def test_a_broken_file_of_keys_is_told(tmp_path, text):
    (tmp_path / FILE).write_text(text, "latin-1")
    with pytest.raises(ConfigError, match=FILE):
        master_keys(tmp_path)
