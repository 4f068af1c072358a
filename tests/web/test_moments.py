"""Days and times in words."""

from __future__ import annotations

from datetime import date

import pytest

from bloop.web.moments import in_full, without_year
from bloop.web.navigation import MOST_OF_BAR, Navigation, NavLink


@pytest.mark.parametrize(
    ("locale", "full", "day"),
    [
        ("en", "31 January 2026, 08:00 UTC", "Sat, 31 Jan"),
        ("de", "31. Januar 2026, 08:00 UTC", "Sa., 31. Jan."),
        ("ar", "31 يناير 2026، 08:00 UTC", "السبت، 31 يناير"),
    ],
)
def test_days_are_written_as_their_language_has_them(locale, full, day):
    assert in_full("2026-01-31T08:00:00+00:00", locale) == full
    assert without_year(date(2026, 1, 31), locale, "EEE, d MMM") == day


@pytest.mark.parametrize("count", [0, MOST_OF_BAR, MOST_OF_BAR + 1, 12])
def test_the_bar_keeps_every_link_and_hides_none_alone(count):
    links = [NavLink(str(n), f"/{n}", "") for n in range(count)]
    found = Navigation(links, [])
    assert found.shown + found.rest == links
    assert len(found.shown) <= MOST_OF_BAR
    assert len(found.rest) != 1
