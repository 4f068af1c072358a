"""The concept map in a real browser: reached by key, zoomed, and the same without scripts."""

from __future__ import annotations

import pytest

from bloop.graph import service
from tests.web.looking import NARROW, OVERFLOW, violations
from tests.web.test_browser import visit  # noqa: F401

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture(scope="module")
def drawn(served):
    """A chain of concepts with a side branch, and one by itself; the id of the middle one."""
    with served.unit() as unit:
        names = ("Rope", "String", "Overtone", "Timbre", "Simple harmonic motion of a pendulum")
        ids = [service.add_concept(unit, name) for name in names]
        for before, after in ((0, 1), (1, 2), (2, 3), (1, 4)):
            service.link(unit, ids[before], ids[after])
        return ids[1]


def test_a_map_is_walked_zoomed_and_read_by_everybody(visit, served, drawn):  # noqa: F811
    with visit(served.login_path(), reduced_motion="reduce", locale="en") as page:
        page.goto(f"/concepts/{drawn}")
        page.get_by_role("link", name="See it on a map").press("Enter")
        svg = page.get_by_role("group", name="Concept map")
        names = svg.get_by_role("link").evaluate_all("all => all.map(a => a.ariaLabel)")
        assert [name.partition(":")[0] for name in names] == [
            "Rope",
            "String",
            "Overtone",
            "Simple harmonic motion of a pendulum",
            "Timbre",
        ]
        assert violations(page) == []
        # A name never leaves its box, whichever fonts there are.
        assert page.evaluate(
            "[...document.querySelectorAll('.map .node')].every(a => a.querySelector('text')"
            ".getBBox().width <= a.querySelector('rect').getBBox().width - 36)"
        )
        wide = svg.bounding_box()["width"]
        page.get_by_role("button", name="Larger").click()
        assert svg.bounding_box()["width"] == pytest.approx(wide * 1.25, abs=1)
        page.get_by_role("region", name="Drawing").press("0")
        assert svg.bounding_box()["width"] == pytest.approx(wide, abs=1)
        page.set_viewport_size(NARROW)
        assert page.evaluate(OVERFLOW) <= 0
        page.get_by_role("region", name="Drawing").press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Rope")
        cookies = page.context.cookies()
    with visit("/", java_script_enabled=False, locale="en") as page:
        page.context.add_cookies(cookies)
        page.goto(f"/map?concept={drawn}")
        assert page.get_by_role("button", name="Larger").count() == 0
        page.get_by_text("The same as a list").click()
        page.locator("#outline").get_by_role("link", name="Timbre").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Timbre"
