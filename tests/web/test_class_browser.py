"""A teacher's way through the pages of their course in a real browser, and what axe says."""

from __future__ import annotations

import os
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

import bloop.learning.following  # noqa: F401 - hears answers
from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.content import service
from bloop.content.enrolling.service import enrol
from bloop.content.models import Item
from bloop.graph.service import add_concept, cover, link
from bloop.learning.answers import Given, record
from bloop.learning.progress.models import ItemProgress
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from tests.web.looking import NARROW, OVERFLOW, violations
from tests.web.test_browser import visit  # noqa: F401

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect

SHOTS = os.environ.get("BLOOP_TEST_SHOTS")
"""A folder for pictures of these pages, for whoever wants to look at them."""
NAMES = [
    "Ada Lovelace",
    "Emmy Noether",
    "Lise Meitner",
    "Maria Goeppert-Mayer",
    "Rosalind Franklin",
]
TITLES = ["Vibration and pitch", "Waves", "Harmonics", "Intervals and the fifth", "Temperament"]
CONCEPTS = ["Vibration", "Wave", "Harmonic", "Interval", "Temperament"]


@pytest.fixture(scope="module")
def group(served):
    """A course of five lessons, each about the next concept, and five who learn in it."""
    now, made = utcnow(), SimpleNamespace(items=[], learners=[])
    with served.unit() as unit:
        here = unit.institution
        made.course = service.create_container(unit, title="Sound", published=True).id
        for title in TITLES:
            item = service.create_item(unit, made.course, kind="page", title=title, html="<p>x</p>")
            service.publish(unit, Item, item.id, None, lambda *_: None)
            made.items.append(item.id)
        names = [add_concept(unit, name) for name in CONCEPTS]
        for before, after in pairwise(names):
            link(unit, before, after)
        for item, name in zip(made.items, names, strict=True):
            cover(unit, item, name, "teaches")
        for name in [*NAMES, "Ed"]:
            user = User(institution_id=here, name=name, role="learner")
            unit.session.add(user)
            unit.session.flush()
            role = "educator" if name == "Ed" else "learner"
            enrol(unit, made.course, user=user.id, role=role)
            made.learners.append(user.id)
        made.token = start_session(unit, unit.get(User, made.learners.pop())).token
        for far, learner in enumerate(made.learners):
            for place, item in enumerate(made.items[: far + far // 4]):
                at = now - timedelta(days=16 if far == 1 else 5 * place)
                key = {"institution_id": here, "user_id": learner, "item_id": item}
                unit.session.add(
                    ItemProgress(**key, container_id=made.course, opened_at=at, done_at=at)
                )
                given = [Given(item=item, key=new_id(), score=float(place != 2), at=at)]
                record(unit, learner, given)
    return made


@pytest.fixture
def teach(visit, served, group):  # noqa: F811 - the fixture
    """The page of whoever teaches the course."""

    def opened(path, **options):
        cookie = {"name": "bloop_session", "value": group.token, "url": served.url}
        state = {"cookies": [cookie | {"domain": "127.0.0.1", "path": "/"}], "origins": []}
        del state["cookies"][0]["url"]
        return visit(path, storage_state=state, **options)

    return opened


def shoot(page, name):
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_who_teaches_finds_who_is_stuck_what_helps_and_sets_it_right(teach, group):
    with teach(f"/courses/{group.course}", java_script_enabled=False, locale="en") as page:
        nav = page.get_by_role("navigation", name="For those who teach")
        nav.get_by_role("link", name="Progress").click()
        expect(page.get_by_role("heading", name="Who is stuck")).to_be_visible()
        page.get_by_role("link", name="Lessons done").click()
        sorted_by = page.locator("th[aria-sort]")
        assert (sorted_by.inner_text(), sorted_by.get_attribute("aria-sort")) == (
            "Lessons done ↓",
            "descending",
        )
        assert page.locator("tbody th").first.inner_text() == "Rosalind Franklin"

        nav.get_by_role("link", name="Gaps").click()
        page.get_by_label("A concept that they are to reach").fill("temperament")
        page.get_by_role("button", name="Show").click()
        helps = page.get_by_role("list").filter(has_text="it is the next step").first
        helps.get_by_role("link", name="Harmonics").first.click()
        assert page.get_by_role("heading", level=1).inner_text() == "Harmonics"

        page.goto(f"/courses/{group.course}/recommendations")
        page.get_by_label("Lesson", exact=True).select_option("Harmonics")
        page.get_by_label("Pin").check()
        page.get_by_role("button", name="Save").click()
        assert page.get_by_role("status").inner_text().startswith("Saved: Harmonics")
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Nothing is overruled in this course.")).to_be_visible()

        nav.get_by_role("link", name="Certificate").click()
        page.get_by_label("Average of the scores").fill("60")
        page.get_by_role("button", name="Who would get it now?").click()
        assert "of 5 learners would get it now" in page.get_by_role("status").inner_text()
        assert page.get_by_label("Average of the scores").input_value() == "60"


def test_axe_finds_nothing_on_these_pages_and_they_fit_a_narrow_screen(teach, served, group):
    here = f"/courses/{group.course}"
    paths = ["", "/progress?sort=-seen", "/gaps?goal=Temperament", "/gaps?goal=zzz"]
    paths += [f"/recommendations?user={group.learners[2]}", "/certificate"]
    with teach(here, locale="de", reduced_motion="reduce") as page:
        for place, path in enumerate(paths):
            page.goto(here + path)
            if path.endswith("zzz"):
                complaint = page.locator("[aria-invalid]")
                assert complaint.input_value() == "zzz"
            assert violations(page) == [], path
            shoot(page, f"{place}-dark")
            page.emulate_media(color_scheme="light")
            page.set_viewport_size(NARROW)
            assert page.evaluate(OVERFLOW) <= 0, path
            shoot(page, f"{place}-narrow")
            page.evaluate("document.documentElement.dir = 'rtl'")
            assert page.evaluate(OVERFLOW) <= 0, path
            shoot(page, f"{place}-rtl")
            page.set_viewport_size({"width": 1280, "height": 720})
