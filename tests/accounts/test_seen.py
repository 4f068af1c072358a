"""Names as people write them: joiners stay, and what nobody sees does not."""

from __future__ import annotations

import pytest

from bloop.accounts.people.service import clean_name
from bloop.accounts.seen import is_seen, seen
from bloop.store.errors import InvalidError

PERSIAN, SINHALA, FAMILY = "علی‌رضا", "ශ්‍රී", "👩‍🏫 Ada"


@pytest.mark.parametrize("name", [PERSIAN, SINHALA, FAMILY, "Ada  Lovelace "])
def test_joiners_are_part_of_a_name(name):
    assert clean_name(name) == " ".join(name.split())
    assert is_seen(clean_name(name))
    assert seen(f"{name}\u202e\n\x00") == name


@pytest.mark.parametrize(
    "name", ["", " ", "\u200c", "\u200d \u200c", "Ada\u202eecaL", "a\x00", "x" * 201]
)
def test_what_nobody_sees_is_no_name(name):
    with pytest.raises(InvalidError):
        clean_name(name)
