"""Every page of the hub in a real browser: nothing for axe to find, nothing to scroll across."""

from __future__ import annotations

import shutil

import pytest

from tests.support.serving import serving
from tests.web.inventory import PAGES
from tests.web.looking import AXE, NARROW, OF_COLOURS, OVERFLOW

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def shown(filled, tmp_path_factory):
    """The address of a served hub with something on every page, and what it was filled with."""
    folder = tmp_path_factory.mktemp("pages") / "hub"
    shutil.copytree(filled[0], folder)
    with serving(folder) as url:
        yield url, filled[1]


@pytest.fixture
def look(shown, browser):
    """Look at the pages of some roles, one after another: their names and what is wrong."""
    url, of = shown

    def look(roles, judge, **options):
        wrong = {}
        for role in roles:
            context = browser.new_context(
                base_url=url, locale="en", service_workers="block", **options
            )
            if role is not None:
                cookie = {"name": "bloop_session", "value": of.sessions[role], "url": url}
                context.add_cookies([cookie])
            page = context.new_page()
            for one in (one for one in PAGES if one.role == role):
                page.goto(of.path_of(one.path))
                if found := judge(page):
                    wrong[one.name] = found
            context.close()
        return wrong

    return look


ROLES = {
    "everybody": (None, "learner"),
    "staff": ("educator", "admin", "operator"),
}


@pytest.mark.parametrize("roles", ROLES.values(), ids=ROLES)
def test_axe_finds_nothing_in_light_or_dark_and_a_phone_needs_not_scroll_across(look, roles):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def judge(page):
        found = []
        for scheme, asked in (("light", AXE), ("dark", OF_COLOURS)):
            page.emulate_media(color_scheme=scheme)
            violations = axe.run(page, options=asked).response["violations"]
            found += [(scheme, one["id"], one["nodes"][0]["html"][:200]) for one in violations]
        wide = page.evaluate(OVERFLOW)
        return found + ([("wide", wide)] if wide > 0 else [])

    assert look(roles, judge, viewport=NARROW, reduced_motion="reduce") == {}
