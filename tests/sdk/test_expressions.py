"""The grammar of plots: what has a value, and what has none."""

import pytest

from bloop_sdk.storyboard.expressions import Expression


@pytest.mark.parametrize(
    ("text", "x", "value"),
    [
        ("2*x^2 + 1", 3, 19.0),
        ("ceil(x)", 1.5, 2.0),
        ("x^0.5", -1, None),
        ("1/x", 0, None),
        ("x^x", 1e300, None),
        # Of whole numbers this power would take for ever.
        ("floor(9^9)^floor(9^9)", 0, None),
        ("floor(9^99*9^99)*floor(9^99*9^99)", 0, None),
    ],
)
def test_a_function_has_a_number_or_no_value(text, x, value):
    assert Expression.parse(text).at(x) == value


@pytest.mark.parametrize("text", ["True", "x and x", "x.real", "open(x)", "x if x else 1", "'a'"])
def test_what_is_no_arithmetic_is_refused(text):
    with pytest.raises(ValueError, match="not known here"):
        Expression.parse(text)
