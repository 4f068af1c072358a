"""Money that comes and goes in parts, as one function sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from bloop_commerce.standing import Plan, Stated, Terms, stand
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind, PaymentFact

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
TERMS = Terms(total=4900, currency="EUR", plan="p", plans={"p": Plan(courses=("c1",), seats=0)})


def stated(moves):
    """Facts of amounts, one a day: what is below zero went back, of the capture it names."""
    for day, (amount, about) in enumerate(moves):
        at = BEGAN + timedelta(days=day)
        fact = PaymentFact(
            kind=FactKind.REFUNDED if about else FactKind.CAPTURED,
            id=f"m{day}",
            remote_id="r1",
            as_of=at,
            money=Money(amount=abs(amount), currency="EUR"),
            about=about,
        )
        yield Stated("till", fact, at)


@pytest.mark.parametrize(
    ("moves", "state", "since"),
    [
        ([(4000, ""), (900, "")], "paid", 1),
        ([(4000, ""), (900, ""), (-900, "m1"), (-100, "m0")], "paid", 1),
        ([(4000, ""), (900, ""), (-900, "m1"), (-4000, "m0")], "refunded", None),
        ([(4000, ""), (-4000, "m0"), (900, "")], "refunded", None),
        ([(4000, ""), (-4000, "m0"), (4900, "")], "paid", 2),
        ([(4900, ""), (4900, ""), (-4900, "m0")], "paid", 0),
        ([(4900, ""), (-4900, "m0"), (4900, "")], "paid", 2),
    ],
    ids=["parts", "a part back", "all back", "short again", "anew", "twice", "bought again"],
)
def test_access_is_from_all_that_was_agreed_until_nothing_is_left(moves, state, since):
    facts = list(stated(moves))
    for order in permutations(facts):
        found = stand(TERMS, order)
        assert found.state == state
        begins = [span.start for span in found.spans]
        assert begins == ([] if since is None else [BEGAN + timedelta(days=since)])
