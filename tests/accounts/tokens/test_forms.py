"""What kind a credential is, told by its form alone."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.accounts.tokens import forms
from bloop.accounts.tokens.forms import ALPHABET, Form, institution_of, mint
from bloop_sdk._masking import mask_text

HOME = "019a21c4-6b1e-7c2a-9d1f-0a4f3f8a1b2c"
KEY = mint(Form.PERSONAL_KEY, HOME)


@given(st.uuids(), st.binary(min_size=32, max_size=32), st.sampled_from(Form))
def test_a_credential_names_its_institution(institution, secret, form):
    made = mint(form, str(institution), secret)
    assert institution_of(made, form) == str(institution)
    assert re.fullmatch(f"{form}[0-9A-Za-z]{{71}}", made)
    assert [institution_of(made, other) for other in Form if other is not form] == [None, None]


def test_no_two_are_alike_and_the_same_secret_gives_the_same():
    assert mint(Form.REFRESH, HOME) != mint(Form.REFRESH, HOME)
    assert mint(Form.REFRESH, HOME, b"s" * 32) == mint(Form.REFRESH, HOME, b"s" * 32)


@given(st.integers(len(Form.PERSONAL_KEY), len(KEY) - 1), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_noticed_without_a_query(at, letter):
    altered = KEY[:at] + letter + KEY[at + 1 :]
    assert (institution_of(altered, Form.PERSONAL_KEY) is None) is (altered != KEY)


@given(st.integers(len(Form.PERSONAL_KEY), len(KEY) - 2))
def test_two_letters_that_changed_places_are_noticed(at):
    altered = KEY[:at] + KEY[at + 1] + KEY[at] + KEY[at + 2 :]
    assert (institution_of(altered, Form.PERSONAL_KEY) is None) is (altered != KEY)


@given(st.text(max_size=120))
def test_nothing_else_is_a_credential(text):
    for form in Form:
        assert institution_of(text, form) is None
        assert institution_of(form + text, form) is None


@pytest.mark.parametrize(
    "altered",
    [KEY[:-1], KEY + "0", KEY + "\n", " " + KEY, KEY.lower()],
    ids=["cut", "longer", "a line", "behind a space", "small"],
)
def test_a_credential_has_no_other_spelling(altered):
    assert institution_of(altered, Form.PERSONAL_KEY) is None


def test_an_institution_beyond_128_bits_is_none():
    whose = "z" * forms.INSTITUTION_LETTERS
    text = f"{Form.REFRESH}{whose}{'0' * forms.SECRET_LETTERS}"
    assert institution_of(text + forms._check(text), Form.REFRESH) is None


def test_kinds_do_not_overlap():
    session, signed = f"{HOME}.{'x' * 43}", "eyJhbGciOiJub25lIn0.e30."
    kinds = [forms.is_session, forms.is_jwt, forms.api_key_form]
    for token, kind in ((session, 0), (signed, 1), (KEY, 2)):
        assert [bool(tell(token)) for tell in kinds] == [number == kind for number in range(3)]
    assert forms.api_key_form(mint(Form.REFRESH, HOME)) is None


def test_the_hint_is_of_the_secret_and_four_letters_long():
    assert UUID(institution_of(KEY, Form.PERSONAL_KEY)) == UUID(HOME)
    assert forms.hint(KEY) == KEY[-10:-6]


@pytest.mark.parametrize("form", Form)
def test_logs_do_not_show_one(form):
    made = mint(form, HOME)
    masked = mask_text(f"it sent {made}, and then {{'key': '{made}'}}")
    assert made[len(form) :] not in masked
