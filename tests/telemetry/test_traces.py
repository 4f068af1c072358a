import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.telemetry.traces import child, parse, start
from bloop_sdk import Trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "header",
    [
        f"00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-00",
        f" 00-{TRACE}-{SPAN}-01 ",
        f"cc-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
    ],
)
def test_a_valid_header_is_read(header):
    assert parse(header) == Trace(TRACE, SPAN)
    ours = start(header)
    assert ours.trace_id == TRACE
    assert ours.span_id != SPAN


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-01-{'x' * 1000}",
        f"0\N{ARABIC-INDIC DIGIT ZERO}-{TRACE}-{SPAN}-01",
    ],
)
def test_an_invalid_header_starts_a_new_trace(header):
    assert parse(header) is None
    assert start(header).trace_id != TRACE


@given(st.text())
def test_no_header_is_too_odd(header):
    made = start(header)
    assert parse(str(made)) == made


def test_each_trace_and_span_is_new():
    one, two = start(), start()
    assert one.trace_id != two.trace_id
    inner = child(one)
    assert (inner.trace_id, inner.span_id == one.span_id) == (one.trace_id, False)
