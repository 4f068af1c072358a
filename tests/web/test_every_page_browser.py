"""Every page of the hub in a real browser: nothing for axe to find, nothing to scroll across."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from tests.support.serving import serving
from tests.web.filled import open_filled
from tests.web.inventory import PAGES

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")

NARROW = {"width": 320, "height": 640}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# It is loaded into the page alone: of frames it would only wait for an answer that none gives.
AXE = {"resultTypes": ["violations"], "iframes": False}
OF_COLOURS = AXE | {"runOnly": ["color-contrast", "link-in-text-block"]}
"""What another scheme changes of a page: all else is looked for in the first."""


@pytest.fixture(scope="module")
def filled(sample, tmp_path_factory):
    """The address of a served hub with something on every page, and what it was filled with."""
    folder = tmp_path_factory.mktemp("pages") / "hub"
    shutil.copytree(sample, folder)

    async def fill():
        async with open_filled(folder) as (_, filled):
            return filled

    filled = asyncio.run(fill())
    with serving(folder) as url:
        yield url, filled


@pytest.fixture
def look(filled, browser):
    """Look at the pages of some roles, one after another: their names and what is wrong."""
    url, of = filled

    def look(roles, judge, **options):
        wrong = {}
        for role in roles:
            context = browser.new_context(base_url=url, locale="en", **options)
            if role is not None:
                cookie = {"name": "bloop_session", "value": of.sessions[role], "url": url}
                context.add_cookies([cookie])
            page = context.new_page()
            for shown in (one for one in PAGES if one.role == role):
                page.goto(of.path_of(shown.path))
                if found := judge(page):
                    wrong[shown.name] = found
            context.close()
        return wrong

    return look


ROLES = {
    "everybody": (None, "learner"),
    "staff": ("educator", "admin", "operator"),
}


@pytest.mark.parametrize("roles", ROLES.values(), ids=ROLES)
def test_axe_finds_nothing_and_a_phone_needs_not_scroll_across(look, roles):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def judge(page):
        violations = axe.run(page, options=AXE).response["violations"]
        found = [(one["id"], one["nodes"][0]["html"][:200]) for one in violations]
        wide = page.evaluate(OVERFLOW)
        return found + ([("wide", wide)] if wide > 0 else [])

    assert look(roles, judge, viewport=NARROW) == {}


@pytest.mark.parametrize("roles", ROLES.values(), ids=ROLES)
def test_axe_finds_nothing_in_the_dark(look, roles):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def judge(page):
        violations = axe.run(page, options=OF_COLOURS).response["violations"]
        return [(one["id"], one["nodes"][0]["html"][:200]) for one in violations]

    assert look(roles, judge, color_scheme="dark") == {}
