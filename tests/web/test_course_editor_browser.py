"""An outline is moved with keys and the mouse, and a text is seen and saved as it is written."""

from __future__ import annotations

import pytest

from bloop.content import adding, service
from bloop.content.models import Item

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect


def test_a_course_is_arranged_and_a_lesson_saves_itself(served, written, browser):
    with served.unit() as unit:
        week = adding.add(unit, written, kind="module", title="Week 1")
        page, other = (
            adding.add(unit, written, kind="page", title=title) for title in ("pH", "Salt")
        )
        lesson = service.publish(unit, Item, page.item_id, None, lambda *_: None)
        week, page, other, lesson = (one.id for one in (week, page, other, lesson))
    context = browser.new_context(base_url=served.url, locale="en")
    tab = context.new_page()
    faults = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(served.login_path())
    tab.goto(f"/courses/{written}/edit")
    row = tab.locator("#n-" + page)
    row.get_by_role("link", name="Change pH").focus()
    tab.keyboard.press("Alt+ArrowRight")
    expect(row).to_have_attribute("data-parent", week)
    expect(row.get_by_role("link", name="Change pH")).to_be_focused()
    salt = tab.locator("#n-" + other)
    salt.drag_to(row, target_position={"x": 30, "y": 4})
    expect(salt).to_have_attribute("data-parent", week)
    assert tab.locator("[data-node]").all_inner_texts()[1].startswith("Salt")

    tab.goto(f"/lessons/{lesson}/edit")
    tab.get_by_label("Text", exact=True).fill("A *drop* of $x^2$.")
    seen = tab.frame_locator(".seen iframe:not(.behind)")
    expect(seen.locator("em")).to_have_text("drop")
    expect(seen.locator("math")).to_have_count(1)
    expect(tab.locator("#saving")).to_have_text("Saved.", timeout=9000)
    other_tab = context.new_page()
    other_tab.goto(f"/lessons/{lesson}/edit")
    expect(other_tab.get_by_label("Text", exact=True)).to_have_value("A *drop* of $x^2$.")
    other_tab.get_by_role("button", name="Save", exact=True).click()
    # Left behind without a word to the hub: this browser has kept it.
    tab.get_by_label("Text", exact=True).fill("Never sent")
    tab.goto(f"/lessons/{lesson}/edit")
    tab.get_by_role("button", name="Take it back").click()
    expect(tab.get_by_label("Text", exact=True)).to_have_value("Never sent")
    context.close()
    assert faults == []
