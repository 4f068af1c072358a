"""What is read of captions: words and times, whatever else stands in the file."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bloop_sdk.captions import read_captions

WEBVTT = """\ufeffWEBVTT - a title

STYLE
::cue { color: red }

NOTE 00:01.000 --> 00:02.000
not said

intro
00:02.500 --> 00:04.000 align:start
<v Ada>Light &amp; <00:00:03.000><c>leaf</c>

01:02:03.250 --> 01:02:05.000
of two
lines

01:02:05.000 --> 01:02:06.000
of two lines
"""
SUBRIP = "1\r\n00:00:01,5 --> 00:00:02,000\r\n<i>Light</i>\r\n\r\n2\r\n00:02:13,000 --> 00:02:14,000\r\n{\\an8}leaf\r\n"  # noqa: E501


def test_words_have_the_time_of_their_cue():
    said = read_captions(WEBVTT)
    assert said.text == "Light & leaf\nof two lines"
    assert said.moments == ((0, 2.5), (13, 3723.25))
    said = read_captions(SUBRIP)
    assert (said.text, said.moments) == ("Light\nleaf", ((0, 1.5), (6, 133.0)))
    assert read_captions("Just a text.\n\nAnother.") == read_captions("")


@given(st.text(alphabet="0123456789:.,-> \n\r<>&;{}\\aWEBVTNO", max_size=300))
def test_whatever_it_is_given_places_and_times_rise(captions):
    said = read_captions(captions)
    for one, following in pairwise(said.moments):
        assert one[0] < following[0]
        assert one[1] <= following[1]
    assert all(0 <= at < len(said.text) for at, _ in said.moments)
